"""The example on a cluster of several worker processes on this machine."""
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from semblance import SentenceEncoder

ROOT = Path(__file__).resolve().parent.parent.parent
MODEL = str(ROOT / "tests" / "golden" / "models" / "bert-mlm")
MASTER = "local-cluster[2,1,1024]"  # two worker processes of one core and 1024 MiB


def write_texts(path, count, files):
    sentences = json.loads((Path(MODEL) / "sentences.json").read_text("utf-8"))
    texts = [None if i % 97 == 5 else f"{sentences[i % len(sentences)]} {i}" for i in range(count)]
    path.mkdir()
    for f in range(files):
        table = pa.table({"id": pa.array(range(f, count, files), pa.int64()), "text": texts[f::files]})
        pq.write_table(table, path / f"part-{f}.parquet")
    return texts


class Example:
    """The example's own process, which is gone, with all that it started, when the test is over."""

    def __init__(self, tmp_path, *options):
        command = [
            sys.executable, str(ROOT / "examples" / "spark" / "encode_parquet.py"), "--model", MODEL,
            "--master", MASTER, "--input", str(tmp_path / "in"), "--output", str(tmp_path / "out"), *options,
        ]
        for conf in [
            "spark.driver.host=127.0.0.1", "spark.driver.bindAddress=127.0.0.1", "spark.executor.memory=512m",
            "spark.ui.enabled=false", "spark.ui.showConsoleProgress=false",
        ]:
            command += ["--conf", conf]
        environment = {
            **os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_HOSTNAME": "localhost",
            "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable,
        }
        self.log = tmp_path / "log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env=environment, cwd=tmp_path, start_new_session=True
            )

    def finish(self):
        status = self.process.wait(timeout=900)
        text = self.log.read_text()
        assert status == 0, text[-5000:]
        return text

    def kill(self):
        for child, _ in descendants(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()


@pytest.fixture
def start_example(tmp_path):
    examples = []

    def start(*options):
        examples.append(Example(tmp_path, *options))
        return examples[-1]

    yield start
    for example in examples:
        example.kill()


def check_output(tmp_path, texts):
    out = pq.read_table(tmp_path / "out").sort_by("id").to_pydict()
    assert out["id"] == list(range(len(texts)))
    assert out["text"] == texts
    expected = SentenceEncoder(MODEL).encode([text for text in texts if text is not None])
    assert [vector is None for vector in out["embedding"]] == [text is None for text in texts]
    assert np.array_equal(np.float32([vector for vector in out["embedding"] if vector is not None]), expected)


def test_rows_in_are_rows_out_with_the_librarys_bits(tmp_path, start_example, capsys):
    texts = write_texts(tmp_path / "in", 3000, files=3)
    told = re.search(r"^3000 rows in .*", start_example().finish(), re.M)
    assert told
    check_output(tmp_path, texts)
    encoder = SentenceEncoder(MODEL, num_threads=1)
    start = time.perf_counter()
    encoder.encode([text for text in texts if text is not None])
    alone = len(texts) / (time.perf_counter() - start)
    with capsys.disabled():
        print(f"\ntwo Spark workers: {told[0]}; one process on one thread, without Spark: {alone:.0f} a second")


def descendants(process_id):
    """(id, command line) of all processes below one, parents before their children."""
    children = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append((int(folder.name), (folder / "cmdline").read_text()))
        except OSError:
            continue
    found, todo = [], [process_id]
    while todo:
        for child in children.get(todo.pop(), []):
            found.append(child)
            todo.append(child[0])
    return found


def test_workers_map_one_packed_cache(tmp_path, start_example):
    texts = write_texts(tmp_path / "in", 20000, files=40)
    cache = tmp_path / "packed"
    example = start_example("--packed-cache", str(cache))
    mapping = {}
    while example.process.poll() is None and len(mapping) < 2:
        for child, _ in descendants(example.process.pid):
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{child}/maps").read_text().splitlines():
                    if line.endswith(str(cache)):
                        mapping[child] = line.split()[4]  # the file's inode
        time.sleep(0.1)
    example.finish()
    assert len(mapping) == 2 and len(set(mapping.values())) == 1
    check_output(tmp_path, texts)


@pytest.mark.parametrize("victim", ["CoarseGrainedExecutorBackend", "pyspark.daemon"])
def test_a_killed_worker_loses_nothing(tmp_path, start_example, victim):
    texts = write_texts(tmp_path / "in", 20000, files=40)
    example = start_example()
    deadline = time.monotonic() + 900
    while True:  # until some rows are written
        assert example.process.poll() is None and time.monotonic() < deadline, example.log.read_text()[-5000:]
        if list((tmp_path / "out").rglob("part-*")):
            break
        time.sleep(0.2)
    while "Lost task" not in example.log.read_text():  # a worker may have been between two tasks
        assert example.process.poll() is None, "no kill hit a running task"
        # The last is a Python worker, not the daemon that forked it.
        victims = [child for child, command in descendants(example.process.pid) if victim in command]
        for child in victims[-1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        for _ in range(20):
            if "Lost task" in example.log.read_text() or example.process.poll() is not None:
                break
            time.sleep(0.25)
    example.finish()
    check_output(tmp_path, texts)
