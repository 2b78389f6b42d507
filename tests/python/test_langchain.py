"""LangChain's own vector store over an encoder."""
import asyncio

import numpy as np
import pytest

pytest.importorskip("langchain_core")
from langchain_core.vectorstores import InMemoryVectorStore

from semblance import SentenceEncoder
from semblance.langchain import SemblanceEmbeddings


def test_embeddings_are_the_encoders(golden):
    model = golden("st-max-prompts")
    encoder = SentenceEncoder(model.folder)
    embeddings = SemblanceEmbeddings(encoder, normalize_embeddings=True)
    documents = embeddings.embed_documents(model.sentences)
    assert isinstance(documents, list) and isinstance(documents[0][0], float)
    assert np.array_equal(documents, encoder.encode_document(model.sentences, normalize_embeddings=True))
    query = encoder.encode_query(model.sentences[0], normalize_embeddings=True)
    assert np.array_equal(embeddings.embed_query(model.sentences[0]), query)
    assert asyncio.run(embeddings.aembed_query(model.sentences[0])) == query.tolist()
    assert embeddings.embed_documents([]) == []


def test_a_store_finds_what_similarity_finds(real_model, sentences):
    texts = sorted(set(text for text in sentences if text.strip()))
    store = InMemoryVectorStore.from_texts(texts, SemblanceEmbeddings(real_model))
    encoder = SentenceEncoder(real_model)
    scores = encoder.similarity(encoder.encode(texts[3]), encoder.encode(texts))[0]
    found = store.similarity_search_with_score(texts[3], k=4)
    assert [document.page_content for document, _ in found] == [texts[i] for i in np.argsort(-scores)[:4]]
    np.testing.assert_allclose([score for _, score in found], np.sort(scores)[::-1][:4], atol=1e-5)
