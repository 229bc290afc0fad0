"""The ledger as CSV, streamed: no more than a batch of rows is in memory."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection
from django.db.models import QuerySet

from usage.models import UsageEvent
from usage.selectors import events_after
from usage.serializers import UsageEventSerializer

_BATCH = 1_000
_COLUMNS = UsageEventSerializer.Meta.fields
# What a spreadsheet would run as a formula when a cell begins with it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|")


async def csv_lines(events: QuerySet[UsageEvent]) -> AsyncIterator[bytes]:
    """Header and rows. ``events`` was made inside the tenant's scope, which it carries along."""
    yield _written([_COLUMNS])
    last: UsageEvent | None = None
    while True:
        rows = await sync_to_async(_batch)(events, last)
        if rows:
            yield await sync_to_async(_lines)(rows)
            last = rows[-1]
        if len(rows) < _BATCH:
            return


def _batch(events: QuerySet[UsageEvent], last: UsageEvent | None) -> list[UsageEvent]:
    rows = events_after(events, last, _BATCH)
    # A slow reader must not hold a connection of the pool between two batches.
    if not connection.in_atomic_block:
        connection.close()
    return rows


def _lines(rows: list[UsageEvent]) -> bytes:
    shown = UsageEventSerializer(rows, many=True).data
    return _written([_cell(row[column]) for column in _COLUMNS] for row in shown)


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _written(rows: Iterable[Iterable[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()
