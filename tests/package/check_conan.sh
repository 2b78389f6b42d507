#!/bin/sh
# Makes the Conan package of this source tree and runs its test package, over the system's own Eigen,
# nlohmann/json and utf8proc; Conan comes by pip. Not part of the default tests.
#   sh tests/package/check_conan.sh FOLDER       FOLDER holds Conan and its cache and stays
set -eu
cd "$(dirname "$0")/../.."
. third_party/debian.sh
need_to_build python3:python3
mkdir -p "$1"
folder=$(cd "$1" && pwd)
python3 -c 'import ensurepip' 2>/dev/null || need python3-venv
[ -x "$folder/bin/conan" ] || {
  python3 -m venv "$folder"
  "$folder/bin/python" -m pip --disable-pip-version-check install -q conan
}
CONAN_HOME=$folder/cache
export CONAN_HOME
[ -f "$CONAN_HOME/profiles/default" ] || "$folder/bin/conan" profile detect
"$folder/bin/conan" create examples/packaging/conan -o '&:system_packages=True' -s compiler.cppstd=20 --no-remote \
  -c tools.cmake.cmake_layout:test_folder="$folder/test"
