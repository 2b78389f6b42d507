#!/usr/bin/env python3
"""Write what rjieba and transformers' RoFormerTokenizer make of seeded random texts, with a small random dictionary.

    pip install transformers rjieba
    roformer_tokenizer.py        (writes into roformer_tokenizer/ beside this file)

  dictionary.txt   word count tag, in jieba's format
  vocab.txt        some of its words, most of its characters
  cases.jsonl      first line: versions; then one text a line, with
                     words      lengths in bytes of rjieba.cut(text, hmm=False)
                     lower, strip_accents   flags of the tokenizer, where they are not true and null
                     input_ids  with the special tokens
                     offsets    [begin, end) in bytes of the text, for some
"""
import importlib.metadata
import json
import os
import random
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import rjieba
import tokenizers
import transformers
from transformers import RoFormerTokenizer

HERE = Path(__file__).resolve().parent / "roformer_tokenizer"
# Common characters; then one each of the blocks that jieba, BERT or only one of them takes for Chinese.
COMMON = [chr(c) for c in range(0x4E00, 0x4E00 + 64)] + list("\u4eca\u5929\u6c14\u771f\u4e0d\u9519\u6211\u4eec\u53bb\u6563\u6b65\u5427")
RARE = ["\u3400", "\u4dbf", "\u9fff", "\uf900", "\ufaff", "\U00020000", "\U0002a6df", "\U0002b820", "\U0002b920", "\U0002ceb0", "\U0002ebef", "\U0002f800", "\U00030000", "\u3007"]
LATIN = ["T\u6064", "t\u6064", "c++", "c#", "at&t", "AT&T", "3.14", "v1.0", "4s\u5e97", "k\u6b4c", "a-b", "50%", "a_b", "bug", "mixed", "x"]
ODD = [" ", "  ", "\t", "\n", "\r\n", "\r", "\u3000", "\u00a0", "\u200b", "\x01", "\ufffd", "\u0301", "\u00e9", "E\u0301", "\u00c5ngstr\u00f6m", "\u0130", "\u00df", "\u03a3",
       "\uff21\uff22", "\uff0c", "\u3002", "\uff01", "!", "?", "'", "...", "(", "@", "#", "+", "&", "%", "-", "_", "\U0001f600", "\u304b\u306a", "\uac00", "\u0e01\u0e33", "\u0431\u044b",
       "Hello", "WORLD", "don't", "e-mail", "2024", "3.5%", "GPT4", "unaffable", "[MASK]", "[SEP]", "[UNK]", "[mask]", "[CLS", "##ed"]


def make_dictionary(r):
    words = {}
    while len(words) < 420:
        n = r.choice([1, 2, 2, 2, 2, 3, 3, 4, 6])
        word = "".join(r.choice(COMMON) if r.random() < 0.95 else r.choice(RARE) for _ in range(n))
        # Round counts make ways of equal probability; some words have a count of 0.
        words[word] = r.choice([0, 1, 1, 2, 3, 5, 10, 10, 100, 100, 1000, 1000, r.randrange(1, 100000)])
    for word in LATIN:
        words[word] = r.choice([0, 3, 10, 1000])
    return words


def make_vocabulary(r, dictionary):
    rows = ["[PAD]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [chr(c) for c in range(0x21, 0x7F)] + ["##" + chr(c) for c in range(0x61, 0x7B)] + ["##" + d for d in "0123456789"]
    rows += [c for c in COMMON + RARE if r.random() < 0.9] + ["##" + c for c in r.sample(COMMON, 20)] + ["\uff0c", "\u3002", "\uff01", "\u304b", "\u0431", "\u044b", "\u00e9", "e", "\u3000", " "]
    rows += r.sample([w for w in sorted(dictionary) if len(w) > 1], 160)
    rows += ["hello", "##llo", "world", "un", "##aff", "##able", "202", "##24", "3.5", "mail", "gp", "##t4", "ang", "##strom", "don", "b\u00fcg", "##\u0301", "\u00e5ngstr\u00f6m", "Hello", "GPT4"]
    return list(dict.fromkeys(rows))


def make_text(r, dictionary):
    words = sorted(dictionary)
    kind = r.random()
    if kind < 0.03:
        return r.choice(["", " ", "\t\n", "\u200b", "\u0301", "a" * 100, "a" * 101, r.choice(COMMON) * 120, "x9" * 60 + ".", "\r\n", "[CLS][SEP]"])
    pieces = []
    for _ in range(r.randrange(1, 14)):
        roll = r.random()
        if roll < 0.55:
            pieces.append(r.choice(words))
        elif roll < 0.75:
            pieces.append(r.choice(COMMON))
        elif roll < 0.80:
            pieces.append(r.choice(RARE))
        else:
            pieces.append(r.choice(ODD))
    return "".join(pieces)


def byte_offsets(text, offsets):
    starts = [0]
    for c in text:
        starts.append(starts[-1] + len(c.encode()))
    return [[starts[a], starts[b]] for a, b in offsets]


def main():
    r = random.Random(41)
    HERE.mkdir(exist_ok=True)
    dictionary = make_dictionary(r)
    (HERE / "dictionary.txt").write_text("".join(f"{w} {n} x\n" for w, n in dictionary.items()), "utf-8")
    rjieba.clear()
    for word, count in dictionary.items():
        rjieba.add_word(word, count, "x")
    vocabulary = make_vocabulary(r, dictionary)
    (HERE / "vocab.txt").write_text("".join(t + "\n" for t in vocabulary), "utf-8")
    # Given as a mapping: from_pretrained of transformers 5.23 hands the splitter the path of vocab.txt instead, and then no word
    # of the vocabulary stays whole.
    ids = {token: i for i, token in enumerate(vocabulary)}
    settings = [{}] * 10 + [{"lower": False}] * 2 + [{"strip_accents": False}]
    made = {str(s): RoFormerTokenizer(vocab=ids, do_lower_case=s.get("lower", True), strip_accents=s.get("strip_accents")) for s in settings}
    with open(HERE / "cases.jsonl", "w", encoding="utf-8", newline="\n") as out:
        out.write(json.dumps({"transformers": transformers.__version__, "tokenizers": tokenizers.__version__, "rjieba": importlib.metadata.version("rjieba"), "seed": 41}) + "\n")
        for i in range(1300):
            text, setting = make_text(r, dictionary), r.choice(settings)
            row = {"text": text, **setting, "words": [len(w.encode()) for w in rjieba.cut(text, hmm=False)]}
            encoded = made[str(setting)](text, return_offsets_mapping=True)
            row["input_ids"] = encoded["input_ids"]
            if i % 4 == 0:
                row["offsets"] = byte_offsets(text, encoded["offset_mapping"])
            out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
