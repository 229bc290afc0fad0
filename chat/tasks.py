"""Answers whose process died: somebody else ends their rows, so that no chat waits for ever."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from chat.models import BEATS_PER_LEASE, Message, MessageStatus
from chat.payloads import usage_data
from minirag.errors import Unavailable
from minirag.tokens import count_tokens
from tenants.scope import platform_scope
from usage import ledger
from usage.selectors import message_calls

log = logging.getLogger(__name__)


def interrupt_abandoned(*, everything: bool = False) -> int:
    """End answers whose process died. For the sweeper, in ``platform_scope``. Returns how many.

    ``everything`` also takes those whose lease still runs: for a lone server that just starts.
    """
    left = Message.objects.filter(status=MessageStatus.STREAMING)
    if not everything:
        left = left.filter(lease_until__lt=Now())
    found = list(left.values_list("pk", flat=True))
    return sum(_take_over(left.filter(pk=message_id), message_id) for message_id in found)


def _take_over(row: QuerySet[Message], message_id: UUID) -> bool:
    """End one answer, its calls and its sum; False where somebody else was quicker."""
    error = Unavailable("The server went down before the answer was complete.").as_field()
    with transaction.atomic():
        left = row.first()
        ended = {"status": MessageStatus.INTERRUPTED, "error": error, "lease_until": None}
        if left is None or not row.update(**ended):
            return False
        # Nobody is left who could report the provider's own numbers.
        ledger.close_answer(message_id, _most_written(left))
        usage = usage_data(message_calls(message_id))
        Message.objects.filter(pk=message_id).update(usage=usage)
    return True


def _most_written(left: Message) -> int:
    """Tokens that the answer can have had: those of its row, and as fast until the next beat."""
    tokens: int = count_tokens(left.content)
    beat: float = settings.MINIRAG_CHAT_LEASE_SECONDS / BEATS_PER_LEASE
    if left.lease_until is None:
        return tokens
    seen = left.lease_until - timedelta(seconds=settings.MINIRAG_CHAT_LEASE_SECONDS)
    seconds = max(beat, (seen - left.created_at).total_seconds())
    return tokens + math.ceil(tokens / seconds * beat)


@shared_task(name="chat.sweep")  # type: ignore[untyped-decorator]
def sweep() -> None:
    """End the answers of processes that died."""
    sweep_once()


def sweep_once(*, everything: bool = False) -> int:
    """One round; see ``interrupt_abandoned``."""
    with platform_scope("end answers whose process died"):
        return interrupt_abandoned(everything=everything)


@contextmanager
def sweeping() -> Iterator[None]:
    """While the block lasts, a thread does what Celery's beat does for many processes."""
    sweep_once(everything=True)
    stop = threading.Event()
    thread = threading.Thread(target=_sweep_until, args=(stop,), name="chat-sweeper", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=5)


def _sweep_until(stop: threading.Event) -> None:
    while not stop.wait(settings.MINIRAG_CHAT_LEASE_SECONDS):
        try:
            sweep_once()
        except (DatabaseError, InterfaceError):
            log.exception("a round over abandoned answers failed; the next one tries again")
        finally:
            connections.close_all()
