"""The trained folder to the shipped one: Semblance's quantized form, 4 bits in blocks of 32.

The form is described in include/semblance/io/quantized_weights.h."""

import argparse
import json
import pathlib

import torch
from safetensors.torch import load_file, save_file

from fake_quantization import is_quantized, quantized
from folder import tokens_of_folder, write_description, write_json


def packed(integers):
    """[rows, blocks, 32] of -8..7 to bytes [rows, columns / 2]; the even column is the low half."""
    codes = (integers.reshape(integers.shape[0], -1) + 8).to(torch.uint8)
    return codes[:, 0::2] | (codes[:, 1::2] << 4)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    arguments = parser.parse_args()

    config = json.loads((arguments.model / "config.json").read_text())
    write_description(config, tokens_of_folder(arguments.model), arguments.output)
    described = json.loads((arguments.output / "config.json").read_text())
    write_json(arguments.output / "config.json",
               described | {"quantization_config": {"quant_method": "semblance"}})

    tensors = {}
    for key, value in load_file(arguments.model / "model.safetensors").items():
        if is_quantized(value):
            integers, scales = quantized(value.float())
            tensors[key] = packed(integers).contiguous()
            tensors[key + "_scale"] = scales.squeeze(-1).contiguous()
        else:
            tensors[key] = value.float().contiguous()
    path = arguments.output / "model.safetensors"
    save_file(tensors, path, metadata={"format": "pt", "semblance_quantization": "1",
                                       "semblance_precision": "int8"})
    path.chmod(0o644)
    total = sum(file.stat().st_size for file in arguments.output.rglob("*") if file.is_file())
    print(f"{arguments.output}: {total} bytes")


if __name__ == "__main__":
    main()
