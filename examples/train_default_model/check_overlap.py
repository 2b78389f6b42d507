"""Shows that no sentence of the test files is in the training text, and fails when one is.

Compared after folding width, case, blanks and punctuation."""

import argparse
import pathlib
import sys

from prepare_text import test_sentences
from text_folding import folded


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=pathlib.Path)
    parser.add_argument("test_folder", type=pathlib.Path, help="*.tsv, sentence1 TAB sentence2")
    arguments = parser.parse_args()
    tests = test_sentences(arguments.test_folder)
    if not tests:
        sys.exit(f"{arguments.test_folder}: expected sentences in *.tsv files, found none")
    sentences = set()
    with open(arguments.text, encoding="utf-8") as lines:
        for line in lines:
            sentences.update(folded(text) for text in line.rstrip("\n").split("\t"))
    shared = sorted(sentences & tests)
    print(f"{len(sentences)} training sentences, {len(tests)} test sentences, "
          f"{len(shared)} in both (folded)")
    for text in shared[:10]:
        print("in both:", text)
    sys.exit(1 if shared else 0)


if __name__ == "__main__":
    main()
