#!/usr/bin/env python3
"""Sentences a second of the wheel and of sentence-transformers, on the same folder and sentences.

    speed.py --model DIR --lines FILE [--count 1000] [--threads 1 2] [--repeats 5] [--at-least 1.3]

Takes the first column of the first lines. Both encode in turn; the ratio is of the medians. Exits 1
when it is below --at-least. Also given is the ratio of processor time, which other programs on the
machine disturb less.
"""
import argparse
import os
import statistics
import sys
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--model", required=True)
    a.add_argument("--lines", required=True)
    a.add_argument("--count", type=int, default=1000)
    a.add_argument("--batch-size", type=int, default=32)
    a.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    a.add_argument("--repeats", type=int, default=5)
    a.add_argument("--at-least", type=float, default=1.3)
    args = a.parse_args()
    import torch
    from sentence_transformers import SentenceTransformer

    from semblance import SentenceEncoder

    with open(args.lines, encoding="utf-8") as file:
        lines = [line.rstrip("\n").split("\t")[0] for line, _ in zip(file, range(args.count))]
    theirs = SentenceTransformer(args.model, device="cpu")
    ours = SentenceEncoder(args.model)
    enough = True
    for threads in args.threads:
        torch.set_num_threads(threads)
        ways = {
            "semblance": lambda: ours.encode(lines, batch_size=args.batch_size, num_threads=threads),
            "sentence-transformers": lambda: theirs.encode(lines, batch_size=args.batch_size),
        }
        seconds = {name: [] for name in ways}
        cpu_seconds = {name: [] for name in ways}
        for repeat in range(args.repeats + 1):
            for name, encode in ways.items():
                start, cpu_start = time.perf_counter(), time.process_time()
                encode()
                if repeat != 0:  # the first warms up
                    seconds[name].append(time.perf_counter() - start)
                    cpu_seconds[name].append(time.process_time() - cpu_start)
        for name, times in seconds.items():
            print(
                f"{threads} threads, {len(lines)} sentences, batch {args.batch_size}: {name} "
                f"{len(lines) / statistics.median(times):.0f}/s "
                f"({len(lines) / max(times):.0f} to {len(lines) / min(times):.0f})"
            )
        ratio, cpu_ratio = (
            statistics.median(times["sentence-transformers"]) / statistics.median(times["semblance"])
            for times in (seconds, cpu_seconds)
        )
        print(f"{threads} threads: {ratio:.2f} times sentence-transformers; processor time {cpu_ratio:.2f}", flush=True)
        enough &= ratio >= args.at_least
    sys.exit(not enough)


if __name__ == "__main__":
    main()
