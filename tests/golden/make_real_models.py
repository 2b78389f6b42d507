#!/usr/bin/env python3
"""Write reference vectors of published models for sentences of our own.

    pip install torch sentence-transformers
    make_real_models.py --models DIR      (DIR/bge-small-zh-v1.5 and DIR/all-MiniLM-L6-v2)

real_models/NAME.safetensors gets sentence_embedding [num_sentences, dim] as sentence-transformers
computes it in float32, with the versions in its metadata; real_models/sentences.json the texts.
"""
import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import sentence_transformers
import torch
import transformers
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent / "real_models"
SENTENCES = [
    "今天天气真不错，我们去散步吧！",
    "今天天气真糟糕，还是在宅家里写bug吧！",
    "昨晚的雨下到天亮，院子里的石榴花落了一地。",
    "请问最近的地铁站怎么走？大概要走多久？",
    "这本书我读了三遍，每一遍都读出新的意思。",
    "价格从１２８元降到99.5元，还送一个月会员。",
    "",
    "。",
    "The kettle whistled while the cat slept on the windowsill.",
    "Two trains left the station at noon, heading in opposite directions.",
    "naïve café, 東京タワー, 서울, Ωmega and 😀",
    "长" * 600,
]


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--models", type=Path, required=True)
    args = a.parse_args()
    torch.set_num_threads(1)
    HERE.mkdir(exist_ok=True)
    (HERE / "sentences.json").write_text(json.dumps(SENTENCES, ensure_ascii=False, indent=1) + "\n", "utf-8")
    versions = {"torch": torch.__version__, "transformers": transformers.__version__,
                "sentence_transformers": sentence_transformers.__version__}
    for name in ("bge-small-zh-v1.5", "all-MiniLM-L6-v2"):
        model = sentence_transformers.SentenceTransformer(str(args.models / name), device="cpu")
        vectors = torch.stack([model.encode(s, convert_to_tensor=True) for s in SENTENCES])
        save_file({"sentence_embedding": vectors.contiguous()}, str(HERE / f"{name}.safetensors"),
                  metadata={"made_with": json.dumps(versions)})


if __name__ == "__main__":
    main()
