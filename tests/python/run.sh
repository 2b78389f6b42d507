#!/bin/sh
# Builds the Python package as pip does, in an environment of its own, and runs its tests.
#   sh tests/python/run.sh FOLDER [--with-peers]
# FOLDER holds the environment and stays. --with-peers also installs sentence-transformers (with torch)
# and Chroma, and runs the tests that hold the package against them.
# Exits 77 where pip cannot reach its index.
set -eu
cd "$(dirname "$0")/../.."
. third_party/debian.sh
folder=$1
peers=${2-}

need python3:python3
python3 -c 'import ensurepip' 2>/dev/null || need python3-venv
python3 -c 'import sysconfig; open(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null ||
  need python3-dev
[ -x "$folder/bin/python" ] || python3 -m venv "$folder"
pip="$folder/bin/python -m pip --disable-pip-version-check"

$pip install -q numpy pytest safetensors langchain-core || {
  echo "pip cannot bring its packages: not run"
  exit 77
}
if [ "$peers" = --with-peers ]; then
  $pip install -q sentence-transformers chromadb
fi
$pip install -q --force-reinstall --no-deps ./examples/python
: "${SEMBLANCE_MODELS:=$(models_folder)}"
export SEMBLANCE_MODELS
"$folder/bin/python" -m pytest -q -p no:cacheprovider tests/python
