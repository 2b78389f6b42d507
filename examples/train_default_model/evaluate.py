"""Spearman's correlation x 100 of cosines and scores, for files of sentence1, sentence2, score."""

import argparse
import pathlib

import numpy
from scipy.stats import spearmanr

import bert
import device
from encode_teacher import vectors_of
from tokens import token_ids, tokenizer


def pairs_of(path, at_most):
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").split("\n") if line]
    rows = rows[:at_most] if at_most else rows
    return [row[0] for row in rows], [row[1] for row in rows], [float(row[2]) for row in rows]


def correlation(model, tokenize, path, on, at_most=0):
    left, right, scores = pairs_of(path, at_most)
    sentences = list(dict.fromkeys(left + right))
    row_of = {sentence: row for row, sentence in enumerate(sentences)}
    vectors = vectors_of(model, token_ids(tokenize, sentences), on)
    cosines = numpy.sum(vectors[[row_of[text] for text in left]]
                        * vectors[[row_of[text] for text in right]], axis=1)
    return 100 * spearmanr(cosines, scores).statistic


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("files", type=pathlib.Path, nargs="+")
    parser.add_argument("--pairs", type=int, default=0, help="the first N of a file; 0: all")
    device.add_options(parser)
    arguments = parser.parse_args()
    on = device.chosen(arguments)
    model = bert.load(arguments.model).to(on).eval()
    tokenize = tokenizer(arguments.model / "vocab.txt")
    for path in arguments.files:
        print(f"{correlation(model, tokenize, path, on, arguments.pairs):6.2f}  {path.name}",
              flush=True)


if __name__ == "__main__":
    main()
