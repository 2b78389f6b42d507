#!/bin/sh
# compare_searches.sh PROGRAM OTHER_PROGRAM MODEL_DIR: whether both print the same answers.
set -eu
answers() {
  printf 'how are you\nfine, thank you\nhow are they\n' | "$1" "$2" "$2/vocab.txt"
}
first=$(answers "$1" "$3")
second=$(answers "$2" "$3")
[ -n "$first" ]
if [ "$first" != "$second" ]; then
  printf '%s\n-- but --\n%s\n' "$first" "$second"
  exit 1
fi
