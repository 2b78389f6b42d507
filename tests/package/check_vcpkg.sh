#!/bin/sh
# Installs the vcpkg port of this source tree, and builds and runs the consumer project over it. Eigen,
# nlohmann/json and utf8proc are the system's own, which ports without files stand for. Not part of
# the default tests.
#   sh tests/package/check_vcpkg.sh VCPKG_ROOT SCRATCH
# VCPKG_ROOT is vcpkg's own folder, with the program in it; SCRATCH is made anew.
set -eu
cd "$(dirname "$0")/../.."
. third_party/debian.sh
need_to_build curl:curl zip:zip unzip:unzip tar:tar patchelf:patchelf
root=$(cd "$1" && pwd)
rm -rf "$2"
mkdir -p "$2/system"
scratch=$(cd "$2" && pwd)
for port in eigen3 nlohmann-json utf8proc; do
  mkdir "$scratch/system/$port"
  echo "{ \"name\": \"$port\", \"version-string\": \"system\" }" >"$scratch/system/$port/vcpkg.json"
  echo 'set(VCPKG_POLICY_EMPTY_PACKAGE enabled)' >"$scratch/system/$port/portfile.cmake"
done
# The programs that vcpkg would bring for itself are the system's too.
VCPKG_FORCE_SYSTEM_BINARIES=1 "$root/vcpkg" install semblance --vcpkg-root="$root" --disable-metrics \
  --overlay-ports="$scratch/system" --overlay-ports=examples/packaging/vcpkg \
  --x-install-root="$scratch/installed" --x-buildtrees-root="$scratch/buildtrees" \
  --x-packages-root="$scratch/packages" --downloads-root="$scratch/downloads" --binarysource=clear
cmake -S tests/package/consumer -B "$scratch/build" -G Ninja \
  -DCMAKE_TOOLCHAIN_FILE="$root/scripts/buildsystems/vcpkg.cmake" \
  -DVCPKG_INSTALLED_DIR="$scratch/installed" -DVCPKG_MANIFEST_MODE=OFF
cmake --build "$scratch/build"
for program in consumer carrying_consumer compiled_consumer; do
  "$scratch/build/$program" tests/golden/models/bert-mlm
done
