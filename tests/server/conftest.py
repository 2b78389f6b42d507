import json
import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "models"


def folder_option(model):
    """None is the model that the programs carry."""
    return [] if model is None else ["--model", model]


class Server:
    """The server's own process on a port of its own."""

    def __init__(self, model, *options):
        self.folder = model
        command = [os.environ["SEMBLANCE_SERVER"], *folder_option(model), "--port", "0", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        words = self.process.stdout.readline().split(" at ")
        assert len(words) == 2, "the server did not start"
        self.name, self.url = words[0], words[1].strip()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


@pytest.fixture
def start():
    servers = []

    def start(*options, model=str(GOLDEN / "bert-mlm")):
        servers.append(Server(model, *options))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()


@pytest.fixture
def encode(tmp_path):
    """What the command-line program makes of texts: the library's own answer."""

    def encode(texts, *options, model=str(GOLDEN / "bert-mlm")):
        lines, vectors = tmp_path / "texts.jsonl", tmp_path / "vectors.npy"
        lines.write_text("".join(json.dumps(text) + "\n" for text in texts), "utf-8")
        command = [os.environ["SEMBLANCE_PROGRAM"], "encode", *folder_option(model), "--input", lines]
        subprocess.run([*command, "--output", vectors, *options], check=True)
        return np.load(vectors)

    return encode


@pytest.fixture
def sentences():
    """Those that are within the model's 48 tokens; the server refuses longer ones."""
    texts = json.loads((GOLDEN / "bert-mlm" / "sentences.json").read_text("utf-8"))
    return [text for text in texts if len(text) <= 40]
