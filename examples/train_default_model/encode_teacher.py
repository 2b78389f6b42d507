"""The teacher's vectors of text.tsv, a file per shard of groups: shard-00000.npz, ...

Run again after an interruption it goes on with the first missing shard. Shards are random samples
of the text, so that training on the first N of them is training on less of the same.
"""

import argparse
import itertools
import os
import pathlib
import time

import numpy
import torch

import bert
import device
from tokens import token_ids, tokenizer

GROUPS_PER_SHARD = 4096


def vectors_of(model, id_lists, on, batch_size=64):
    """[texts, hidden], float32, computed in order of length."""
    order = sorted(range(len(id_lists)), key=lambda row: len(id_lists[row]))
    result = numpy.empty((len(id_lists), model.config["hidden_size"]), numpy.float32)
    with torch.inference_mode():
        for start in range(0, len(order), batch_size):
            rows = order[start:start + batch_size]
            vectors = model(*device.padded([id_lists[row] for row in rows], on))
            result[rows] = vectors.float().cpu().numpy()
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("teacher", type=pathlib.Path)
    parser.add_argument("text", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--shards", type=int, default=0, help="at most; 0: all")
    device.add_options(parser)
    arguments = parser.parse_args()
    on = device.chosen(arguments)

    arguments.output.mkdir(parents=True, exist_ok=True)
    model = bert.load(arguments.teacher).to(on).eval()
    tokenize = tokenizer(arguments.teacher / "vocab.txt")
    with open(arguments.text, encoding="utf-8") as lines:
        for number in itertools.count():
            groups = [line.rstrip("\n").split("\t")
                      for line in itertools.islice(lines, GROUPS_PER_SHARD)]
            if not groups or (arguments.shards and number >= arguments.shards):
                break
            path = arguments.output / f"shard-{number:05}.npz"
            if path.exists():
                continue
            started = time.monotonic()
            sentences = [text for group in groups for text in group]
            vectors = vectors_of(model, token_ids(tokenize, sentences), on)
            unfinished = path.with_suffix(".part")
            with open(unfinished, "wb") as out:
                numpy.savez(out, sentences=numpy.array(sentences),
                            group_sizes=numpy.array([len(group) for group in groups]),
                            vectors=vectors.astype(numpy.float16))
            os.replace(unfinished, path)
            seconds = time.monotonic() - started
            print(f"{path.name}: {len(sentences)} sentences, {len(sentences) / seconds:.0f}/s",
                  flush=True)


if __name__ == "__main__":
    main()
