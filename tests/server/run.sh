#!/bin/sh
# Tests the example server's own process with the real openai client, and its page in a real browser
# where chromium is installed.
#   run.sh FOLDER SERVER PROGRAM
# FOLDER holds a Python environment and stays; SERVER and PROGRAM are semblance_server and semblance.
# Exits 77 where pip cannot reach its index.
set -eu
cd "$(dirname "$0")/../.."
folder=$1
SEMBLANCE_SERVER=$2
SEMBLANCE_PROGRAM=$3
export SEMBLANCE_SERVER SEMBLANCE_PROGRAM
. third_party/debian.sh
need python3:python3
python3 -c 'import ensurepip' 2>/dev/null || need python3-venv
[ -x "$folder/bin/python" ] || python3 -m venv "$folder"
"$folder/bin/python" -m pip --disable-pip-version-check install -q numpy openai pytest || {
  echo "pip cannot bring its packages: not run"
  exit 77
}
"$folder/bin/python" -m pytest -q -rs -p no:cacheprovider tests/server
