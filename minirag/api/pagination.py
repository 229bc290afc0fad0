"""Cursor pages over any ordered queryset: stable under inserts, no offsets, no counting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

from minirag.errors import Invalid

DEFAULT_LIMIT = 50
_SALT = "minirag.cursor"


@dataclass(frozen=True, slots=True)
class Cursor:
    """``values`` are those of the ordering fields at the boundary row.

    It belongs to one list, named by its path: the signature of another list's does not fit.
    """

    backwards: bool
    values: tuple[str, ...]

    def encode(self, order: Sequence[str], path: str) -> str:
        what = [int(self.backwards), list(order), list(self.values)]
        return signing.dumps(what, salt=f"{_SALT}:{path}")

    @classmethod
    def decode(cls, text: str, order: Sequence[str], path: str) -> Cursor:
        """Raises ``Invalid`` for anything this server did not write for this very list."""
        try:
            backwards, written_for, values = signing.loads(text, salt=f"{_SALT}:{path}")
        except (signing.BadSignature, ValueError) as error:
            raise Invalid.field("cursor", "This cursor is not valid.") from error
        if written_for != list(order):
            raise Invalid.field("cursor", "This cursor is not valid.")
        return cls(bool(backwards), tuple(values))


@dataclass(frozen=True, slots=True)
class Page:
    """``rows`` of one page with the addresses of its neighbours."""

    rows: list[Any]
    next: str | None
    previous: str | None


def _ordering(rows: QuerySet[Any]) -> tuple[str, ...]:
    order = [str(name) for name in rows.query.order_by or rows.model._meta.ordering or ()]
    if not any(name.lstrip("-") in ("id", "pk") for name in order):
        descending = bool(order) and order[-1].startswith("-")
        order.append("-id" if descending else "id")
    return tuple(order)


def _flipped(order: Sequence[str]) -> list[str]:
    return [name[1:] if name.startswith("-") else f"-{name}" for name in order]


def _after(rows: QuerySet[Any], order: Sequence[str], values: Sequence[str]) -> QuerySet[Any]:
    """Rows strictly behind the boundary in ``order``."""
    condition, equal = Q(), Q()
    for name, value in zip(order, values, strict=True):
        field = name.lstrip("-")
        comparison = "lt" if name.startswith("-") else "gt"
        condition |= equal & Q(**{f"{field}__{comparison}": value})
        equal &= Q(**{field: value})
    try:
        return rows.filter(condition)
    except (ValueError, ValidationError) as error:
        raise Invalid.field("cursor", "This cursor is not valid.") from error


def _boundary(row: Model, order: Sequence[str]) -> tuple[str, ...]:
    def text(name: str) -> str:
        value: Any = row
        for part in name.lstrip("-").split("__"):
            value = getattr(value, part)
        return value.isoformat() if hasattr(value, "isoformat") else str(value)

    return tuple(text(name) for name in order)


def paginate(request: HttpRequest, rows: QuerySet[Any], *, limit: int, cursor: str | None) -> Page:
    """One page of ``rows``. Raises ``Invalid`` for a cursor that is not ours."""
    order = _ordering(rows)
    at = Cursor.decode(cursor, order, request.path) if cursor else None
    backwards = at is not None and at.backwards
    direction = _flipped(order) if backwards else list(order)
    selected = rows.order_by(*direction)
    if at is not None:
        selected = _after(selected, direction, at.values)
    found = list(selected[: limit + 1])
    more, found = len(found) > limit, found[:limit]
    if backwards:
        found.reverse()

    def link(towards_back: bool, exists: bool) -> str | None:
        if not exists or not found:
            return None
        edge = found[0] if towards_back else found[-1]
        text = Cursor(towards_back, _boundary(edge, order)).encode(order, request.path)
        return _address(request, text)

    return Page(
        found, link(False, backwards or more), link(True, more if backwards else at is not None)
    )


def _address(request: HttpRequest, cursor: str) -> str:
    """This list at ``cursor``. The host was checked against ALLOWED_HOSTS."""
    query = {name: value for name, value in request.GET.items() if name != "cursor"}
    return request.build_absolute_uri(f"{request.path}?{urlencode({**query, 'cursor': cursor})}")
