#!/usr/bin/env python3
"""Hold the program's vectors against those of sentence-transformers on the same folder and lines.

    pip install torch sentence-transformers
    compare_with_sentence_transformers.py --cli build/examples/semblance --model DIR --lines FILE [--count N]

Takes the first column of the first N lines, prints the largest difference of any value and exits 1
when it exceeds 1e-5 (the vectors of both folders that this is meant for are normalized).
"""
import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import numpy as np

TOLERANCE = 1e-5


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--cli", type=Path, required=True)
    a.add_argument("--model", type=Path, required=True)
    a.add_argument("--lines", type=Path, required=True)
    a.add_argument("--count", type=int, default=2000)
    args = a.parse_args()
    with open(args.lines, encoding="utf-8", newline="\n") as file:
        lines = [line.rstrip("\n").split("\t")[0] for line, _ in zip(file, range(args.count))]
    with tempfile.TemporaryDirectory() as folder:
        texts, vectors = Path(folder) / "texts.txt", Path(folder) / "vectors.npy"
        texts.write_text("".join(line + "\n" for line in lines), "utf-8")
        command = [args.cli, "encode", "--model", args.model, "--input", texts, "--output", vectors]
        subprocess.run(command, check=True)
        found = np.load(vectors)
    from sentence_transformers import SentenceTransformer

    expected = SentenceTransformer(str(args.model), device="cpu").encode(lines)
    if found.shape != expected.shape:
        sys.exit(f"{args.model}: expected shape {expected.shape}, found {found.shape}")
    difference = np.abs(found.astype(np.float64) - expected).max()
    print(f"{args.model.name}: {len(lines)} lines, largest difference {difference:.2e}, limit {TOLERANCE:.0e}")
    sys.exit(not difference <= TOLERANCE)


if __name__ == "__main__":
    main()
