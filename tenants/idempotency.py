"""``Idempotency-Key``: a repeated POST gets the first answer again instead of a second effect.

As at Stripe: an answer is kept once the operation began, errors included; refusals before it
(unparseable, invalid, forbidden, not found, conflict, limits) are not, so that a corrected request
may use its key again. What the client is asked to repeat (503) is not kept either.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.http import QueryDict
from django.utils import timezone
from django.utils.crypto import salted_hmac

from minirag.errors import RETRYABLE, Conflict, ErrorCode, Invalid, MiniRAGError
from tenants.models import IdempotencyRecord
from tenants.scope import tenant_scope

_MAX_KEY = 255
# Said before the operation began.
_NOT_KEPT = RETRYABLE | {
    ErrorCode.BAD_REQUEST,
    ErrorCode.INVALID,
    ErrorCode.UNAUTHENTICATED,
    ErrorCode.FORBIDDEN,
    ErrorCode.ORIGIN_REFUSED,
    ErrorCode.NOT_FOUND,
    ErrorCode.METHOD_NOT_ALLOWED,
    ErrorCode.CONFLICT,
    ErrorCode.TOO_LARGE,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE,
    ErrorCode.QUOTA_EXCEEDED,
}
# What answers in a source's own words, at an address that outlives the source.
_QUOTING = ("POST /v1/chat", "POST /v1/search")


@dataclass(frozen=True, slots=True)
class Replay:
    """The first answer. ``message_id`` where it was a stream to attach to."""

    status: int
    body: Any
    message_id: UUID | None


@dataclass(frozen=True, slots=True)
class Run:
    """This request is the first. Its writes count only while ``locked_until`` is its own."""

    record_id: UUID
    locked_until: datetime

    def _mine(self) -> Any:
        return IdempotencyRecord.objects.filter(pk=self.record_id, locked_until=self.locked_until)

    def attach(self, message_id: UUID) -> None:
        """A repeat from now on attaches to this message."""
        self._mine().update(message_id=message_id)

    def keep(self, status: int, body: Any) -> None:
        """A repeat from now on gets this answer."""
        self._mine().update(status_code=status, body=body)

    def forget(self) -> None:
        """The key is free again."""
        self._mine().delete()

    def keep_error(self, error: MiniRAGError, body: Any) -> None:
        """Keep or forget, by what kind of refusal it was."""
        if error.code in _NOT_KEPT:
            self.forget()
        else:
            self.keep(error.status, body)


def valid_key(key: str) -> str:
    """Raises ``Invalid`` for an empty, over-long or unprintable key."""
    if not 0 < len(key) <= _MAX_KEY or not key.isascii() or not key.isprintable():
        raise Invalid.field(
            "Idempotency-Key", f"Must be 1 to {_MAX_KEY} printable ASCII characters."
        )
    return key


def _file_digest(file: UploadedFile) -> str:
    digest = hashlib.sha256()
    for block in file.chunks():
        digest.update(block)
    file.seek(0)
    return f"{file.name}\0{digest.hexdigest()}"


def body_digest(data: Any) -> str:
    """SHA-256 of what the body means: key order, spaces and multipart boundaries do not count."""
    if isinstance(data, QueryDict):
        data = {
            name: [_file_digest(item) if isinstance(item, UploadedFile) else item for item in items]
            for name, items in data.lists()
        }
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def begin(tenant_id: UUID, key: str, operation: str, digest: str) -> Run | Replay:
    """Take the key, or find its first answer.

    Raises ``idempotency_mismatch`` for another request under the same key, ``Conflict`` while the
    first still runs. A first request that died frees its key after the lock's time.
    """
    now = timezone.now()
    fresh = {
        "operation": operation,
        "body_digest": digest,
        "status_code": None,
        "body": None,
        "message_id": None,
        "locked_until": now + timedelta(seconds=settings.MINIRAG_IDEMPOTENCY_LOCK_SECONDS),
        "expires_at": now + timedelta(hours=settings.MINIRAG_IDEMPOTENCY_HOURS),
    }
    try:
        with transaction.atomic():
            record = IdempotencyRecord.objects.create(tenant_id=tenant_id, key=key, **fresh)
        return Run(record.pk, record.locked_until)
    except IntegrityError:
        return _second(tenant_id, key, fresh, now)


def tenant_of(key: str, actor: str) -> UUID:
    """The id of the tenant that ``actor`` makes under ``key``: the same for a repeat, and as hard
    to guess as a random one.
    """
    digest = salted_hmac("minirag.new-tenant", f"{actor} {key}", algorithm="sha256").digest()
    return UUID(bytes=digest[:16], version=4)


def find(tenant_id: UUID, key: str, operation: str, digest: str) -> Replay | None:
    """The answer kept for the key, if any. Raises as ``begin``."""
    record = IdempotencyRecord.objects.filter(
        tenant_id=tenant_id, key=key, expires_at__gt=timezone.now()
    ).first()
    if record is None:
        return None
    fresh = {"operation": operation, "body_digest": digest}
    found = _second(tenant_id, key, fresh, timezone.now())
    return found if isinstance(found, Replay) else None


def _second(tenant_id: UUID, key: str, fresh: Mapping[str, Any], now: datetime) -> Run | Replay:
    record = IdempotencyRecord.objects.filter(tenant_id=tenant_id, key=key).first()
    if record is None:  # forgotten in between
        raise Conflict("A request with this key just ended. Send it again.")
    if record.expires_at > now:
        if (record.operation, record.body_digest) != (fresh["operation"], fresh["body_digest"]):
            raise MiniRAGError(
                "This Idempotency-Key was used for another request.",
                code=ErrorCode.IDEMPOTENCY_MISMATCH,
            )
        if record.status_code is not None or record.message_id is not None:
            return Replay(record.status_code or 200, record.body, record.message_id)
        if record.locked_until > now:
            raise Conflict("The first request with this key is still running.")
    # Whoever moves the lock from where it stood has the key.
    taken = IdempotencyRecord.objects.filter(pk=record.pk, locked_until=record.locked_until)
    if not taken.update(**fresh):
        raise Conflict("The first request with this key is still running.")
    return Run(record.pk, fresh["locked_until"])


def forget_quotes(tenant_id: UUID) -> None:
    """Let go of the answers kept for searches and chats: what is deleted now may stand in them.

    A request that still runs keeps its key, and its answer is kept no more. Once now, with what is
    deleted, and once behind the commit, for what was answered while it was on its way.
    """
    _forget_quotes(tenant_id)
    transaction.on_commit(partial(_forget_quotes, tenant_id))


def _forget_quotes(tenant_id: UUID) -> None:
    with tenant_scope(tenant_id):
        kept = IdempotencyRecord.objects.filter(operation__in=_QUOTING)
        running = Q(status_code__isnull=True, message_id__isnull=True)
        kept.exclude(running).delete()
        # Whoever finds the lock moved has lost the right to write.
        kept.filter(running).update(locked_until=F("locked_until") + timedelta(microseconds=1))


def forget_messages(message_ids: Sequence[UUID]) -> None:
    """Let go of the answers kept under a key that are these messages; needs a tenant's scope."""
    texts = [str(pk) for pk in message_ids]
    kept = IdempotencyRecord.objects.filter(operation__in=_QUOTING)
    kept.filter(Q(message_id__in=message_ids) | Q(body__message_id__in=texts)).delete()


def without(body: Any, secret_fields: frozenset[str]) -> Any:
    """``body`` with the secrets shown once left out, at any depth."""
    if isinstance(body, dict):
        return {
            name: without(inner, secret_fields)
            for name, inner in body.items()
            if name not in secret_fields
        }
    if isinstance(body, list):
        return [without(item, secret_fields) for item in body]
    return body


def sweep_expired() -> int:
    """Delete records past their day; needs a platform scope. Returns how many."""
    deleted, _ = IdempotencyRecord.objects.filter(expires_at__lt=timezone.now()).delete()
    return int(deleted)
