"""Text files and templates to text.tsv: a group of related sentences a line, in random order.

Sentences that also stand in a test file (text_folding.py) are left out; their number is printed.
"""

import argparse
import lzma
import pathlib
import random

from generated_text import MAKERS
from text_folding import folded
from variations import varied

# The files whose sources state terms that allow shipped weights, and how many groups of each.
FILES = {"weibo_hot": 60000, "zhihu_questions": 80000, "hothub_titles": 25000,
         "classical_modern_target": 20000, "clue_corpus_small": 20000, "sohu": 12000}
GENERATED = {"service": 30000, "daily": 16000, "caption": 12000, "fact": 8000, "news": 8000,
             "english": 16000}
LONGEST = 60  # characters
VARIED = 0.4  # the part of the sentences that comes with one or two variations


def sentences_of(folder, name):
    for path in (folder / f"{name}.txt.xz", folder / f"{name}.txt"):
        if path.exists():
            opened = lzma.open if path.suffix == ".xz" else open
            with opened(path, "rt", encoding="utf-8") as lines:
                return [line.strip().replace("\t", " ") for line in lines]
    raise SystemExit(f"{folder}: {name}.txt.xz or {name}.txt: expected a file, found nothing")


def test_sentences(folder):
    found = set()
    for path in sorted(folder.glob("*.tsv")):
        for line in path.read_text(encoding="utf-8").split("\n"):
            found.update(folded(column) for column in line.split("\t")[:2])
    found.discard("")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text_folder", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--exclude", type=pathlib.Path, help="folder of test files (*.tsv)")
    parser.add_argument("--part", type=float, default=1.0, help="of every source")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()

    source = random.Random(arguments.seed)
    excluded = test_sentences(arguments.exclude) if arguments.exclude else set()
    groups, left_out = [], 0

    def add(sentences):
        nonlocal left_out
        kept = [text for text in dict.fromkeys(sentences) if folded(text) not in excluded]
        left_out += len(set(sentences)) - len(kept)
        kept = [text for text in kept if 2 <= len(text) <= 2 * LONGEST]
        if kept:
            groups.append(kept)

    for name, count in FILES.items():
        texts = [text for text in sentences_of(arguments.text_folder, name)
                 if 3 <= len(text) <= LONGEST]
        for text in source.sample(texts, min(len(texts), int(count * arguments.part))):
            group = [text]
            if source.random() < VARIED:
                group += [varied(source, text) for _ in range(source.choice([1, 2]))]
            add(group)
    for name, count in GENERATED.items():
        for _ in range(int(count * arguments.part)):
            add(MAKERS[name](source))

    source.shuffle(groups)
    with open(arguments.output, "w", encoding="utf-8") as lines:
        lines.writelines("\t".join(group) + "\n" for group in groups)
    print(f"{len(groups)} groups, {sum(map(len, groups))} sentences; "
          f"{left_out} left out as sentences of {len(excluded)} in test files")


if __name__ == "__main__":
    main()
