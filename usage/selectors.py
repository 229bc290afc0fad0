"""Reads of the ledger. The tenant's scope must be open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from tenants.context import AuthContext
from usage.models import UsageEvent, UsageStatus


class GroupBy(StrEnum):
    DAY = "day"
    BOT_PROFILE = "bot_profile"
    MODEL = "model"
    KIND = "kind"


COLUMN: Mapping[GroupBy, str] = {
    GroupBy.DAY: "day",
    GroupBy.BOT_PROFILE: "bot_profile_id",
    GroupBy.MODEL: "model",
    GroupBy.KIND: "kind",
}


@dataclass(frozen=True, slots=True)
class Period:
    """From ``start`` (included) to ``end`` (excluded); None is open."""

    start: datetime | None = None
    end: datetime | None = None

    @property
    def as_filter(self) -> Q:
        bounds = Q()
        if self.start:
            bounds &= Q(created_at__gte=self.start)
        if self.end:
            bounds &= Q(created_at__lt=self.end)
        return bounds


@dataclass(frozen=True, slots=True)
class UsageSum:
    """Settled calls added up; ``unpriced`` of them have no known price."""

    calls: int
    input_tokens: int
    output_tokens: int
    known_cost_nano: int
    unpriced: int
    estimated: bool
    group: Any = None

    @property
    def cost_nano(self) -> int | None:
        """None where any call's price is unknown."""
        return None if self.unpriced else self.known_cost_nano


def list_events(
    auth: AuthContext,
    period: Period,
    *,
    kind: str | None = None,
    model: str | None = None,
    bot_profile_id: UUID | None = None,
) -> QuerySet[UsageEvent]:
    """Calls of the tenant, newest first."""
    wanted = {"kind": kind, "model": model, "bot_profile_id": bot_profile_id}
    given = {name: value for name, value in wanted.items() if value is not None}
    rows: QuerySet[UsageEvent] = UsageEvent.objects.filter(
        period.as_filter, tenant_id=auth.tenant_id, **given
    )
    return rows


def sum_usage(auth: AuthContext, period: Period, group_by: GroupBy) -> list[UsageSum]:
    """One sum per day (UTC), bot, model or kind, ordered by it. Days without calls are left out."""
    column = COLUMN[group_by]
    rows = _settled(auth, period).annotate(day=TruncDate("created_at")).values(column)
    return [_sum(row, row[column]) for row in rows.annotate(**_sums()).order_by(column)]


def total_usage(auth: AuthContext, period: Period) -> UsageSum:
    """Everything in the period added up."""
    return sum_of(list_events(auth, period))


def sum_of(events: QuerySet[UsageEvent]) -> UsageSum:
    """What has been settled of ``events``, added up."""
    settled = events.filter(status=UsageStatus.SETTLED).order_by()
    return _sum(settled.aggregate(**_sums()))


def message_calls(message_id: UUID) -> Sequence[UsageEvent]:
    """The calls that one answer took, in order."""
    rows = UsageEvent.objects.filter(message_id=message_id, status=UsageStatus.SETTLED)
    return list(rows.order_by("created_at", "id"))


def events_after(
    events: QuerySet[UsageEvent], last: UsageEvent | None, size: int
) -> list[UsageEvent]:
    """The next ``size`` rows of ``events``, newest first, after the row ``last``."""
    rows = events.order_by("-created_at", "-id")
    if last is not None:
        older = Q(created_at__lt=last.created_at)
        rows = rows.filter(older | Q(created_at=last.created_at, id__lt=last.pk))
    return list(rows[:size])


def _settled(auth: AuthContext, period: Period) -> QuerySet[UsageEvent]:
    return list_events(auth, period).filter(status=UsageStatus.SETTLED).order_by()


def _sums() -> dict[str, Any]:
    return {
        "calls": Count("pk"),
        "asked": Sum("input_tokens"),
        "answered": Sum("output_tokens"),
        "cost": Sum("cost_nano"),
        "unpriced": Count("pk", filter=Q(cost_nano__isnull=True)),
        "guessed": Count("pk", filter=Q(estimated=True)),
    }


def _sum(row: Mapping[str, Any], group: Any = None) -> UsageSum:
    return UsageSum(
        calls=row["calls"],
        input_tokens=int(row["asked"] or 0),
        output_tokens=int(row["answered"] or 0),
        known_cost_nano=int(row["cost"] or 0),
        unpriced=row["unpriced"],
        estimated=bool(row["guessed"]),
        group=group,
    )
