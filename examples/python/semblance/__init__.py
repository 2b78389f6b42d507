"""Sentence vectors from published BERT folders, on ordinary CPUs, without torch.

    from semblance import SentenceEncoder
    encoder = SentenceEncoder("bge-small-zh-v1.5")
    vectors = encoder.encode(["...", "..."], normalize_embeddings=True)   # numpy.float32
    table = encoder.similarity(vectors, vectors)

semblance.langchain and semblance.chroma fit an encoder to LangChain and Chroma.
"""
from ._semblance import Cancelled, ConfigError, Error, FileError, FormatError, ShapeError, __version__
from .sentence_encoder import SentenceEncoder

__all__ = [
    "Cancelled", "ConfigError", "Error", "FileError", "FormatError", "SentenceEncoder", "ShapeError",
    "__version__",
]
