#!/bin/sh
# Installs what is missing, builds, and runs the tests.
#   sh tests/run.sh           all of these
#   sh tests/run.sh STAGE...  only these of
#     plain      g++ at -O2, the tests on real models too where these can be had
#     sanitized  clang++ with the address and undefined-behaviour sanitizers, assertions on
#     threads    g++ with the thread sanitizer, over the tests that run on several threads
#     windows    MinGW's g++, the tests of the library itself, under Wine
#     tidy       clang-tidy over every header, its warnings as errors
set -u
cd "$(dirname "$0")/.." || exit 1
. third_party/debian.sh
jobs=$(nproc 2>/dev/null || echo 2)
targets= # all

# build FOLDER [cmake argument...]
build() {
  folder=$1
  shift
  configure "$folder" -DSEMBLANCE_BUILD_TESTS=ON -DSEMBLANCE_WERROR=ON "$@" || return 1
  # shellcheck disable=SC2086
  cmake --build "$folder" -j "$jobs" ${targets:+--target $targets}
}

# run_tests FOLDER [ctest argument...]
run_tests() {
  folder=$1
  shift
  ctest --test-dir "$folder" -j "$jobs" --output-on-failure --no-tests=error "$@"
}

plain() {
  SEMBLANCE_MODELS=$(models_folder)
  export SEMBLANCE_MODELS
  for model in bge-small-zh-v1.5 all-MiniLM-L6-v2; do
    [ -d "$SEMBLANCE_MODELS/$model-bin" ] || fetch_model "$model" --with-bin ||
      echo "SKIPPED: the tests on the real weights of $model, which cannot be had here"
  done
  need aarch64-linux-gnu-g++:g++-aarch64-linux-gnu qemu-aarch64-static:qemu-user-static
  command -v aarch64-linux-gnu-g++ >/dev/null && command -v qemu-aarch64-static >/dev/null ||
    echo "SKIPPED: the test of the NEON kernels: no cross compiler and emulator can be had here"
  # Here, since of tests that run side by side one would hold the lock of apt.
  need python3-venv python3-dev || echo "SKIPPED: the tests of the Python package and the server"
  need wrk:wrk || echo "SKIPPED: the test of the server under load"
  need chromium:chromium || echo "SKIPPED: the server's page in a browser: none can be had here"
  build build -DSEMBLANCE_BUILD_EXAMPLES=ON && run_tests build
}

# Without the tests that build programs of their own: they would test the plain build again.
sanitized() {
  need clang libclang-rt-dev || need clang || return 1
  build build/sanitized -DSEMBLANCE_BUILD_EXAMPLES=ON -DCMAKE_CXX_COMPILER=clang++ \
    -DCMAKE_BUILD_TYPE=Debug "-DCMAKE_CXX_FLAGS_DEBUG=-O1 -g1" \
    -DSEMBLANCE_SANITIZE=address,undefined &&
    run_tests build/sanitized -E '^(simd_bits|simd_wide_instructions|Readme|Package|Refused)\.'
}

threads() {
  targets='semblance_core_tests semblance_encoder_tests semblance_search_tests'
  build build/threads -DSEMBLANCE_BUILD_EXAMPLES=OFF -DCMAKE_CXX_COMPILER=g++ \
    -DSEMBLANCE_SANITIZE=thread &&
    run_tests build/threads -R 'Thread|Concurren'
  status=$?
  targets=
  return $status
}

# Without the tests that read the processor's time: Windows' clock() is that of the wall.
windows() {
  need g++-mingw-w64-x86-64-posix wine64 googletest &&
    sh tests/windows/dependencies.sh build/windows || {
    echo "SKIPPED: the tests on Windows: no compiler, emulator or libraries for it can be had here"
    return 0
  }
  WINEPREFIX=$PWD/build/windows/wine WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml='
  GTEST_FILTER='-*.Time*:*FourTimesTheTime:*FallAsleep'
  export WINEPREFIX WINEDEBUG WINEDLLOVERRIDES GTEST_FILTER
  build build/windows -DSEMBLANCE_BUILD_EXAMPLES=ON \
    -DCMAKE_TOOLCHAIN_FILE=tests/windows/toolchain.cmake \
    -DCMAKE_FIND_ROOT_PATH="$PWD/build/windows/packages/usr" &&
    run_tests build/windows -R '^Windows\.'
  status=$?
  unset GTEST_FILTER
  return $status
}

# One source that includes them all: the dear headers below are parsed once.
tidy() {
  need clang-tidy || return 1
  mkdir -p build/tidy
  case $(uname -m) in
    x86_64) others='*/neon.h' ;;
    *) others='*/avx*.h' ;;
  esac
  (cd include && find semblance -name '*.h' ! -name '*.inl.h' ! -path semblance/compiled.h \
    ! -path "$others" | sort |
    sed 's/.*/#include "&"/') >build/tidy/headers.cpp
  clang-tidy --quiet --warnings-as-errors='*' build/tidy/headers.cpp -- -std=c++20 -Iinclude \
    -isystem /usr/include/eigen3
}

[ $# -gt 0 ] || set -- plain sanitized threads windows tidy
need_to_build libgtest-dev libcpp-httplib-dev pkg-config:pkg-config || exit 1
failed=
for stage; do
  case $stage in
    plain | sanitized | threads | windows | tidy) ;;
    *)
      echo "usage: sh tests/run.sh [plain] [sanitized] [threads] [windows] [tidy]" >&2
      exit 2
      ;;
  esac
  echo "== $stage"
  $stage || failed="$failed $stage"
done
if [ -n "$failed" ]; then
  echo "failed:$failed"
  exit 1
fi
echo "passed: $*"
