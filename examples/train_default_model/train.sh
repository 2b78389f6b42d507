#!/bin/sh
# From text and teacher to the shipped folder. Run again after an interruption it goes on.
#   sh train.sh [--smoke] TEXT_FOLDER TEACHER_FOLDER WORK_FOLDER [TEST_FILES_FOLDER]
# TEXT_FOLDER has the six files that prepare_text.py names; sentences of the *.tsv files in
# TEST_FILES_FOLDER are kept out of the text. The result is WORK_FOLDER/default_model.
# --smoke: some ten minutes on one core, for a model that works and is not good.
# SENTENCES: how many to train on, repeats counted; SHARDS: of some 7,600 sentences to take them from,
# 0 for all. The defaults are those of the shipped model; more is better.
# PYTHON names the interpreter that has requirements.txt; THREADS the cores to use.
set -eu
here=$(dirname "$0")
python=${PYTHON:-python3}
threads=${THREADS:-0}
part=1 shards=${SHARDS:-13} sentences=${SENTENCES:-500000}
if [ "${1:-}" = --smoke ]; then
  part=0.1 shards=2 sentences=36000
  shift
fi
if [ $# -lt 3 ] || [ $# -gt 4 ]; then
  sed -n 's/^# *\(sh train.sh.*\)/usage: \1/p' "$0" >&2
  exit 2
fi
text=$1 teacher=$2 work=$3 tests=${4:-}
export PYTHONDONTWRITEBYTECODE=1
mkdir -p "$work"

if [ ! -f "$work/text.tsv" ]; then
  "$python" "$here/prepare_text.py" "$text" "$work/text.part" --part "$part" \
    ${tests:+--exclude "$tests"}
  mv "$work/text.part" "$work/text.tsv"
fi
[ -z "$tests" ] || "$python" "$here/check_overlap.py" "$work/text.tsv" "$tests"
[ -f "$work/start/model.safetensors" ] ||
  "$python" "$here/make_student.py" "$teacher" "$work/text.tsv" "$work/start"
"$python" "$here/encode_teacher.py" "$teacher" "$work/text.tsv" "$work/teacher" \
  --shards "$shards" --threads "$threads"
"$python" "$here/train.py" "$work/start" "$work/teacher" "$work/model" \
  --sentences "$sentences" --threads "$threads"
"$python" "$here/export.py" "$work/model" "$work/default_model"
