"""Counts beside the rows of a page."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce


def count_of(rows: QuerySet[Any], by: str) -> Coalesce:
    """To annotate with: how many of ``rows`` refer to a row by their field ``by``.

    Counted for the rows of a page only; a join would be counted for all before the page is cut.
    Rows, not keys: those an index may not hold.
    """
    own = rows.filter(**{by: OuterRef("pk")}).order_by().values(by)
    return Coalesce(Subquery(own.annotate(held=Count("*")).values("held")), 0)
