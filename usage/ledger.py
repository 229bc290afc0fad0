"""Usage exactly once: reserve (estimate) → call → settle (the provider's numbers) or release.

A row is written and committed before the call, so no call goes unrecorded; each closing is a
compare-and-set on ``status``, so no call is counted twice. The open scope must be the tenant's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from minirag.errors import AnswerLost, QuotaExceeded
from minirag.metrics import PROVIDER_CALLS
from minirag.types import TokenUsage
from tenants.models import Tenant
from usage.models import MonthlySpend, UsageEvent, UsageKind, UsageStatus
from usage.pricing import Price, price

log = logging.getLogger(__name__)

# A provider that a tenant named may report any number; beyond this it is not believed.
LARGEST_COUNT = 10**9
_BATCH = 500


@dataclass(slots=True)
class Meter:
    """One call under way: ``report`` its numbers as soon as they are known."""

    call: UsageEvent
    usage: TokenUsage | None = None

    @property
    def call_id(self) -> UUID:
        return self.call.call_id

    def report(self, usage: TokenUsage) -> None:
        """The provider's numbers, or one's own count (``estimated``). The last report stands."""
        self.usage = usage


def reserve_call(
    *,
    tenant_id: UUID,
    kind: UsageKind,
    model: str,
    estimate: TokenUsage,
    bot_profile_id: UUID | None = None,
    message_id: UUID | None = None,
    ingest_job_id: UUID | None = None,
) -> UsageEvent:
    """Write the row of a call to come and count its estimated cost against the month's cap.

    Returns the row: ``settle`` and ``release`` need not read it again. Raises ``QuotaExceeded``,
    and writes nothing, where the cap would be passed. An unknown price counts 0.
    """
    event = UsageEvent(
        tenant_id=tenant_id,
        kind=kind,
        model=model,
        bot_profile_id=bot_profile_id,
        message_id=message_id,
        ingest_job_id=ingest_job_id,
    )
    _set_price(event, price(model))
    _set_numbers(event, estimate)
    with transaction.atomic():
        event.save()
        if event.cost_nano:
            _spend_within_cap(tenant_id, _month(event.created_at), event.cost_nano)
    return event


def reserve(**call: Any) -> UUID:
    """``reserve_call``, for who keeps the id only."""
    return reserve_call(**call).call_id


def settle(call: UUID | UsageEvent, usage: TokenUsage) -> UsageEvent:
    """Close a reservation with the numbers of the call; the month's spend is corrected.

    A second settle changes nothing; one with other numbers is logged. Raises
    ``UsageEvent.DoesNotExist`` for an unknown call.
    """
    event = _reserved(call)
    reserved = event.cost_nano or 0
    _set_numbers(event, usage)
    event.status, event.settled_at = UsageStatus.SETTLED, timezone.now()
    if _close(event, spend=(event.cost_nano or 0) - reserved):
        PROVIDER_CALLS.labels(event.kind, "settled").inc()
        return event
    stored: UsageEvent = UsageEvent.objects.get(call_id=event.call_id)
    if stored.status != UsageStatus.SETTLED or _numbers(stored) != _numbers(event):
        log.warning("call %s is %s already: other numbers are not taken", event.pk, stored.status)
    return stored


def release(call: UUID | UsageEvent) -> None:
    """Close a reservation whose call did not happen: it counts nothing. Only the first close acts.

    Raises ``UsageEvent.DoesNotExist`` for an unknown call.
    """
    event = _reserved(call)
    reserved = event.cost_nano or 0
    _set_numbers(event, TokenUsage(0))
    event.status, event.settled_at = UsageStatus.RELEASED, timezone.now()
    if _close(event, spend=-reserved):
        PROVIDER_CALLS.labels(event.kind, "released").inc()


@contextmanager
def metered(
    *,
    tenant_id: UUID,
    kind: UsageKind,
    model: str,
    estimate: TokenUsage,
    bot_profile_id: UUID | None = None,
    message_id: UUID | None = None,
    ingest_job_id: UUID | None = None,
) -> Iterator[Meter]:
    """Reserve, run the call, settle what it reported.

    A call that fails before it reported anything is released; one that reported and then failed is
    settled, since it was paid. Without a report the estimate is settled, flagged as such; so it is
    where the answer was lost on its way, for which a provider charges all the same.
    """
    call = reserve_call(
        tenant_id=tenant_id,
        kind=kind,
        model=model,
        estimate=estimate,
        bot_profile_id=bot_profile_id,
        message_id=message_id,
        ingest_job_id=ingest_job_id,
    )
    meter = Meter(call)
    try:
        yield meter
    except BaseException as error:
        if meter.usage is None and not isinstance(error, AnswerLost):
            release(call)
        else:
            settle(call, meter.usage or replace(estimate, estimated=True))
        raise
    settle(call, meter.usage or replace(estimate, estimated=True))


def release_abandoned(older_than: timedelta) -> int:
    """Close reservations whose process died, as estimated: the call may well have been paid.

    For the sweeper, in ``platform_scope``. ``older_than`` must exceed the longest call. Returns how
    many were closed; at most 500 at a time.
    """
    before = timezone.now() - older_than
    left = UsageEvent.objects.filter(status=UsageStatus.RESERVED, created_at__lt=before)
    return _close_as_estimated(left)


def close_answer(message_id: UUID, written: int) -> int:
    """``release_abandoned`` for the calls of one answer whose process is known to be gone.

    It can have been given ``written`` tokens at most.
    """
    left = UsageEvent.objects.filter(status=UsageStatus.RESERVED, message_id=message_id)
    return _close_as_estimated(left, written)


def close_job(ingest_job_id: UUID) -> int:
    """``release_abandoned`` for the calls of a job whose worker is known to be gone."""
    left = UsageEvent.objects.filter(status=UsageStatus.RESERVED, ingest_job_id=ingest_job_id)
    return _close_as_estimated(left)


def _close_as_estimated(left: QuerySet[UsageEvent], written: int | None = None) -> int:
    closed = 0
    for event in left.order_by("created_at")[:_BATCH]:
        reserved = event.cost_nano or 0
        output = event.output_tokens
        if written is not None and event.kind == UsageKind.GENERATION:
            output = min(output, written)
        _set_numbers(event, TokenUsage(event.input_tokens, output, estimated=True))
        event.status, event.settled_at = UsageStatus.SETTLED, timezone.now()
        closed += _close(event, spend=(event.cost_nano or 0) - reserved)
    return closed


def _reserved(call: UUID | UsageEvent) -> UsageEvent:
    """The row to close, as it was reserved: price, month and estimate never change in between."""
    if isinstance(call, UsageEvent):
        return copy(call)
    found: UsageEvent = UsageEvent.objects.get(call_id=call)
    return found


def _close(event: UsageEvent, *, spend: int) -> bool:
    """Write a reserved row's end, once, together with its correction of the month's spend."""
    with transaction.atomic():
        won = UsageEvent.objects.filter(pk=event.pk, status=UsageStatus.RESERVED).update(
            status=event.status,
            settled_at=event.settled_at,
            input_tokens=event.input_tokens,
            output_tokens=event.output_tokens,
            cost_nano=event.cost_nano,
            estimated=event.estimated,
        )
        if won and spend:
            _spend(event.tenant_id, _month(event.created_at), spend)
    return bool(won)


def _set_price(event: UsageEvent, price: Price | None) -> None:
    event.input_price_nano = price.input_nano if price else None
    event.output_price_nano = price.output_nano if price else None


def _set_numbers(event: UsageEvent, usage: TokenUsage) -> None:
    """Tokens and cost, at the price that was stored when the call was reserved."""
    usage = _believable(usage)
    event.input_tokens, event.output_tokens = usage.input_tokens, usage.output_tokens
    event.estimated = usage.estimated
    if event.input_price_nano is None or event.output_price_nano is None:
        event.cost_nano = None
    else:
        event.cost_nano = Price(event.input_price_nano, event.output_price_nano).cost(usage)


def _numbers(event: UsageEvent) -> tuple[int, int, bool]:
    return event.input_tokens, event.output_tokens, event.estimated


def _believable(usage: TokenUsage) -> TokenUsage:
    """Counts within bounds; what had to be cut is no longer the provider's own number."""
    given = (usage.input_tokens, usage.output_tokens)
    asked, answered = (min(max(count, 0), LARGEST_COUNT) for count in given)
    if (asked, answered) == given:
        return usage
    log.warning("a provider reported %d and %d tokens", *given)
    return TokenUsage(asked, answered, estimated=True)


def _month(moment: datetime) -> date:
    return moment.astimezone(UTC).date().replace(day=1)


def _spend_within_cap(tenant_id: UUID, month: date, amount: int) -> None:
    """Add ``amount`` unless the cap would be passed: one conditional UPDATE decides."""
    limits = Tenant.objects.filter(pk=tenant_id)
    cap: int | None = limits.values_list("monthly_cost_limit_nano", flat=True).get()
    if cap is None:
        _spend(tenant_id, month, amount)
        return
    row = _spend_row(tenant_id, month)
    within = MonthlySpend.objects.filter(pk=row, spent_nano__lte=cap - amount)
    if amount > cap or not within.update(spent_nano=F("spent_nano") + amount):
        raise QuotaExceeded(
            "The tenant's monthly cost limit is used up.", retry_after=_until_next_month(month)
        )


def _spend(tenant_id: UUID, month: date, amount: int) -> None:
    row = _spend_row(tenant_id, month)
    MonthlySpend.objects.filter(pk=row).update(spent_nano=F("spent_nano") + amount)


def _spend_row(tenant_id: UUID, month: date) -> UUID:
    row, _ = MonthlySpend.objects.get_or_create(tenant_id=tenant_id, month=month)
    found: UUID = row.pk
    return found


def _until_next_month(month: date) -> float:
    first = (month + timedelta(days=32)).replace(day=1)
    start = datetime(first.year, first.month, 1, tzinfo=UTC)
    return max(1.0, (start - timezone.now()).total_seconds())
