#!/bin/sh
# sh dependencies.sh FOLDER
# Puts into FOLDER/packages what Semblance and its tests need on Windows: the headers of Eigen and
# nlohmann/json as they are installed here, GoogleTest and utf8proc compiled from Debian's sources.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
folder=$PWD
[ ! -f packages/complete ] || exit 0

# The package lists that apt has here are of binaries: lists of sources lie in this folder.
mkdir -p apt/sources apt/lists/partial apt/cache/archives/partial
for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  [ ! -f "$list" ] || sed -n 's/^deb /deb-src /p' "$list" >"apt/sources/$(basename "$list" .list).list"
done
for list in /etc/apt/sources.list.d/*.sources; do
  [ ! -f "$list" ] || sed 's/^Types:.*/Types: deb-src/' "$list" >"apt/sources/$(basename "$list")"
done
apt_get() {
  apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$folder/apt/sources" \
    -o Dir::State::lists="$folder/apt/lists" -o Dir::Cache="$folder/apt/cache" \
    -o APT::Sandbox::User="$(id -un)" "$@"
}
apt_get update || echo "some package lists are missing"
apt_get source --download-only utf8proc
mkdir -p utf8proc
tar xf utf8proc_*.orig.tar.* -C utf8proc --strip-components=1

rm -rf packages
mkdir packages
for package in libeigen3-dev nlohmann-json3-dev; do
  dpkg-query -L "$package" | grep -E '^/usr/(include|share/(cmake|eigen3)|lib/cmake)/' |
    while read -r file; do
      [ ! -f "$file" ] || cp --parents "$file" packages
    done
done
for source in /usr/src/googletest utf8proc; do
  build=build-$(basename "$source")
  cmake -S "$source" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_GMOCK=OFF \
    -DCMAKE_TOOLCHAIN_FILE="$here/toolchain.cmake" -DCMAKE_INSTALL_PREFIX="$folder/packages/usr" \
    >"$build.log"
  cmake --build "$build" >>"$build.log"
  cmake --install "$build" >>"$build.log"
done
touch packages/complete
