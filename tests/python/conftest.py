import json
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

os.environ.setdefault("HF_HUB_OFFLINE", "1")
GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "models"


class Golden:
    """A reference model of tests/golden/models, with what sentence-transformers makes of it."""

    def __init__(self, name):
        self.folder = GOLDEN / name
        self.sentences = json.loads((self.folder / "sentences.json").read_text("utf-8"))
        self.expected = load_file(self.folder / "expected.safetensors")
        self.noise = json.loads((self.folder / "noise.json").read_text("utf-8"))

    def check(self, key, found):
        expected = self.expected[key]
        assert found.shape == expected.shape
        tolerance = max(2e-5, 4 * self.noise.get(key, 0.0))
        assert np.max(np.abs(found - expected) / np.maximum(1, np.abs(expected))) <= tolerance


@pytest.fixture
def golden():
    return Golden


@pytest.fixture(params=["bge-small-zh-v1.5", "all-MiniLM-L6-v2"])
def real_model(request):
    folder = Path(os.environ.get("SEMBLANCE_MODELS", "")) / request.param
    if not (folder / "config.json").exists():
        pytest.skip(f"{request.param} is not in SEMBLANCE_MODELS")
    return str(folder)


@pytest.fixture
def sentences():
    """Real sentences, most of them Chinese, of many lengths."""
    texts = json.loads((GOLDEN.parent / "real_models" / "sentences.json").read_text("utf-8"))
    return texts + ["", " ", "a", "".join(texts)[:700]]
