"""Whose rows may be seen now. Fail closed: without an open scope a query on tenant rows raises.

A scope is entered at the edges only: HTTP, WebSocket, Celery task, console, command.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.db import models


class ScopeError(RuntimeError):
    """A programming error: tenant rows were touched outside, or across, a scope."""


@dataclass(frozen=True, slots=True)
class TenantScope:
    """Only rows of this tenant exist."""

    tenant_id: UUID


@dataclass(frozen=True, slots=True)
class PlatformScope:
    """Rows of all tenants, for work that is cross-tenant by nature."""

    reason: str


Scope = TenantScope | PlatformScope
_current: ContextVar[Scope | None] = ContextVar("minirag_scope", default=None)


def current_scope() -> Scope:
    """The open scope. Raises ``ScopeError`` when there is none."""
    scope = _current.get()
    if scope is None:
        raise ScopeError("No scope is open: enter tenant_scope() at the edge that got the request.")
    return scope


def open_scope(scope: Scope | None) -> Token[Scope | None]:
    """Enter without a ``with`` block, for edges whose begin and end are two calls."""
    return _current.set(scope)


def close_scope(token: Token[Scope | None]) -> None:
    _current.reset(token)


def drop_scope() -> Scope | None:
    """Leave whatever scope is open and give it back: the guard between requests."""
    left = _current.get()
    _current.set(None)
    return left


@contextmanager
def tenant_scope(tenant_id: UUID) -> Iterator[None]:
    """See one tenant's rows only."""
    token = _current.set(TenantScope(tenant_id))
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def platform_scope(reason: str) -> Iterator[None]:
    """See the rows of all tenants. Its callers are a tested list."""
    token = _current.set(PlatformScope(reason))
    try:
        yield
    finally:
        _current.reset(token)


M = TypeVar("M", bound=models.Model)


class ScopedManager(models.Manager[M]):
    """Applies the open scope to every query, related lookups and bulk writes included."""

    use_in_migrations = False

    def __init__(self, tenant_field: str = "tenant_id") -> None:
        super().__init__()
        self.tenant_field = tenant_field

    def get_queryset(self) -> models.QuerySet[M]:
        scope = current_scope()
        rows = super().get_queryset()
        if isinstance(scope, TenantScope):
            return rows.filter(**{self.tenant_field: scope.tenant_id})
        return rows

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> list[M]:
        rows = list(objs)
        for row in rows:
            check_owner(row)
        return super().bulk_create(rows, *args, **kwargs)


def check_owner(row: Any) -> None:
    """Give a new row the open scope's tenant, or refuse a row of another one."""
    row.tenant_id = owner(type(row), row.tenant_id)


def owner(model: type[models.Model], tenant_id: UUID | None) -> UUID | None:
    """Whose a row to be written is: of nobody, it becomes the open scope's. Refuses another's."""
    scope = current_scope()
    if isinstance(scope, PlatformScope):
        return tenant_id
    if tenant_id not in (None, scope.tenant_id):
        raise ScopeError(f"{model.__name__} belongs to another tenant than the open scope.")
    return scope.tenant_id
