"""What making vectors anew would take: tokens, money, minutes. Nothing is written or called."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db.models import Count, QuerySet, Sum

from ingestion.chunking import embedding_text
from ingestion.pipeline.vectors import MOST_TEXTS
from minirag import wiring
from minirag.types import Credentials, TokenUsage
from sources.models import Chunk, Source
from usage.pricing import price

# A provider's call of many texts takes about so long.
_CALL_SECONDS = 1.0
# Texts that a local model is tried on.
_TRIED = 32


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of all chunks under one model. ``cost_usd`` is None where the price is not known."""

    model: str
    chunks: int
    tokens: int
    cost_usd: Decimal | None
    minutes: float


def estimates(tenant_ids: Collection[UUID], source: Source | None) -> list[Estimate]:
    """By embedding model, of the live chunks of these tenants or of one source."""
    rows: QuerySet[Chunk] = Chunk.objects.filter(
        document__deleted_at__isnull=True, source__deleted_at__isnull=True
    )
    rows = rows.filter(tenant_id__in=tenant_ids) if source is None else rows.filter(source=source)
    by_model = rows.order_by().values_list("tenant__embedding_model")
    figures = by_model.annotate(chunks=Count("pk"), tokens=Sum("token_count"))
    return [_estimate(rows, *each) for each in figures]


def _estimate(rows: QuerySet[Chunk], model: str, chunks: int, tokens: int) -> Estimate:
    known = price(model)
    cost = Decimal(known.cost(TokenUsage(tokens))) / 10**9 if known else None
    seconds = _seconds(rows.filter(tenant__embedding_model=model), model, chunks)
    return Estimate(model, chunks, tokens, cost, seconds / 60)


def _seconds(rows: QuerySet[Chunk], model: str, chunks: int) -> float:
    if model.startswith(("local/", "fake/")):
        sample = list(rows.order_by("pk")[:_TRIED])
        return _tried(model, sample) / max(1, len(sample)) * chunks
    calls = -(-chunks // MOST_TEXTS)
    lanes = max(1, settings.MINIRAG_REINDEX_PARALLEL)
    pause = float(settings.MINIRAG_REINDEX_PAUSE_SECONDS)
    return float(calls * (_CALL_SECONDS + pause) / lanes)


def _tried(model: str, sample: Sequence[Chunk]) -> float:
    """Seconds that a local model needs for the texts of ``sample``; it costs nothing."""
    embedder = wiring.embedder(model, Credentials())
    texts = [embedding_text(row.heading_path, row.text) for row in sample]
    embedder.embed(texts[:1], purpose="document")  # its weights are loaded
    begun = time.monotonic()
    for at in range(0, len(texts), embedder.batch_limit):
        embedder.embed(texts[at : at + embedder.batch_limit], purpose="document")
    return time.monotonic() - begun
