"""The rows, points and questions of ``benchmarks.search_latency``, with Django configured."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import django

django.setup()

import numpy as np  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402

from benchmarks.clients import open_loop, request  # noqa: E402
from benchmarks.figures import median, ms, percentile, table, timed  # noqa: E402
from benchmarks.surroundings import Bench  # noqa: E402
from minirag.providers import build_embedder  # noqa: E402
from minirag.sparse import encode_documents, encode_query  # noqa: E402
from minirag.types import Credentials, Point, VectorQuery, VectorSpace  # noqa: E402
from minirag.vectorstores.edge import EdgeStore  # noqa: E402
from sources.models import Chunk, Document, DocumentStatus, Source, SourceStatus  # noqa: E402
from tenants.models import Tenant  # noqa: E402
from tenants.scope import platform_scope, tenant_scope  # noqa: E402
from tests.api_client import Api  # noqa: E402

MODEL, DIMENSIONS = "local/minilm-l6-v2", 384
SPACE = VectorSpace(MODEL, DIMENSIONS, 1)
_WORDS = [f"word{number}" for number in range(8_000)]
_LENGTH, _PER_DOCUMENT, _BATCH = 80, 50, 256
_random = np.random.default_rng(11)


@dataclass(frozen=True, slots=True)
class Stock:
    """One tenant with so many chunks."""

    size: int
    tenant_id: uuid.UUID
    source_id: uuid.UUID
    token: str


def text() -> str:
    """Words as skewed as language is: few of them are frequent."""
    picks = np.minimum(_random.zipf(1.3, _LENGTH), len(_WORDS)) - 1
    return " ".join(_WORDS[pick] for pick in picks)


def report(running: Bench, sizes: list[int], queries: int) -> None:
    """Fill, measure the store, then serve and measure the API."""
    store = EdgeStore(settings.MINIRAG_DATA_DIR / "vectors")
    stocks = [_stock(store, running, size) for size in sizes]
    questions = [text()[:120] for _ in range(queries)]
    direct = [_direct(store, stock, questions) for stock in stocks]
    store.close()
    connection.close()
    embedder = build_embedder(MODEL, Credentials())
    embedder.embed(["warm"], purpose="query")
    embed = [timed(partial(embedder.embed, [one], purpose="query")) for one in questions]
    running.serve()
    through = [_through_api(running.port, stock, questions) for stock in stocks]
    print(f"{queries} questions each; the question's own vector: p50 {ms(median(embed))}")
    head = ["chunks", "store p50", "API p50", "API p95", "API - store - vector"]
    rows = [
        [
            f"{stock.size:,}",
            ms(median(store_times)),
            ms(median(api_times)),
            ms(percentile(api_times, 0.95)),
            ms(median(api_times) - median(store_times) - median(embed)),
        ]
        for stock, store_times, api_times in zip(stocks, direct, through, strict=True)
    ]
    table(head, rows)


def report_tenants(running: Bench, tenants: int, rate: float, seconds: float = 20) -> None:
    """Many tenants in one store, searched in turn at ``rate`` a second, answered or not."""
    store = EdgeStore(settings.MINIRAG_DATA_DIR / "vectors")
    stocks = [_stock(store, running, 100_000 // tenants, f"{at}-") for at in range(tenants)]
    questions = [text()[:120] for _ in range(int(rate * seconds))]
    direct = [_direct(store, stock, questions[:2])[0] for stock in stocks]
    store.close()
    connection.close()
    running.serve()
    turns = itertools.cycle(stocks)
    asked = iter(questions)

    def ask(question: str, stock: Stock) -> Coroutine[Any, Any, int]:
        body = {"query": question, "source_ids": [str(stock.source_id)], "top_k": 5}
        return request(running.port, "POST", "/v1/search", stock.token, body)

    for stock in stocks[:5]:
        asyncio.run(ask(text()[:120], stock))
    tally = asyncio.run(open_loop(lambda: ask(next(asked), next(turns)), rate, seconds))
    print(f"{tenants} tenants, {100_000 // tenants} chunks each, {rate} searches a second")
    table(
        ["", "p50", "p95", "failed"],
        [
            ["store", ms(median(direct)), ms(percentile(direct, 0.95)), "0"],
            [
                "API",
                ms(median(tally.times)),
                ms(percentile(tally.times, 0.95)),
                str(tally.failed),
            ],
        ],
    )


def _direct(store: EdgeStore, stock: Stock, questions: list[str]) -> list[float]:
    vectors = _random.standard_normal((len(questions), DIMENSIONS)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    limit = 5 * settings.MINIRAG_SEARCH_OVERFETCH

    def ask(at: int) -> object:
        query = VectorQuery(vectors[at], encode_query(questions[at]), (stock.source_id,), limit)
        return store.search(SPACE, stock.tenant_id, query)

    ask(0)
    return [timed(partial(ask, at)) for at in range(len(questions))]


def _through_api(port: int, stock: Stock, questions: list[str]) -> list[float]:
    api = Api(port, stock.token)

    def ask(question: str) -> object:
        return api.post("search", query=question, source_ids=[str(stock.source_id)], top_k=5)

    ask(questions[0])
    ask(questions[1])
    return [timed(partial(ask, one)) for one in questions]


def _stock(store: EdgeStore, running: Bench, size: int, name: str = "") -> Stock:
    from tests.cast import token_of  # noqa: PLC0415 - imports pytest, needs Django first

    with platform_scope("benchmark"):
        name = f"stock-{name}{size}"
        tenant = Tenant.objects.create(
            name=name, slug=name, embedding_model=MODEL, index_dimensions=DIMENSIONS
        )
    with tenant_scope(tenant.pk):
        source = Source.objects.create(
            tenant=tenant, name=name, type="file", status=SourceStatus.READY
        )
        store.ensure_collection(SPACE)
        for first in range(0, size, _PER_DOCUMENT * 20):
            _documents(store, tenant.pk, source.pk, first, min(_PER_DOCUMENT * 20, size - first))
    return Stock(size, tenant.pk, source.pk, token_of(tenant, ("read",)))


def _documents(
    store: EdgeStore, tenant_id: uuid.UUID, source_id: uuid.UUID, first: int, count: int
) -> None:
    """``count`` chunks in documents of fifty: rows in bulk, points in the store's own batches."""
    texts = [text() for _ in range(count)]
    documents = [
        Document(
            tenant_id=tenant_id,
            source_id=source_id,
            key=f"{first + at}.md",
            title=f"Document {first + at}",
            status=DocumentStatus.READY,
            generation=1,
            text="",
        )
        for at in range(0, count, _PER_DOCUMENT)
    ]
    Document.objects.bulk_create(documents)
    chunks = [
        Chunk(
            tenant_id=tenant_id,
            source_id=source_id,
            document_id=documents[at // _PER_DOCUMENT].pk,
            ordinal=at % _PER_DOCUMENT,
            text=one,
            text_hash=uuid.uuid4().hex * 2,
            start=at % _PER_DOCUMENT * 1000,
            end=at % _PER_DOCUMENT * 1000 + len(one),
            heading_path=[],
            token_count=_LENGTH,
            qdrant_point_id=uuid.uuid4(),
        )
        for at, one in enumerate(texts)
    ]
    Chunk.objects.bulk_create(chunks, batch_size=500)
    for batch in _batches(chunks):
        store.upsert(SPACE, tenant_id, _points(batch))


def _points(chunks: list[Chunk]) -> list[Point]:
    dense = _random.standard_normal((len(chunks), DIMENSIONS)).astype(np.float32)
    dense /= np.linalg.norm(dense, axis=1, keepdims=True)
    sparse = encode_documents([chunk.text for chunk in chunks])
    return [
        Point(
            chunk.qdrant_point_id,
            chunk.pk,
            chunk.document_id,
            chunk.source_id,
            dense[at],
            sparse[at],
        )
        for at, chunk in enumerate(chunks)
    ]


def _batches(chunks: list[Chunk]) -> Iterator[list[Chunk]]:
    rest = iter(chunks)
    while batch := list(itertools.islice(rest, _BATCH)):
        yield batch
