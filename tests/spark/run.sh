#!/bin/sh
# Runs the Spark example on a cluster of two worker processes on this machine, rows in against rows
# out, also when a worker is killed. Takes some minutes; not part of the default tests.
#   sh tests/spark/run.sh FOLDER       FOLDER holds a Python environment and stays
set -eu
cd "$(dirname "$0")/../.."
. third_party/debian.sh
folder=$1
need python3:python3 java:openjdk-17-jre-headless
python3 -c 'import ensurepip' 2>/dev/null || need python3-venv
[ -x "$folder/bin/python" ] || python3 -m venv "$folder"
"$folder/bin/python" -m pip --disable-pip-version-check install -q numpy 'pandas<3' pyarrow pyspark pytest
"$folder/bin/python" -m pip --disable-pip-version-check install -q --force-reinstall --no-deps ./examples/python
"$folder/bin/python" -m pytest -q -p no:cacheprovider tests/spark
