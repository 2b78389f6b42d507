#!/usr/bin/env python3
"""Write models of the published sizes with seeded random weights, and their hidden states in float64. Too big to keep:

    pip install torch transformers safetensors
    large_models.py --out DIR [--only bert-base ...] [--every-length]

then hold the library against them with tests/tools/compare_hidden_states.cpp. DIR/<name>/ gets config.json,
model.safetensors and
  expected.safetensors   lengths [num_sequences] int32, input_ids [num_tokens] int32 laid end to end,
                         last_hidden_state [num_tokens, hidden_size] of the float64 reference, kept as float32;
                         metadata "made_with": versions and, as float32_difference, how far the reference's own float32 is off
"""
import argparse
import json
import math
import time
from pathlib import Path

import torch
import transformers
from make_models import ProjectedBert, save_weights, versions, write_json
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, RoFormerConfig, RoFormerModel

LENGTHS = list(range(1, 20)) + [23, 24, 25, 31, 32, 33, 47, 48, 49, 63, 64, 65, 96, 127, 128, 129, 192, 255, 256, 257, 384, 511, 512]
FEWER = [1, 2, 3, 7, 15, 16, 17, 31, 33, 64, 100, 128, 255, 256, 512]


def randomise(model, seed):
    """Widths as training leaves them: unit gain through each matrix, LayerNorm weights around 1."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            if "embed_positions" in name:
                continue
            norm = "norm" in name.lower()
            scale = 0.1 if p.dim() == 1 else 0.5 if "embeddings." in name else 1.0 / math.sqrt(p.shape[-1])
            p.copy_(torch.randn(p.shape, generator=g) * scale)
            if norm and name.endswith("weight"):
                p.add_(1.0)
    return model.eval()


def bert(hidden_size, num_hidden_layers, num_attention_heads, vocab_size=21128):
    return BertConfig(vocab_size=vocab_size, hidden_size=hidden_size, num_hidden_layers=num_hidden_layers, num_attention_heads=num_attention_heads,
                      intermediate_size=4 * hidden_size, attn_implementation="eager")


def make_bert_base():  # the founding model's sizes
    config = bert(768, 12, 12)
    return BertModel(config), config, {}, LENGTHS


def make_bert_large():
    config = bert(1024, 24, 16)
    return BertModel(config), config, {}, FEWER


def make_roformer_base():
    config = RoFormerConfig(vocab_size=50000, embedding_size=768, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072, max_position_embeddings=1536)
    return RoFormerModel(config), config, {}, FEWER + [1000]


def make_simbert_small():  # transformers has no such class; the one here is its layers behind narrower embeddings
    config = bert(384, 6, 12, vocab_size=13685)
    return ProjectedBert(config, 128), config, {"embedding_size": 128}, LENGTHS


MODELS = {"bert-base": make_bert_base, "bert-large": make_bert_large, "roformer-base": make_roformer_base, "simbert-small": make_simbert_small}


def hidden_states(model, sequences):
    parts = []
    with torch.no_grad():
        for ids in sequences:
            row = ids.unsqueeze(0).long()
            parts.append(model(input_ids=row, attention_mask=torch.ones_like(row), token_type_ids=torch.zeros_like(row)).last_hidden_state[0])
    return torch.cat(parts)


def write(folder, name, seed, every_length):
    started = time.time()
    model, config, more, lengths = MODELS[name]()
    randomise(model, seed)
    folder.mkdir(parents=True, exist_ok=True)
    config.save_pretrained(folder)
    write_json(folder / "config.json", {**json.loads((folder / "config.json").read_text()), **more})
    save_weights(folder, model.state_dict())
    if every_length:
        lengths = list(range(1, 513))
    g = torch.Generator().manual_seed(seed + 1)
    sequences = [torch.randint(0, config.vocab_size, (n,), generator=g, dtype=torch.int32) for n in lengths]
    single = hidden_states(model, sequences)
    double = hidden_states(model.double(), sequences)
    difference = float((single.double() - double).abs().max())
    save_file({"lengths": torch.tensor(lengths, dtype=torch.int32), "input_ids": torch.cat(sequences), "last_hidden_state": double.float()},
              str(folder / "expected.safetensors"), metadata={"made_with": json.dumps({**versions(), "seed": seed, "float32_difference": difference})})
    print(f"{name}: {len(lengths)} lengths, {len(single)} tokens, |value| up to {double.abs().max():.1f}, the reference's float32 is off by up to {difference:.1e}; {time.time() - started:.0f} s", flush=True)


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--out", type=Path, required=True)
    a.add_argument("--only", nargs="*", default=list(MODELS), choices=list(MODELS))
    a.add_argument("--every-length", action="store_true", help="all of 1 to 512")
    args = a.parse_args()
    transformers.logging.set_verbosity_error()
    for name in args.only:
        write(args.out / name, name, 1000 + list(MODELS).index(name), args.every_length)


if __name__ == "__main__":
    main()
