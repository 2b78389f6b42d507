#!/usr/bin/env python3
"""Writes expected.safetensors: what torch computes with the weights of the default model.

The 4-bit weights are widened to float32 here, by the form's description and not by the training
code, and go through transformers' BertModel.
    make_expected.py MODEL_FOLDER
"""

import json
import pathlib
import sys

import numpy
import tokenizers
import torch
import transformers
from safetensors.numpy import save_file
from safetensors.torch import load_file

SENTENCES = ["", "花呗如何还款", "花呗还款的方法", "北京是中国的首都", "今天天气真不错，我们去散步吧！",
             "今天天气真糟糕，还是在宅家里写bug吧！", "一个男人正在弹吉他。", "a man is playing the guitar.",
             "How do I reset my password?", "１２３ ＡＢＣ 2024年11月24日", "カタカナとひらがな", "㗎 𠀀 é ß №",
             "长句子" * 30]


def widened(codes, scales):
    """U8 [rows, columns / 2], F16 [rows, blocks] to float32 [rows, columns]."""
    rows, half = codes.shape
    nibbles = torch.empty(rows, 2 * half)
    nibbles[:, 0::2] = (codes & 15).float()
    nibbles[:, 1::2] = (codes >> 4).float()
    return (nibbles - 8) * scales.float().repeat_interleave(32, dim=1)[:, :2 * half]


def main():
    folder = pathlib.Path(sys.argv[1])
    stored = load_file(folder / "model.safetensors")
    weights = {key: widened(value, stored[key + "_scale"]) if value.dtype == torch.uint8 else value
               for key, value in stored.items() if not key.endswith("_scale")}
    settings = json.loads((folder / "config.json").read_text())
    settings.pop("quantization_config")
    model = transformers.BertModel(transformers.BertConfig(**settings), add_pooling_layer=False)
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected and all(key.endswith(("position_ids", "token_type_ids"))
                                  for key in missing), (missing, unexpected)
    model.eval()
    tokenizer = tokenizers.BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=True)
    with torch.no_grad():
        vectors = [torch.nn.functional.normalize(
            model(torch.tensor([tokenizer.encode(text).ids])).last_hidden_state[0, 0], dim=0)
            for text in SENTENCES]
    here = pathlib.Path(__file__).parent
    save_file({"sentence_embedding": numpy.stack([vector.numpy() for vector in vectors])},
              here / "expected.safetensors",
              metadata={name: library.__version__ for name, library in
                        [("torch", torch), ("transformers", transformers),
                         ("tokenizers", tokenizers)]})
    (here / "sentences.json").write_text(
        json.dumps(SENTENCES, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
