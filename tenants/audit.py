"""The record of every mutating operation: who, what, on what, from where. Never a secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Model

from tenants.context import AuthContext
from tenants.models import AuditEvent

# Names whose values never reach the record, whatever a caller hands in.
_SECRET = ("password", "token", "secret", "credential", "api_key", "link", "authorization")
_MAX_TEXT = 200


def _safe(value: Any, name: str = "") -> Any:
    if any(part in name.lower() for part in _SECRET) and not isinstance(value, bool):
        return "(set)" if value else None
    if isinstance(value, Mapping):
        return {_storable(str(key)): _safe(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_safe(inner) for inner in list(value)[:50]]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _storable(str(value)[:_MAX_TEXT])


def _storable(text: str) -> str:
    """A path can hold what PostgreSQL cannot (NUL, lone surrogates): the record must not fail."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def record(
    auth: AuthContext,
    action: str,
    obj: Model | None = None,
    *,
    detail: Mapping[str, Any] | None = None,
    outcome: str = "ok",
) -> AuditEvent:
    """Write one event, in the same transaction as the change. ``action`` is like ``source.create``.

    ``outcome`` is ``ok`` or the error code of a refusal.
    """
    event: AuditEvent = AuditEvent.objects.create(
        tenant_id=auth.tenant_id,
        actor_kind=str(auth.kind),
        actor_id=auth.actor_id[:64],
        actor=auth.actor[:254],
        action=action[:80],
        object_type=obj._meta.model_name or "" if obj is not None else "",
        object_id=str(obj.pk) if obj is not None else "",
        outcome=outcome[:40],
        detail=_safe(detail or {}),
        ip=auth.ip,
        request_id=auth.request_id[:64],
    )
    return event
