"""An encoder as LangChain's Embeddings, for its vector stores and retrievers."""
from __future__ import annotations

from typing import Any

from langchain_core.embeddings import Embeddings

from .sentence_encoder import SentenceEncoder


class SemblanceEmbeddings(Embeddings):
    """Documents and queries by encode_document() and encode_query(), with the prompts that they take.

    encoder         a SentenceEncoder, or a folder to load one from
    encode_options  handed on, such as normalize_embeddings=True
    """

    def __init__(self, encoder: SentenceEncoder | str, **encode_options: Any) -> None:
        self.encoder = encoder if isinstance(encoder, SentenceEncoder) else SentenceEncoder(encoder)
        self.encode_options = encode_options

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self.encoder.encode_document(texts, **self.encode_options).tolist()

    def embed_query(self, text: str) -> list[float]:
        return self.encoder.encode_query(text, **self.encode_options).tolist()
