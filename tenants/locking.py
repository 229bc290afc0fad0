"""Rows held until the end of a transaction, so that nobody changes or deletes them meanwhile."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model, QuerySet

from minirag.errors import NotFound

Row = TypeVar("Row", bound=Model)


def lock_row(rows: QuerySet[Row], *, no_key: bool = True) -> Row:
    """In a transaction: the one row of ``rows`` as it is now.

    Raises ``NotFound`` where it was deleted after it was looked up. Without ``no_key`` rows that
    refer to it wait too.
    """
    found = rows.select_for_update(of=("self",), no_key=no_key).first()
    if found is None:
        raise NotFound
    return found
