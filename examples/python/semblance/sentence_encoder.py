"""SentenceEncoder: what sentence-transformers' SentenceTransformer does with a folder, on NumPy."""
from __future__ import annotations

import operator
import os
import sys
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np

from . import _semblance


class SentenceEncoder:
    """A published folder, loaded: texts in, vectors out.

    Methods and arguments are those of sentence-transformers where both have them. Of a folder
    without modules.json the vector is [CLS], where sentence-transformers takes the mean: encode()
    has pooling="mean" for that. encode() frees the interpreter lock and may be called from many
    threads. An encoder can be pickled: the folder is loaded again where it arrives.

    folder               as it is published, or as sentence-transformers saves it
    prompts              beside the folder's, or in the place of those of the same name: name to text
    default_prompt_name  instead of the folder's; "" is none
    truncate_dim         instead of the folder's; 0 is the whole vector
    similarity_fn_name   cosine, dot, euclidean or manhattan; instead of the folder's
    max_seq_length       most tokens of a text, where that is to be less than the folder's
    num_threads          of encode(), unless that is told otherwise; 0 is one a core
    use_modules          False leaves modules.json aside
    copy_files           True reads the weight files instead of mapping them into memory
    dictionary           words in jieba's format, which a RoFormerTokenizer needs
    precision            f32, f16, bf16 or int8, what the layers' weights are kept and multiplied in;
                         None is as the folder has them. Vectors are float32 always.
    packed_cache         a file that keeps the packed weights from one load to the next, and that
                         processes share; written where it is not there

    Raises FileError, FormatError, ConfigError or ShapeError, all of them semblance.Error, with one
    line that names file, key, what was expected and what was found.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        prompts: Mapping[str, str] | None = None,
        default_prompt_name: str | None = None,
        truncate_dim: int | None = None,
        similarity_fn_name: str | None = None,
        max_seq_length: int | None = None,
        num_threads: int = 0,
        use_modules: bool = True,
        copy_files: bool = False,
        dictionary: str | os.PathLike[str] | None = None,
        precision: str | None = None,
        packed_cache: str | os.PathLike[str] | None = None,
    ) -> None:
        self.num_threads = _count("num_threads", num_threads)
        self._arguments = {
            "folder": os.fspath(folder),
            "use_modules": bool(use_modules),
            "copy_files": bool(copy_files),
            "dictionary": os.fspath(dictionary or ""),
            "precision": precision,
            "packed_cache": os.fspath(packed_cache or ""),
            "num_threads": self.num_threads,
        }
        self._encoder = _semblance.Encoder(**self._arguments)
        # As in sentence-transformers, these two are always there, and None leaves what there is.
        self.prompts: dict[str, str] = {"query": "", "document": "", **self._encoder.prompts}
        for name, text in (prompts or {}).items():
            self.prompts[name] = self.prompts.get(name, "") if text is None else text
        name = self._encoder.default_prompt_name if default_prompt_name is None else default_prompt_name
        self.default_prompt_name = name or None
        if self.default_prompt_name is not None and self.default_prompt_name not in self.prompts:
            raise ValueError(f"default_prompt_name: expected one of {list(self.prompts)}, found {self.default_prompt_name!r}")
        dim = self._encoder.truncate_dim if truncate_dim is None else _count("truncate_dim", truncate_dim)
        self.truncate_dim = dim or None
        self.similarity_fn_name = similarity_fn_name or self._encoder.similarity_fn_name
        self._max_length = 0
        if max_seq_length is not None:
            self.max_seq_length = max_seq_length

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_encoder"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._encoder = _semblance.Encoder(**self._arguments)

    @property
    def folder(self) -> str:
        return self._arguments["folder"]

    @property
    def options(self) -> dict[str, Any]:
        """Keyword arguments that make the same encoder of the same folder; all of them go into JSON."""
        return {
            **{name: value for name, value in self._arguments.items() if name != "folder"},
            "prompts": dict(self.prompts),
            "default_prompt_name": self.default_prompt_name or "",
            "truncate_dim": int(self.truncate_dim or 0),
            "similarity_fn_name": self.similarity_fn_name,
            "max_seq_length": self._max_length or None,
            "num_threads": int(self.num_threads),
        }

    @property
    def similarity_fn_name(self) -> str:
        """cosine, dot, euclidean or manhattan: what similarity() and similarity_pairwise() score by."""
        return self._similarity_fn_name

    @similarity_fn_name.setter
    def similarity_fn_name(self, name: Any) -> None:
        name = getattr(name, "value", name)  # of sentence-transformers' SimilarityFunction
        name = "cosine" if name is None else str(name)
        _semblance.require_metric(name)
        self._similarity_fn_name = name

    @property
    def max_seq_length(self) -> int:
        """Most tokens of a text, [CLS] and [SEP] included; at most what the folder says."""
        return self._max_length or self._encoder.max_length

    @max_seq_length.setter
    def max_seq_length(self, most: int) -> None:
        if not 2 <= operator.index(most) <= self._encoder.max_length:
            raise ValueError(f"max_seq_length: expected 2 to {self._encoder.max_length}, found {most}")
        self._max_length = operator.index(most)

    def get_embedding_dimension(self) -> int:
        whole = self._encoder.whole_dim(False)
        return whole if self.truncate_dim is None else min(whole, self.truncate_dim)

    get_sentence_embedding_dimension = get_embedding_dimension

    def encode(
        self,
        inputs: str | Iterable[str] | None = None,
        prompt_name: str | None = None,
        prompt: str | None = None,
        batch_size: int = 32,
        show_progress_bar: bool | None = None,
        output_value: str = "sentence_embedding",
        precision: str = "float32",
        convert_to_numpy: bool = True,
        convert_to_tensor: bool = False,
        device: str | None = None,
        normalize_embeddings: bool = False,
        truncate_dim: int | None = None,
        pool: None = None,
        chunk_size: int | None = None,
        *,
        sentences: str | Iterable[str] | None = None,
        max_length: int = 0,
        pooling: str | None = None,
        num_threads: int | None = None,
    ) -> Any:
        """Vectors of texts: float32 [dim] of a str, [number of texts, dim] of a list.

        `sentences` is the older name of `inputs`; chunk_size is for a pool of processes, which there
        is none of.

        Beyond sentence-transformers: max_length (0: max_seq_length), pooling (instead of the
        folder's and what follows it) and num_threads. Left out: token embeddings, the integer
        precisions and other devices than the CPU, each refused with ValueError; pairs of texts and
        other inputs than texts, refused with TypeError.
        """
        if sentences is not None:
            inputs = sentences
        if pool is not None:
            raise ValueError(f"pool: expected None, found {pool!r}")
        if output_value != "sentence_embedding":
            raise ValueError(f"output_value: expected 'sentence_embedding', found {output_value!r}")
        if precision not in (None, "float32"):
            raise ValueError(f"precision: expected 'float32', found {precision!r}")
        if device is not None and str(device).partition(":")[0] != "cpu":
            raise ValueError(f"device: expected 'cpu', found {device!r}")
        if _count("batch_size", batch_size) == 0:
            raise ValueError(f"batch_size: expected a positive number, found {batch_size}")
        single = isinstance(inputs, str)
        texts = _texts(inputs)
        if truncate_dim is None:
            truncate_dim = self.truncate_dim
        elif truncate_dim < 0:
            raise ValueError(f"truncate_dim: expected a number of dimensions, found {truncate_dim}")

        # The folder's own Normalize, if it has one, comes before the cut; the one asked for here after.
        whole = self._encoder.whole_dim(pooling is not None)
        cut = None if truncate_dim is None else min(truncate_dim, whole)
        dim = 0 if self._encoder.truncate_dim is None else whole
        with _ProgressBar(show_progress_bar, len(texts)) as bar:
            vectors = self._encoder.encode(
                texts,
                batch_size=batch_size,
                pooling=pooling,
                normalize=True if normalize_embeddings else None,
                max_length=_count("max_length", max_length) or self._max_length,
                dim=cut if cut is not None and normalize_embeddings else dim,
                prompt=self._prompt(prompt, prompt_name),
                num_threads=_count("num_threads", self.num_threads if num_threads is None else num_threads),
                progress=bar.update,
            )
        if cut is not None:
            vectors = np.ascontiguousarray(vectors[:, :cut])
        if not texts:
            vectors = np.array([], dtype=np.float32)  # as sentence-transformers has it
        return _as_asked(vectors[0] if single else vectors, convert_to_numpy, convert_to_tensor)

    def encode_query(
        self,
        inputs: str | Iterable[str] | None = None,
        prompt_name: str | None = None,
        prompt: str | None = None,
        *args: Any,
        **options: Any,
    ) -> Any:
        """encode() with the prompt named "query", unless one is given."""
        return self.encode(inputs, self._first_prompt(("query",), prompt_name, prompt), prompt, *args, **options)

    def encode_document(
        self,
        inputs: str | Iterable[str] | None = None,
        prompt_name: str | None = None,
        prompt: str | None = None,
        *args: Any,
        **options: Any,
    ) -> Any:
        """encode() with the first prompt there is of document, passage and corpus."""
        names = ("document", "passage", "corpus")
        return self.encode(inputs, self._first_prompt(names, prompt_name, prompt), prompt, *args, **options)

    def similarity(self, embeddings1: Any, embeddings2: Any) -> np.ndarray:
        """Scores of every row of one with every row of the other, float32 [rows, rows]."""
        return _semblance.similarity(_rows(embeddings1), _rows(embeddings2), self.similarity_fn_name)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> np.ndarray | np.float32:
        """Scores of row i of one with row i of the other, float32 [rows]; of two vectors, one score.

        One row stands beside every row of the other.
        """
        rows1, rows2 = _rows(embeddings1), _rows(embeddings2)
        if 1 in (len(rows1), len(rows2)) and rows1.shape[1] == rows2.shape[1]:
            rows1, rows2 = map(np.ascontiguousarray, np.broadcast_arrays(rows1, rows2))
        scores = _semblance.similarity_pairwise(rows1, rows2, self.similarity_fn_name)[0]
        return scores[0] if np.ndim(embeddings1) == 1 and np.ndim(embeddings2) == 1 else scores

    def count_tokens(self, texts: str | Iterable[str]) -> list[int]:
        """Tokens of each text, [CLS] and [SEP] included, before anything is cut."""
        return self._encoder.count_tokens(_texts(texts))

    def _first_prompt(self, names: Sequence[str], prompt_name: str | None, prompt: str | None) -> str | None:
        if prompt is not None or prompt_name is not None:
            return prompt_name
        return next((name for name in names if name in self.prompts), None)

    def _prompt(self, prompt: str | None, name: str | None) -> str:
        if prompt is not None:
            return prompt
        if name is None:
            name = self.default_prompt_name
        if name is None:
            return ""
        if name not in self.prompts:
            raise ValueError(f"prompt_name: expected one of {list(self.prompts)}, found {name!r}")
        return self.prompts[name] or ""


def _count(name: str, value: Any) -> int:
    try:
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected a whole number, found {value!r}") from None
    if count < 0:
        raise ValueError(f"{name}: expected a number from 0, found {count}")
    return count


def _texts(inputs: Any) -> tuple[str, ...]:
    if isinstance(inputs, str):
        return (inputs,)
    # Iterated over, these would give keys, column names and any order.
    if isinstance(inputs, (bytes, Mapping, Set)) or getattr(inputs, "ndim", 1) != 1:
        raise TypeError(f"expected a str or a list of them, found {type(inputs).__name__}")
    return tuple(inputs)


def _rows(embeddings: Any) -> np.ndarray:
    if hasattr(embeddings, "detach"):  # a tensor, perhaps of a type that NumPy lacks
        embeddings = embeddings.detach().float()
    rows = np.ascontiguousarray(embeddings, dtype=np.float32)
    return rows[np.newaxis] if rows.ndim == 1 else rows


def _as_asked(vectors: np.ndarray, to_numpy: bool, to_tensor: bool) -> Any:
    if to_numpy and not to_tensor:
        return vectors
    import torch  # the caller's: asked for only here

    tensor = torch.from_numpy(vectors)
    return tensor if to_tensor or (tensor.ndim < 2 and len(tensor) != 0) else list(tensor)


class _ProgressBar:
    """tqdm's where it is installed and a bar is asked for, else a count on standard error."""

    def __init__(self, shown: bool | None, total: int) -> None:
        self.update = None
        self._bar: Any = None
        if not shown:
            return
        try:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=total, desc="Sentences", unit="")
            self.update = lambda done, total: self._bar.update(done - self._bar.n)
        except ImportError:
            self.update = lambda done, total: print(
                f"\rSentences: {done}/{total}", end="\n" if done == total else "", file=sys.stderr, flush=True
            )

    def __enter__(self) -> _ProgressBar:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._bar is not None:
            self._bar.close()
