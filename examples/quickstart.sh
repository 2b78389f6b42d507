#!/bin/sh
# From a fresh Debian-like machine to a first result: installs what is missing, builds the program,
# brings a small Chinese model from its released package, and compares two sentences with it.
set -eu
cd "$(dirname "$0")/.."
. third_party/debian.sh

need_to_build
if [ ! -f build/CMakeCache.txt ]; then
  configure build -DSEMBLANCE_BUILD_TESTS=OFF >/dev/null
fi
cmake --build build --target semblance_program

model=$(models_folder)/bge-small-zh-v1.5
[ -d "$model" ] || fetch_model bge-small-zh-v1.5

set -- build/examples/semblance similarity --model "$model" \
  今天天气真不错，我们去散步吧！ 今天天气真糟糕，还是在宅家里写bug吧！
echo "$*"
exec "$@"
