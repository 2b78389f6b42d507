"""Makes the tiny checkpoints that the tests of the readers use, in every form torch writes.

    python make_checkpoints.py          (numpy, torch and safetensors; versions end up in expected.safetensors)

expected.safetensors holds the same tensors, contiguous, written by the reference implementation.
"""

import io
import json
import pathlib
import platform
import zipfile

import safetensors
import safetensors.torch
import torch

FOLDER = pathlib.Path(__file__).parent


def state_dict():
    torch.manual_seed(7)
    base = torch.arange(60, dtype=torch.float32).reshape(3, 4, 5) / 8
    tied = torch.randn(6, 4)
    tensors = {
        "contiguous": base,
        "transposed": base[0].t(),
        "permuted": base.permute(2, 0, 1),
        "slice": base[1:, 1:3, 2],
        "every_second": base.reshape(-1)[3::2],
        "tied.one": tied,
        "tied.two": tied,
        "tied.rows": tied[2:4],
        "parameter": torch.nn.Parameter(torch.randn(4, 3)),
        "frozen": torch.nn.Parameter(torch.randn(2), requires_grad=False),
        "scalar": torch.tensor(3.5),
        "empty": torch.empty(0, 3),
        "f16": torch.randn(5).half(),
        "bf16": torch.randn(3, 3).bfloat16(),
        "f64": torch.randn(3, dtype=torch.float64),
        "i64": torch.arange(4).expand((1, -1)),
        "i32": torch.tensor([-1, 2**31 - 1], dtype=torch.int32),
        "i16": torch.tensor([-300, 300], dtype=torch.int16),
        "i8": torch.tensor([[-1, 5, 7]], dtype=torch.int8),
        "u8": torch.tensor([0, 255], dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
    }
    for i in range(40):  # enough for the four-byte memo opcodes
        tensors[f"encoder.layer.{i}.bias"] = torch.full((3,), float(i))
    return tensors


def save(name, value, **options):
    buffer = io.BytesIO()  # no file name ends up in the archive
    torch.save(value, buffer, **options)
    (FOLDER / name).write_bytes(buffer.getvalue())


def main():
    tensors = state_dict()
    save("zip.bin", tensors)
    save("zip_protocol4.bin", tensors, pickle_protocol=4)
    save("legacy.bin", tensors, _use_new_zipfile_serialization=False)
    save("legacy_protocol1.bin", tensors, _use_new_zipfile_serialization=False, pickle_protocol=1)

    torch.manual_seed(8)
    module = torch.nn.Linear(3, 2).state_dict()  # an OrderedDict with the attribute _metadata
    save("module_zip.bin", module)
    save("module_legacy.bin", module, _use_new_zipfile_serialization=False)

    # Files that torch.save can write and that are not a state dict.
    save("training.bin", {"state_dict": module, "epoch": 3})
    save("whole_module.bin", torch.nn.Linear(3, 2))
    scripted = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(3, 2)), scripted)
    (FOLDER / "torchscript.bin").write_bytes(scripted.getvalue())
    compressed = io.BytesIO()
    with zipfile.ZipFile(FOLDER / "module_zip.bin") as source:
        with zipfile.ZipFile(compressed, "w", zipfile.ZIP_DEFLATED) as target:
            for entry in source.infolist():
                target.writestr(zipfile.ZipInfo(entry.filename), source.read(entry),
                                zipfile.ZIP_DEFLATED)
    (FOLDER / "compressed.bin").write_bytes(compressed.getvalue())

    expected = {name: value.detach().clone().contiguous() for name, value in tensors.items()}
    expected.update({f"module.{name}": value.clone() for name, value in module.items()})
    versions = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "safetensors": safetensors.__version__,
    }
    safetensors.torch.save_file(expected, FOLDER / "expected.safetensors", versions)
    print(json.dumps(versions))


if __name__ == "__main__":
    main()
