"""Sentence vectors as a column of a Spark DataFrame.

    from semblance.spark import with_embeddings
    with_embeddings(texts, "/models/bge-small-zh-v1.5", column="text").write.parquet("vectors")

The folder must be there on every machine, under the same path.
"""
from __future__ import annotations

import functools
import json
from typing import Any, Callable, Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa

from .sentence_encoder import SentenceEncoder


@functools.lru_cache(maxsize=1)
def _encoder(folder: str, options_json: str) -> SentenceEncoder:
    # Once in the life of a Python worker, which Spark keeps for its next tasks.
    options = {"num_threads": 1, **json.loads(options_json)}
    return SentenceEncoder(folder, **options)


def encode_batches(
    folder: str,
    column: str = "text",
    output: str = "embedding",
    encoder_options: Mapping[str, Any] | None = None,
    **encode_options: Any,
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """For DataFrame.mapInArrow: every row as it came, with the vector of its text, float32.

    A null text has a null vector. A task encodes on one thread, since Spark runs one a core.

    encoder_options  arguments of SentenceEncoder. With "packed_cache", a file that need not be there
                     yet, the Python workers of a machine map the weights and have them once.
    encode_options   arguments of encode()
    """
    options_json = json.dumps(dict(encoder_options or {}), sort_keys=True)

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        encoder = _encoder(folder, options_json)
        for batch in batches:
            texts = batch.column(column)
            vectors = encoder.encode(texts.drop_null().to_pylist(), **{"num_threads": 1, **encode_options})
            dim = vectors.shape[1] if vectors.ndim == 2 else 0
            lengths = np.asarray(texts.is_valid()).astype(np.int32) * dim
            offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
            lists = pa.ListArray.from_arrays(
                pa.array(offsets), pa.array(vectors.ravel(), pa.float32()), mask=texts.is_null()
            )
            yield pa.RecordBatch.from_arrays([*batch.columns, lists], [*batch.schema.names, output])

    return run


def with_embeddings(
    frame: Any,
    folder: str,
    column: str = "text",
    output: str = "embedding",
    encoder_options: Mapping[str, Any] | None = None,
    **encode_options: Any,
) -> Any:
    """The DataFrame with one more column, array<float>: the vectors of `column`, a string.

    The options are those of encode_batches().
    """
    from pyspark.sql.types import ArrayType, FloatType, StructField, StructType

    if output in frame.columns:
        raise ValueError(f"output: expected a new column, found {output!r} among {frame.columns}")
    if column not in frame.columns:
        raise ValueError(f"column: expected one of {frame.columns}, found {column!r}")
    schema = StructType([*frame.schema.fields, StructField(output, ArrayType(FloatType(), False), True)])
    return frame.mapInArrow(encode_batches(folder, column, output, encoder_options, **encode_options), schema)
