"""Chroma's collections over an encoder."""
import numpy as np
import pytest

chromadb = pytest.importorskip("chromadb")
from chromadb.config import Settings

from semblance import SentenceEncoder
from semblance.chroma import SemblanceEmbeddingFunction

SETTINGS = Settings(anonymized_telemetry=False)


def test_a_kept_collection_finds_what_similarity_finds(real_model, sentences, tmp_path):
    texts = sorted(set(text for text in sentences if text.strip()))
    client = chromadb.PersistentClient(str(tmp_path), SETTINGS)
    collection = client.create_collection("texts", embedding_function=SemblanceEmbeddingFunction(real_model))
    collection.add(ids=[str(i) for i in range(len(texts))], documents=texts)

    # Opened again, the collection knows the folder and its options by itself.
    collection = chromadb.PersistentClient(str(tmp_path), SETTINGS).get_collection("texts")
    encoder = SentenceEncoder(real_model)
    scores = encoder.similarity(encoder.encode(texts[3]), encoder.encode(texts))[0]
    found = collection.query(query_texts=[texts[3]], n_results=4)
    assert found["documents"] == [[texts[i] for i in np.argsort(-scores)[:4]]]
    np.testing.assert_allclose(found["distances"][0], 1 - np.sort(scores)[::-1][:4], atol=1e-5)

    # And so it does where the encoder was loaded in its own way.
    client = chromadb.PersistentClient(str(tmp_path), SETTINGS)
    short = SentenceEncoder(real_model, truncate_dim=64, precision="int8")
    collection = client.create_collection("short", embedding_function=SemblanceEmbeddingFunction(short))
    collection.add(ids=["3"], documents=[texts[3]])
    again = chromadb.PersistentClient(str(tmp_path), SETTINGS).get_collection("short")
    assert again.query(query_texts=[texts[3]], n_results=1)["distances"][0][0] < 1e-5

    collection = client.get_collection("texts")
    stored = collection.get(ids=["3"], include=["embeddings"])["embeddings"]
    np.testing.assert_allclose(stored[0], encoder.encode(texts[3]), atol=1e-6)
