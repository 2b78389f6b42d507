"""The same calls on the same folder, by both."""
import numpy as np
import pytest

sentence_transformers = pytest.importorskip("sentence_transformers")
import torch

from semblance import SentenceEncoder

TOLERANCE = 1e-5


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"normalize_embeddings": True},
        {"batch_size": 5, "truncate_dim": 100},
        {"truncate_dim": 100, "normalize_embeddings": True},
        {"prompt": "query: "},
        {"prompt_name": "query"},
        {"show_progress_bar": True, "device": "cpu", "convert_to_tensor": True},
        {"convert_to_numpy": False},
    ],
    ids=str,
)
def test_encode(real_model, sentences, options):
    theirs = sentence_transformers.SentenceTransformer(real_model, device="cpu")
    ours = SentenceEncoder(real_model)
    for method in ["encode", "encode_query", "encode_document"]:
        for inputs in [sentences, sentences[0], []]:
            expected, found = getattr(theirs, method)(inputs, **options), getattr(ours, method)(inputs, **options)
            assert type(found) is type(expected)
            if len(expected) == 0:
                assert len(found) == 0
                continue
            if isinstance(expected, list):
                expected, found = torch.stack(expected), torch.stack(found)
            assert found.shape == expected.shape and found.dtype == expected.dtype
            assert np.abs(np.asarray(found) - np.asarray(expected)).max() <= TOLERANCE
    assert ours.max_seq_length == theirs.max_seq_length
    assert ours.get_embedding_dimension() == theirs.get_embedding_dimension()
    assert ours.prompts == theirs.prompts


def test_similarity(real_model, sentences):
    theirs = sentence_transformers.SentenceTransformer(real_model, device="cpu")
    vectors = theirs.encode(sentences)
    for metric in ["cosine", "dot", "euclidean", "manhattan"]:
        theirs.similarity_fn_name = metric
        ours = SentenceEncoder(real_model, similarity_fn_name=metric)
        # The distance of a vector to itself is a root of rounding: theirs to 1e-3 of it. Their sum of
        # absolute differences is one after the other, in float32.
        tolerance = {"euclidean": 2e-3, "manhattan": 1e-4}.get(metric, TOLERANCE)
        found = ours.similarity(vectors, vectors[:7])
        assert np.abs(found - theirs.similarity(vectors, vectors[:7]).numpy()).max() <= tolerance
        found = ours.similarity_pairwise(vectors[1:], vectors[:-1])
        assert np.abs(found - theirs.similarity_pairwise(vectors[1:], vectors[:-1]).numpy()).max() <= tolerance


def test_similarity_takes_their_tensors_and_names(real_model, sentences):
    theirs = sentence_transformers.SentenceTransformer(real_model, device="cpu")
    tensor = theirs.encode(sentences, convert_to_tensor=True).clone().requires_grad_()
    metric = sentence_transformers.SimilarityFunction.DOT_PRODUCT
    theirs.similarity_fn_name = metric
    ours = SentenceEncoder(real_model, similarity_fn_name=metric)
    expected = theirs.similarity(tensor, tensor).detach().numpy()
    assert np.abs(ours.similarity(tensor, tensor) - expected).max() <= TOLERANCE
    coarse = tensor.detach().to(torch.bfloat16)
    assert np.abs(ours.similarity(coarse, coarse) - expected).max() <= 0.05
