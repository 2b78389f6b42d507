#!/bin/sh
# Makes the Debian package of the headers, unpacks it, and compiles against it with what pkg-config
# says; then takes the source tree by FetchContent.
#   check_packages.sh SOURCE_DIR SCRATCH_DIR CXX_COMPILER GENERATOR
# Exits 77 where dpkg-deb or pkg-config are not there.
set -eu
source=$1 scratch=$2 compiler=$3 generator=$4
command -v dpkg-deb >/dev/null && command -v pkg-config >/dev/null || exit 77
rm -rf "$scratch"
mkdir -p "$scratch"

echo "== Debian package"
cmake -S "$source" -B "$scratch/build" -G "$generator" -DCMAKE_CXX_COMPILER="$compiler" \
  -DSEMBLANCE_BUILD_TESTS=OFF -DSEMBLANCE_BUILD_EXAMPLES=OFF >/dev/null
(cd "$scratch/build" && cpack -G DEB >/dev/null)
package=$(ls "$scratch"/build/libsemblance-dev_*_all.deb)
dpkg-deb -f "$package" Depends | grep -q 'libeigen3-dev (>= 3.4)'
dpkg-deb -x "$package" "$scratch/extracted"
cmp "$source/LICENSE" "$scratch/extracted/usr/share/doc/libsemblance-dev/copyright"
for header in $(cd "$source/include" && find . -name '*.h'); do
  cmp "$source/include/$header" "$scratch/extracted/usr/include/$header"
done

echo "== pkg-config"
PKG_CONFIG_PATH=$scratch/extracted/usr/share/pkgconfig
export PKG_CONFIG_PATH
# shellcheck disable=SC2046
"$compiler" -std=c++20 "$source/examples/similarity.cpp" -o "$scratch/similarity" \
  $(pkg-config --cflags --libs semblance)
score=$("$scratch/similarity" "$source/tests/golden/models/bert-mlm" hello hello)
[ "$score" = 1.000000 ]
cat >"$scratch/default.cpp" <<END
#include "semblance/semblance.h"
int main() { return semblance::SentenceEncoder::load_default().output_dim() == 512 ? 0 : 1; }
END
# shellcheck disable=SC2046
"$compiler" -std=c++20 "$scratch/default.cpp" -o "$scratch/default" \
  -DSEMBLANCE_DEFAULT_MODEL="\"$(pkg-config --variable=default_model semblance)\"" \
  $(pkg-config --cflags --libs semblance)
"$scratch/default"

echo "== other install folders"
check_folders() {
  cmake -S "$source" -B "$scratch/folders" "$@" >/dev/null
  DESTDIR=$scratch/root cmake --install "$scratch/folders" >/dev/null
  pkgconfig=$(find "$scratch/root" -name semblance.pc)
  PKG_CONFIG_PATH=${pkgconfig%/*}
  headers=$(pkg-config --variable=includedir semblance)
  model=$(pkg-config --variable=default_model semblance)
  # Absolute ones know nothing of DESTDIR.
  case $headers in "$scratch"*) ;; *) headers=$scratch/root$headers model=$scratch/root$model ;; esac
  [ -f "$headers/semblance/semblance.h" ] && [ -f "$model/config.json" ]
  rm -rf "$scratch/root" "$scratch/folders"
}
set -- -G "$generator" -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_INSTALL_PREFIX=/opt/semblance \
  -DSEMBLANCE_BUILD_TESTS=OFF -DSEMBLANCE_BUILD_EXAMPLES=OFF
check_folders "$@" -DCMAKE_INSTALL_DATADIR=share/foo/bar -DCMAKE_INSTALL_INCLUDEDIR=include/x
check_folders "$@" -DCMAKE_INSTALL_DATADIR=/data -DCMAKE_INSTALL_INCLUDEDIR=/headers

echo "== FetchContent"
mkdir "$scratch/fetch"
cat >"$scratch/fetch/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.22)
project(fetch LANGUAGES CXX)
include(FetchContent)
FetchContent_Declare(semblance URL $scratch/semblance.tar.gz)
FetchContent_MakeAvailable(semblance)
if(NOT TARGET semblance::semblance OR TARGET semblance_program)
  message(FATAL_ERROR "not as a part of another project")
endif()
add_executable(fetch main.cpp)
target_link_libraries(fetch PRIVATE semblance::semblance)
END
echo '#include "semblance/fwd.h"
#include "semblance/core/version.h"
int main() { return semblance::kVersion[0] == 0; }' >"$scratch/fetch/main.cpp"
tar -C "$source" -czf "$scratch/semblance.tar.gz" CMakeLists.txt include third_party
cmake -S "$scratch/fetch" -B "$scratch/fetch/build" -G "$generator" -DCMAKE_CXX_COMPILER="$compiler" >/dev/null
cmake --build "$scratch/fetch/build"
"$scratch/fetch/build/fetch"
rm -rf "$scratch"
