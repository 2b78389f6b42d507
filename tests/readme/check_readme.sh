#!/bin/sh
# Compiles and runs every code block of README.md and of the guide as a reader would, in a scratch
# folder, with a tiny model standing in for the real ones; those in C++ also in the compiled form.
#   check_readme.sh SOURCE_DIR PROGRAM SCRATCH_DIR CXX_COMPILER INCLUDE_FLAG...
set -eu
source=$1 program=$2 scratch=$3
export CXX="$4"
shift 4
rm -rf "$scratch"
mkdir -p "$scratch/bin" "$scratch/work"
cd "$scratch"

# blocks PREFIX DOCUMENT LANGUAGE: its fenced blocks as PREFIX.LANGUAGE.1, PREFIX.LANGUAGE.2, ...
blocks() {
  awk -v language="$3" -v prefix="$1" '
    inside && /^```/ { inside = 0; close(file); next }
    inside { print > file; next }
    $0 == "```" language { inside = 1; file = prefix "." language "." ++count; printf "" > file; next }
  ' "$source/$2"
}
# all_blocks PREFIX DOCUMENT
all_blocks() {
  for language in sh cpp cmake; do blocks "$1" "$2" $language; done
  other=$(grep -c '^```.' "$source/$2")
  found=$(find . -maxdepth 1 -name "$1.*" | wc -l)
  if [ "$other" -ne "$found" ]; then
    echo "$2 has code blocks that this script does not know how to check"
    exit 1
  fi
}
all_blocks 1-readme README.md
all_blocks 2-guide examples/guide/README.md

# The hub's client: brings the tiny model under the name that is asked for.
cat >bin/hf <<END
#!/bin/sh
[ "\$1" = download ] && [ "\$3" = --local-dir ] || exit 2
rm -rf "\$4"
cp -r "$source/tests/golden/models/bert-mlm" "\$4"
END
chmod +x bin/hf
ln -s "$program" bin/semblance
PATH=$scratch/bin:$PATH
cd work

cp ../1-readme.cmake.1 CMakeLists.txt
ln -s "$source" semblance
for block in ../*.sh.*; do
  if grep -q '^sh ' "$block"; then # the project's own scripts, which run this one
    grep '^sh ' "$block" | while read -r _ script _; do sh -n "$source/$script"; done
    continue
  fi
  echo "== $block"
  sh -eu "$block"
done
for block in ../*.cpp.*; do
  echo "== $block"
  cp "$block" main.cpp
  "$CXX" -std=c++20 -DSEMBLANCE_COMPILED -fsyntax-only "$@" main.cpp
  [ -d build ] || cmake -S . -B build >/dev/null
  cmake --build build
  build/app
done
cd "$source"
rm -rf "$scratch"
