#!/bin/sh
# From a fresh Debian-like machine to a first result: installs what is missing, builds the program,
# and compares and searches sentences with the model that comes with it. No model is downloaded.
set -eu
cd "$(dirname "$0")/.."
. third_party/debian.sh

need_to_build
if [ ! -f build/CMakeCache.txt ]; then
  configure build -DSEMBLANCE_BUILD_TESTS=OFF >/dev/null
fi
cmake --build build --target semblance_program

set -- build/examples/semblance similarity \
  今天天气真不错，我们去散步吧！ 今天天气真糟糕，还是在宅家里写bug吧！
echo "$*"
"$@"

set -- build/examples/semblance search --corpus - --query 怎么还花呗的钱 --top-k 3
echo "$*"
"$@" <<'SENTENCES'
花呗还款的方法
花呗怎么开通
信用卡忘记密码怎么办
北京是中国的首都
今天下午会下雨吗
一个男人正在弹吉他
小猫在沙发上睡觉
推荐几本好看的历史书
SENTENCES
