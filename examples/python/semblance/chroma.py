"""An encoder as Chroma's embedding function; collections that are kept remember the folder and how it was
loaded. Whoever opens one imports this module first: Chroma then knows the function by its name."""
from __future__ import annotations

import os
from typing import Any

import numpy as np
from chromadb.api.types import Documents, EmbeddingFunction, Embeddings
from chromadb.utils.embedding_functions import register_embedding_function

from .sentence_encoder import SentenceEncoder


@register_embedding_function
class SemblanceEmbeddingFunction(EmbeddingFunction[Documents]):
    """encoder: a SentenceEncoder, or a folder to load one from; the options are those of encode()."""

    def __init__(self, encoder: SentenceEncoder | str, **encode_options: Any) -> None:
        self.encoder = encoder if isinstance(encoder, SentenceEncoder) else SentenceEncoder(encoder)
        self.encode_options = encode_options

    def __call__(self, input: Documents) -> Embeddings:
        return list(self.encoder.encode_document(input, **self.encode_options))

    def embed_query(self, input: Documents) -> Embeddings:
        return list(self.encoder.encode_query(input, **self.encode_options))

    @staticmethod
    def name() -> str:
        return "semblance"

    def get_config(self) -> dict[str, Any]:
        return {
            "folder": os.path.abspath(self.encoder.folder),
            "encoder_options": self.encoder.options,
            "encode_options": {
                name: value.item() if isinstance(value, np.generic) else value
                for name, value in self.encode_options.items()
            },
        }

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> EmbeddingFunction[Documents]:
        encoder = SentenceEncoder(config["folder"], **config.get("encoder_options", {}))
        return SemblanceEmbeddingFunction(encoder, **config["encode_options"])

    def default_space(self) -> str:
        # The nearest that Chroma has to the Manhattan distance is the Euclidean one.
        return {"dot": "ip", "euclidean": "l2", "manhattan": "l2"}.get(self.encoder.similarity_fn_name, "cosine")
