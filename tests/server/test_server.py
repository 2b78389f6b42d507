import base64
import gzip
import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openai
import pytest
from conftest import GOLDEN
from load import Load, resident_kib

GUIDE = Path(__file__).resolve().parent.parent.parent / "examples" / "guide"


def client_of(server):
    return openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)


def post(server, path, body):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def address_of(server):
    return "127.0.0.1", int(server.url.rpartition(":")[2])


def embed_request(text, *headers):
    body = json.dumps({"inputs": text}).encode()
    head = ["POST /embed HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*head, "", ""]).encode(), body


def answer_of(connection):
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status, json.loads(answer.read())


def processor_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def get(server, path):
    with urllib.request.urlopen(server.url + path, timeout=60) as answer:
        return answer.read().decode()


def metric(server, name):
    return float(re.search(rf"^semblance_{re.escape(name)} (\S+)$", get(server, "/metrics"), re.M)[1])


def test_openai_client_gets_the_librarys_bits(start, encode, sentences):
    server = start()
    client = client_of(server)
    expected = encode(sentences, "--normalize")
    # The client itself asks for base64, and decodes it.
    answer = client.embeddings.create(model=server.name, input=sentences)
    assert np.array_equal(np.array([row.embedding for row in answer.data], np.float32), expected)
    assert [row.index for row in answer.data] == list(range(len(sentences)))
    assert answer.model == "bert-mlm" and answer.usage.total_tokens == answer.usage.prompt_tokens > 0
    answer = client.embeddings.create(model=server.name, input=sentences, encoding_format="float")
    assert np.array_equal(np.array([row.embedding for row in answer.data], np.float32), expected)
    answer = client.embeddings.create(model=server.name, input=sentences[0], dimensions=5)
    assert np.array_equal(np.float32(answer.data[0].embedding), encode(sentences[:1], "--normalize", "--dim", "5")[0])
    assert [model.id for model in client.models.list()] == ["bert-mlm"]
    _, raw = post(server, "/v1/embeddings", {"model": "bert-mlm", "input": sentences, "encoding_format": "base64"})
    assert np.array_equal(np.frombuffer(base64.b64decode(raw["data"][0]["embedding"]), "<f4"), expected[0])


def test_serves_what_the_programs_options_say(start, encode, sentences, tmp_path):
    cache = tmp_path / "packed"
    for options in [
        ["--precision", "int8", "--pooling", "mean"],
        ["--pooling", "last_two_avg", "--packed-cache", str(cache)],
        ["--packed-cache", str(cache)],
    ]:
        server = start(*options)
        status, vectors = post(server, "/embed", {"inputs": sentences})
        assert status == 200
        assert np.array_equal(np.array(vectors, np.float32), encode(sentences, "--normalize", *options)), options
        pooling = options[options.index("--pooling") + 1] if "--pooling" in options else "cls"
        assert json.loads(get(server, "/info"))["model_type"]["embedding"]["pooling"] == pooling
    assert cache.exists()


def test_serves_a_model_that_needs_a_dictionary(start, encode, sentences):
    model = str(GOLDEN / "system-roformer-base")
    options = ["--dictionary", str(GOLDEN.parent / "dictionary.txt")]
    server = start(*options, model=model)
    status, vectors = post(server, "/embed", {"inputs": sentences})
    assert status == 200
    assert np.array_equal(np.array(vectors, np.float32), encode(sentences, "--normalize", *options, model=model))


def test_serves_the_default_model_without_a_folder(start, encode, sentences):
    server = start(model=None)
    assert server.name == "semblance-default"
    status, vectors = post(server, "/embed", {"inputs": sentences})
    assert status == 200
    assert np.array_equal(np.array(vectors, np.float32), encode(sentences, "--normalize", model=None))


def test_a_folder_has_the_name_that_it_was_given(start, tmp_path):
    (tmp_path / "mine").symlink_to(GOLDEN / "bert-mlm")
    for path in (tmp_path / "mine", f"{tmp_path}/mine/", f"{tmp_path}/./mine/."):
        assert start(model=str(path)).name == "mine"


def test_the_guides_code_runs(start, capsys):
    server = start("--name", "bge-small-zh-v1.5")
    guide = (GUIDE / "at_home.md").read_text("utf-8")
    code = re.search(r"```python\n(from openai .*?)```", guide, re.S)[1]
    assert "http://127.0.0.1:8080/" in code
    exec(code.replace("http://127.0.0.1:8080", server.url), {})
    assert re.fullmatch(r"2 \d+\n", capsys.readouterr().out)


def test_openai_client_reads_the_errors(start):
    server = start("--max-texts", "3", "--max-body", "4096")
    client = client_of(server)
    for error, arguments in [
        (openai.NotFoundError, {"model": "absent", "input": "fine"}),
        (openai.BadRequestError, {"input": []}),
        (openai.BadRequestError, {"input": [1, 2]}),
        (openai.BadRequestError, {"input": "fine", "dimensions": 100000}),
        (openai.BadRequestError, {"input": "fine", "encoding_format": "int8"}),
        (openai.BadRequestError, {"input": "how " * 1000}),
    ]:
        with pytest.raises(error) as raised:
            client.embeddings.create(**{"model": server.name, **arguments})
        assert raised.value.body["message"] and raised.value.body["type"] == "invalid_request_error"
    for arguments in [{"input": ["fine"] * 4}, {"input": "x" * 5000}]:
        with pytest.raises(openai.APIStatusError) as raised:
            client.embeddings.create(model=server.name, **arguments)
        assert raised.value.status_code == 413
    for body in [b"", b"{", b"[]", b'"\xff"', b'{"model": 3}', b"[" * 2000]:
        status, answer = post(server, "/v1/embeddings", body)
        assert status == 400 and "\n" not in answer["error"]["message"]
    status, answer = post(server, "/v1/embeddings", {"model": server.name, "input": [[1] * 1000]})
    assert status == 400 and "token ids" in answer["error"]["message"]
    assert post(server, "/absent", {})[0] == 404
    assert metric(server, 'requests_total{route="/v1/embeddings",status="404"}') == 1
    assert metric(server, 'requests_total{route="other",status="404"}') == 1
    assert metric(server, 'request_seconds_count{route="/v1/embeddings"}') > 1
    assert client.models.retrieve(server.name).id == server.name
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("another")
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model=server.name, messages=[])
    assert caught.value.code == "unknown_url"
    client.embeddings.create(model=server.name, input="fine")  # it lives on


def test_text_embeddings_inference_routes(start, encode, sentences):
    server = start()
    status, vectors = post(server, "/embed", {"inputs": sentences})
    assert status == 200 and np.array_equal(np.float32(vectors), encode(sentences, "--normalize"))
    _, vectors = post(server, "/embed", {"inputs": sentences[0], "normalize": False})
    expected = encode(sentences)
    assert np.array_equal(np.float32(vectors), expected[:1])
    _, scores = post(server, "/similarity", {"inputs": {"source_sentence": sentences[0], "sentences": sentences}})
    rows = expected.astype(np.float64)
    cosines = rows @ rows[0] / np.linalg.norm(rows, axis=1) / np.linalg.norm(rows[0])
    np.testing.assert_allclose(scores, cosines, atol=1e-6)
    status, answer = post(server, "/embed", {"inputs": "how " * 1000})
    assert status == 413 and answer["error_type"] == "Validation"
    status, answer = post(server, "/embed", {"inputs": []})
    assert status == 400 and answer["error_type"] == "Empty"
    for key, inputs in (
        ("sentences[1]", {"source_sentence": "a", "sentences": ["b", "how " * 1000]}),
        ("source_sentence", {"source_sentence": "how " * 1000, "sentences": ["b"]}),
    ):
        status, answer = post(server, "/similarity", {"inputs": inputs})
        assert status == 413 and answer["error"].startswith(key + ": ")
    status, vectors = post(server, "/embed", {"inputs": "how " * 1000, "truncate": True})
    assert status == 200 and np.array_equal(np.float32(vectors), encode(["how " * 1000], "--normalize"))
    left = {"inputs": "how " * 1000, "truncate": True, "truncation_direction": "Left"}
    assert post(server, "/embed", left)[0] == 400
    assert post(server, "/embed", {**left, "truncation_direction": "Right"}) == (status, vectors)
    similarity = {"inputs": {"source_sentence": "a", "sentences": ["b"]}, "parameters": 7}
    assert post(server, "/similarity", similarity)[0] == 400
    assert post(server, "/", {"inputs": "fine"}) == post(server, "/embed", {"inputs": "fine"})
    assert json.loads(get(server, "/info"))["model_id"] == "bert-mlm"


def test_raw_vectors_are_those_without_the_folders_normalize(start, encode, sentences):
    folder = str(GOLDEN / "st-cls-normalize-old")
    server = start(model=folder)
    raw = encode(sentences, "--no-normalize", model=folder)
    assert not np.allclose(np.linalg.norm(raw, axis=1), 1)
    unit = encode(sentences, "--normalize", model=folder)

    def vectors(text, **more):  # the model takes few tokens
        status, answer = post(server, "/embed", {"inputs": text, "truncate": True, **more})
        assert status == 200
        return np.float32(answer[0])

    # Both kinds at the same time: they are not encoded together.
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda t: (vectors(t), vectors(t, normalize=False)), sentences))
    assert np.array_equal([pair[0] for pair in found], unit)
    assert np.array_equal([pair[1] for pair in found], raw)
    cut = encode(sentences[:1], "--no-normalize", "--dim", "5", model=folder)
    assert np.array_equal(vectors(sentences[0], normalize=False, dimensions=5), cut[0])


def test_what_is_not_finite_is_an_error(start, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(GOLDEN / "bert-mlm", folder)
    weights = bytearray((folder / "model.safetensors").read_bytes())
    size = int.from_bytes(weights[:8], "little")
    header = json.loads(weights[8 : 8 + size])
    name = next(name for name in header if name.endswith("attention.output.dense.bias"))
    at = 8 + size + header[name]["data_offsets"][0]
    weights[at : at + 4] = np.float32(np.nan).tobytes()
    (folder / "model.safetensors").write_bytes(weights)
    server = start("--allow-non-finite", model=str(folder))
    for path, key, expected in (("/embed", "inputs", 424), ("/v1/embeddings", "input", 500)):
        status, answer = post(server, path, {key: "fine", "model": server.name})
        assert status == expected and "not finite" in str(answer)


def test_a_token_without_an_embedding_is_a_bad_request(start, tmp_path):
    shutil.copytree(GOLDEN / "bert-mlm", tmp_path / "model")
    config = json.loads((tmp_path / "model" / "tokenizer_config.json").read_text())
    config["additional_special_tokens"] = ["<new>"]
    (tmp_path / "model" / "tokenizer_config.json").write_text(json.dumps(config))
    server = start(model=str(tmp_path / "model"))
    status, answer = post(server, "/embed", {"inputs": ["fine", "a <new> one"]})
    assert status == 400 and '"<new>"' in answer["error"]
    assert post(server, "/embed", {"inputs": "fine"})[0] == 200


def test_requests_at_the_same_time_are_encoded_together(start, encode, sentences):
    server = start("--max-delay-ms", "300")
    expected = encode(sentences, "--normalize")
    wrong = []

    def ask(i):
        _, vectors = post(server, "/embed", {"inputs": sentences[i]})
        if not np.array_equal(np.float32(vectors[0]), expected[i]):
            wrong.append(i)

    threads = [threading.Thread(target=ask, args=(i % len(sentences),)) for i in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert metric(server, "texts_total") == 40
    assert metric(server, "batches_total") < 20


def test_a_full_queue_gets_429_and_a_late_answer_503(start):
    # The first text waits for company that does not come; the second finds no room beside it.
    server = start("--max-delay-ms", "1500", "--max-waiting-tokens", "8")
    results = []
    first = threading.Thread(target=lambda: results.append(post(server, "/embed", {"inputs": "how are you"})))
    first.start()
    while metric(server, "waiting_texts") == 0:
        time.sleep(0.01)
    with pytest.raises(openai.RateLimitError) as raised:
        client_of(server).embeddings.create(model=server.name, input="how are you fine")
    assert raised.value.response.headers["Retry-After"] == "1"
    first.join()
    assert results[0][0] == 200

    server = start("--max-delay-ms", "1000", "--timeout", "0.1")
    assert post(server, "/embed", {"inputs": "fine"})[0] == 503
    with pytest.raises(openai.InternalServerError):
        client_of(server).embeddings.create(model=server.name, input="fine")


def test_sigterm_lets_open_requests_finish(start):
    server = start("--max-delay-ms", "1000")
    results = []
    thread = threading.Thread(target=lambda: results.append(post(server, "/embed", {"inputs": "how are you"})))
    thread.start()
    while metric(server, "waiting_texts") == 0:
        time.sleep(0.01)
    assert server.stop() == 0
    thread.join()
    assert results[0][0] == 200
    with pytest.raises(OSError):
        socket.create_connection(address_of(server), timeout=5)


def test_sigterm_lets_requests_finish_that_wait_for_a_thread_or_behind_another(start):
    server = start("--connections", "2", "--max-delay-ms", "1500")
    one = b"".join(embed_request("how are you"))
    long = b"".join(embed_request(["fine"] * 1000))  # more than is read at a time
    connections = [socket.create_connection(address_of(server), timeout=20) for _ in range(6)]
    for connection in connections:
        connection.sendall(long + one + one if connection is connections[0] else one)
    time.sleep(1)
    server.process.send_signal(signal.SIGTERM)
    for i, connection in enumerate(connections):
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        assert answer.count(b"HTTP/1.1 200 OK") == (3 if i == 0 else 1), i
        assert answer.count(b"Connection: close") == 1 or i == 1  # that was begun before the signal
        connection.close()
    assert server.process.wait(timeout=20) == 0


def test_sigterm_does_not_wait_for_a_client_that_asks_on_and_on(start):
    server = start()
    with socket.create_connection(address_of(server), timeout=20) as connection:

        def ask():
            try:
                while True:
                    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
            except OSError:
                pass

        def read():
            try:
                while connection.recv(1 << 16):
                    pass
            except OSError:
                pass

        threads = [threading.Thread(target=ask), threading.Thread(target=read)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        stopping = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - stopping < 5
        for thread in threads:
            thread.join()


def test_a_second_signal_does_not_wait(start):
    server = start()
    with socket.create_connection(address_of(server), timeout=20) as slow:
        head, body = embed_request(["a long text of many words"] * 2048)
        slow.sendall(head + body)
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        for _ in range(100):
            if server.process.poll() is not None:
                break
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
    assert server.process.wait(timeout=5) in (0, -signal.SIGTERM)


def test_a_stop_does_not_wait_for_requests_that_are_not_there_yet(start):
    server = start()
    half = socket.create_connection(address_of(server))
    half.sendall(b"POST /embed HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    time.sleep(0.3)
    stopping = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - stopping < 3
    half.close()


def chunked(body, size):
    chunks = (body[i : i + size] for i in range(0, len(body), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def talk(server, data):
    """All that comes back until the server closes the connection."""
    answer = b""
    with socket.create_connection(address_of(server), timeout=20) as connection:
        try:
            connection.sendall(data)
            while part := connection.recv(1 << 16):
                answer += part
        except ConnectionError:
            pass
    return answer


def test_a_body_is_bounded_however_it_comes(start):
    server = start("--max-body", "4096")
    text = json.dumps({"inputs": "fine"}).encode()
    head = b"POST /embed HTTP/1.1\r\nHost: x\r\n"
    coming = head + b"Transfer-Encoding: chunked\r\n\r\n"
    assert b" 200 OK" in talk(server, coming + chunked(text, 5))
    assert b" 413 " in talk(server, coming + chunked(text[:-1] + b" " * 5000 + b"}", 1000))
    before = resident_kib(server.process.pid)
    talk(server, coming + chunked(b" " * (64 << 20), 1 << 20))
    talk(server, head + b"".join(b"X-%d: %s\r\n" % (i, b"y" * 4000) for i in range(5000)) + b"\r\n")
    assert resident_kib(server.process.pid) - before < 8 << 10
    packed = gzip.compress(text[:-1] + b" " * 1_000_000 + b"}")
    framing = b"Content-Encoding: gzip\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(packed)
    assert b" 415 " in talk(server, head + framing + packed)
    assert post(server, "/embed", {"inputs": "fine"})[0] == 200


def test_a_document_takes_little_more_memory_than_its_bytes(start):
    server = start()
    before = resident_kib(server.process.pid)
    size = 8_000_000
    for body, status in (
        (b"[" * size, 400),
        (b'{"inputs": "a", "x": [' + b"{}," * (size // 3) + b"{}]}", 413),
        (b'{"inputs": [' + b'"",' * (size // 3) + b'""]}', 413),
    ):
        assert post(server, "/embed", body)[0] == status
    assert resident_kib(server.process.pid) - before < 64 << 10
    assert post(server, "/embed", {"inputs": [["fine"]]})[0] == 400


@pytest.mark.parametrize(
    "request_head",
    [
        "GET /healthz HTTP/1.1\r\nContent-Length: 45",
        "FOO /embed HTTP/1.1\r\nContent-Length: 45",
        "POST /embed HTTP/1.1\r\nRange: bytes=9-3\r\nContent-Length: 45",
        "POST /embed HTTP/1.1\r\nX: " + "y" * 9000 + "\r\nContent-Length: 45",
        "POST /embed HTTP/1.1\r\nContent-Length: 45\r\nContent-Length: 45",
        "POST /embed HTTP/1.1\r\nContent-Length: 45\r\nTransfer-Encoding: chunked",
        "POST /embed HTTP/1.1\r\nContent-Length: 4x",
        "GET /healthz HTTP/1.1\r\nContent-Length: 99999999999999999999",
        "POST /embed HTTP/1.1\r\nContent-Length: 99999999999999999999",
        "POST /embed HTTP/1.1\r\nConnection: Close\r\nContent-Length: 0",
        "POST /embed HTTP/1.1\r\nContent-Length : 45",
        "POST /embed HTTP/1.1\r\n Content-Length: 45",
        "POST /embed HTTP/1.1\r\nX: a\r\n\tContent-Length: 45",
        "POST /embed HTTP/1.1\r\nContent-Length:",
        "POST /embed HTTP/1.1\r\nContent-Length: 45\nA: b",
        "POST /embed HTTP/1.1\r\nContent-Length: 4%35",
        "POST /embed HTTP/1.1\r\nA: b\rContent-Length: 45",
        "POST /embed HTTP/1.1\r\nno colon",
        "POST /embed HTTP/1.1\r\nTransfer-Encoding : chunked",
        "POST /embed HTTP/1.1\r\nTransfer-Encoding: chunked\nA: b",
        "POST /embed HTTP/1.1\r\nTransfer-Encoding:\r\n chunked",
    ],
)
def test_a_body_is_never_taken_for_a_request(start, request_head):
    server = start()
    inner = b"GET /v1/models HTTP/1.1\r\nHost: inside\r\n\r\n    "
    assert len(inner) == 45
    answer = talk(server, request_head.encode() + b"\r\nHost: x\r\n\r\n" + inner)
    assert answer.count(b"HTTP/1.1 ") == 1 and b'"object":"list"' not in answer
    assert answer.count(b"Connection: close\r\n") == 1 and b"Keep-Alive" not in answer


def test_a_head_that_others_may_read_otherwise_is_refused(start):
    server = start()
    for line, status in ((b"A:b", 200), (b"A: ", 200), (b"A : b", 400), (b"A: b\nB: c", 400)):
        answer = talk(server, b"GET /healthz HTTP/1.1\r\nConnection: close\r\n" + line + b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 %d " % status), line


def test_a_path_says_which_methods_it_takes(start):
    server = start()
    connection = http.client.HTTPConnection(*address_of(server), timeout=20)
    for method, path, allowed in (
        ("GET", "/v1/embeddings", "POST"),
        ("GET", "/embed", "POST"),
        ("PUT", "/healthz", "GET, HEAD"),
        ("DELETE", "/", "POST, GET, HEAD"),
        ("POST", "/v1/models/bert-mlm", "GET, HEAD"),
    ):
        connection.request(method, path)
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Allow")) == (405, allowed)
        assert "expected " + allowed in answer.read().decode()


def test_a_get_with_a_body_leaves_the_client_a_good_connection(start):
    server = start()
    connection = http.client.HTTPConnection(*address_of(server), timeout=20)
    for _ in range(3):
        connection.request("GET", "/v1/models", "{}")
        answer = connection.getresponse()
        assert answer.status == 200 and answer.read()
        connection.request("POST", "/embed", '{"inputs": "fine"}')
        answer = connection.getresponse()
        assert answer.status == 200 and answer.read()


def test_answers_are_whole_and_plain_and_bodies_of_any_type(start):
    server = start()
    body = json.dumps({"inputs": ["fine"] * 1000})
    connection = http.client.HTTPConnection(*address_of(server), timeout=20)
    expected = None
    for headers in (
        {},
        {"Range": "bytes=0-3"},
        {"Accept-Encoding": "br, gzip"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
    ):
        connection.request("POST", "/embed", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        expected = expected or text
        assert answer.status == 200 and text == expected
        assert answer.getheader("Content-Encoding") is None and answer.getheader("Content-Range") is None
    connection.putrequest("POST", "/embed")  # without any length: no body
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 400 and b"not JSON" in answer.read()


def test_a_slow_or_broken_client_does_no_harm(start):
    server = start("--connections", "4")
    address = address_of(server)
    half = socket.create_connection(address)
    half.sendall(b"POST /embed HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    gone = socket.create_connection(address)
    gone.sendall(b"POST /embed HTTP/1.1\r\nHost: x\r\nContent-Length: 18\r\n\r\n" + b'{"inputs": "fine"}')
    gone.close()
    rubbish = socket.create_connection(address)
    rubbish.sendall(b"\x16\x03\x01\x00\xa5\x01\x00\x00\r\n\r\n")
    assert post(server, "/embed", {"inputs": "fine"})[0] == 200
    half.close()
    rubbish.close()


def test_says_what_is_wrong_at_the_start(start):
    command = [os.environ["SEMBLANCE_SERVER"], "--model", "absent"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1 and result.stderr.startswith("semblance_server: absent")
    assert result.stderr.count("\n") == 1
    for option in (
        ["--precision", "f8"],
        ["--threads", "100000"],
        ["--connections", "0"],
        ["--port", "70000"],
        ["--timeout", "nan"],
        ["--timeout", "1e30"],
        ["--max-delay-ms", "-5"],
        ["--max-texts", "0"],
        ["--max-body", "-1"],
        ["--host", ""],
        ["--max-batch-tokens", "2147483647"],
    ):
        wrong = subprocess.run([command[0], *option], capture_output=True, text=True, timeout=60)
        assert wrong.returncode == 2 and option[0] in wrong.stderr
    # bert-mlm has no pooler.
    command = [command[0], "--model", str(GOLDEN / "bert-mlm"), "--pooling", "pooler_output"]
    wrong = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert wrong.returncode == 1 and "pooler_output" in wrong.stderr and wrong.stderr.count("\n") == 1
    command = [command[0], "--model", str(GOLDEN / "bert-mlm"), "--connections", "4096"]

    def without_room_for_the_stacks_of_threads():
        resource.setrlimit(resource.RLIMIT_STACK, (8 << 20, 8 << 20))
        resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))

    few = subprocess.run(
        command, capture_output=True, text=True, timeout=60, preexec_fn=without_room_for_the_stacks_of_threads
    )
    assert few.returncode == 1 and few.stdout == ""
    assert few.stderr.startswith("semblance_server: --connections: expected 4096 threads, found ")
    server = start()
    port = server.url.rpartition(":")[2]
    command = [command[0], "--model", server.folder, "--port", port]
    second = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert second.returncode == 1 and "cannot listen" in second.stderr


def test_idle_connections_cost_nothing_and_end_with_the_server(start):
    server = start()
    connections = [http.client.HTTPConnection(*address_of(server), timeout=30) for _ in range(64)]
    for connection in connections:
        for _ in range(3):
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            assert answer.status == 200 and answer.read() == b"ok\n"
    before = processor_seconds(server.process.pid)
    time.sleep(2)
    assert processor_seconds(server.process.pid) - before < 0.05
    stopping = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - stopping < 2.5  # they could stay for five seconds


def test_requests_may_come_before_the_answer_to_the_last(start, encode, sentences):
    server = start()
    with socket.create_connection(address_of(server), timeout=20) as connection:
        connection.sendall(b"".join(part for text in sentences for part in embed_request(text)))
        file = connection.makefile("rb")
        for expected in encode(sentences, "--normalize"):
            assert file.readline() == b"HTTP/1.1 200 OK\r\n"
            length = int(http.client.parse_headers(file)["Content-Length"])
            assert np.array_equal(np.float32(json.loads(file.read(length))[0]), expected)


def test_a_client_that_asks_first_is_told_to_go_on(start, encode):
    server = start()
    with socket.create_connection(address_of(server), timeout=20) as connection:
        head, body = embed_request("fine", "Expect: 100-continue")
        connection.sendall(head)
        assert connection.recv(1 << 16) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        status, vectors = answer_of(connection)
        assert status == 200 and np.array_equal(np.float32(vectors), encode(["fine"], "--normalize"))


def test_a_large_answer_comes_whole_to_a_slow_reader(start, encode, sentences):
    server = start()
    texts = (sentences * 2048)[:2048]
    with socket.create_connection(address_of(server), timeout=20) as connection:
        connection.sendall(b"".join(embed_request(texts)))
        time.sleep(1)
        status, vectors = answer_of(connection)
    assert status == 200 and np.array_equal(np.float32(vectors), encode(texts, "--normalize"))


def test_many_connections_may_come_at_once(start):
    server = start()
    address = address_of(server)
    server.process.send_signal(signal.SIGSTOP)  # so that none is accepted before the last has come
    try:
        connections = [socket.create_connection(address, timeout=0.9) for _ in range(100)]
    finally:
        server.process.send_signal(signal.SIGCONT)
    for connection in connections:
        connection.settimeout(60)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    for connection in connections:
        with connection, connection.makefile("rb") as answer:
            assert answer.readline().split()[1] == b"200"


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_100000_requests_under_load_are_answered_alike_in_steady_memory(start, encode, sentences, tmp_path):
    server = start()
    load = Load(server.url, sentences, 1, tmp_path)
    alone = np.float32([json.loads(answer)[0] for answer in load.answers])
    assert np.array_equal(alone, encode(sentences, "--normalize"))
    answered, resident = 0, []
    while answered < 100_000:
        result = load.run(16, 2)
        assert result["wrong"] == 0 and result["right"] > 0
        answered += result["right"]
        resident.append(resident_kib(server.process.pid))
    assert max(resident) - resident[0] < 2048


CHROMIUM = shutil.which("chromium")


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_the_page_draws_the_similarity_matrix(start, tmp_path):
    server = start()
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={tmp_path}/profile", "--virtual-time-budget=20000", "--dump-dom", server.url + "/",
    ]
    page = subprocess.run(command, capture_output=True, text=True, timeout=240).stdout
    scores = np.float64(re.findall(r'data-score="([^"]+)"', page))
    assert len(scores) == 25
    table = scores.reshape(5, 5)
    texts = [text.split("\n")[1] for text in re.findall(r"<title>([^<]*\n[^<]*)</title>", page)][::5]
    _, vectors = post(server, "/embed", {"inputs": texts})
    np.testing.assert_allclose(table, np.array(vectors) @ np.array(vectors).T, atol=1e-4)
