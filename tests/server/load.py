"""Loads the example server with wrk, and holds its throughput and latency against the library's.

  python tests/server/load.py SERVER PROGRAM MODEL TEXTS [--texts-per-request N] [--seconds S]

SERVER and PROGRAM are semblance_server and semblance, TEXTS a file of one text a line. Prints
sentences a second of `semblance encode` on the texts and of the server with 64 requests open at a
time, in turns, and then the latency of requests of one text at half the server's rate, beside that
of requests one after the other.
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


def ask(connection, body):
    connection.request("POST", "/embed", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        sys.exit(f"{answer.status}: {text[:200]}")
    return text.decode()


def connect(url):
    return http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)


def resident_kib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])


class Load:
    """Requests of some texts each, with the answer that the server gives to each alone."""

    def __init__(self, url, texts, texts_per_request, folder):
        self.url = url
        self.bodies = [
            json.dumps({"inputs": texts[i : i + texts_per_request]})
            for i in range(0, len(texts) - texts_per_request + 1, texts_per_request)
        ]
        connection = connect(url)
        self.answers = [ask(connection, body) for body in self.bodies]
        self.files = [Path(folder) / "bodies", Path(folder) / "answers"]
        for file, lines in zip(self.files, (self.bodies, self.answers)):
            file.write_text("".join(line + "\n" for line in lines), "utf-8")

    def run(self, connections, seconds, rate=None):
        """What load.lua prints: requests answered rightly and wrongly, seconds, latencies. With
        `rate`, about so many requests a second are made, as by chance; else the next one at once."""
        command = ["wrk", "-t", connections, "-c", connections, "-d", f"{seconds}s", "-s", HERE / "load.lua"]
        command += [self.url + "/embed", "--", *self.files]
        environment = {**os.environ, "MEAN_PAUSE_MS": str(connections / rate * 1e3) if rate else "0"}
        output = subprocess.run(
            [str(part) for part in command], check=True, capture_output=True, text=True, env=environment
        ).stdout
        result = json.loads(output.splitlines()[-1])
        if "Socket errors" in output:
            raise RuntimeError(output)
        return result


def library_rate(program, model, texts, folder):
    """Sentences a second of the program, without its start: from two files, one twice the other."""
    seconds = []
    for times in (1, 2):
        file = Path(folder) / f"texts{times}"
        file.write_text("".join(text + "\n" for text in texts) * times, "utf-8")
        start = time.perf_counter()
        subprocess.run(
            [program, "encode", "--model", model, "--input", file, "--output", Path(folder) / "out.npy"], check=True
        )
        seconds.append(time.perf_counter() - start)
    return len(texts) / (seconds[1] - seconds[0])


def main():
    parser = argparse.ArgumentParser()
    for name in ("server", "program", "model", "texts"):
        parser.add_argument(name)
    parser.add_argument("--texts-per-request", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    texts = Path(options.texts).read_text("utf-8").splitlines()[:1920]
    process = subprocess.Popen(
        [options.server, "--model", options.model, "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    url = process.stdout.readline().split(" at ")[1].strip()
    with tempfile.TemporaryDirectory() as folder:
        load = Load(url, texts, options.texts_per_request, folder)
        library, server, wrong = [], [], 0
        for _ in range(5):
            library.append(library_rate(options.program, options.model, texts, folder))
            result = load.run(64, options.seconds)
            server.append(result["right"] * options.texts_per_request / result["seconds"])
            wrong += result["wrong"]
        shares = sorted(s / l for s, l in zip(server, library))
        print(f"library {statistics.median(library):.0f} sentences/s, server {statistics.median(server):.0f}")
        print(f"share: median {shares[2]:.3f}, from {shares[0]:.3f} to {shares[-1]:.3f}; wrong answers: {wrong}")

        single = Load(url, texts, 1, folder)
        half = statistics.median(server) / 2
        ratios = []
        for _ in range(5):
            alone = single.run(1, options.seconds)
            loaded = single.run(64, options.seconds, half)
            ratios.append(loaded["p99_ms"] / alone["median_ms"])
            print(
                f"one after the other: median {alone['median_ms']:.2f} ms, p99 {alone['p99_ms']:.2f}; "
                f"{loaded['right'] / loaded['seconds']:.0f} requests/s: median {loaded['median_ms']:.2f} ms, "
                f"p99 {loaded['p99_ms']:.2f}"
            )
        print(f"p99 at half the rate over the median alone: median of 5 {statistics.median(ratios):.2f}")
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
