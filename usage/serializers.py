"""The outside of the ledger: decimal strings for money, RFC 3339 for times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from minirag.api.serializers import PageParams, StrictQuery
from minirag.errors import Invalid
from usage.models import UsageEvent, UsageKind, UsageStatus
from usage.money import usd
from usage.selectors import GroupBy, Period, UsageSum

DEFAULT_DAYS = 30


@extend_schema_field(OpenApiTypes.STR)
class MomentField(serializers.Field[datetime, str, str, Any]):
    """A date or an RFC 3339 time. ``last`` reads a date as the end of that day (UTC)."""

    def __init__(self, *, last: bool = False, **kwargs: Any) -> None:
        self.last = last
        super().__init__(**kwargs)

    def to_internal_value(self, data: str) -> datetime:
        try:
            return self._moment(data)
        except (ValueError, OverflowError) as error:
            why = "A date or a time such as 2026-11-23 or 2026-11-23T08:00:00Z."
            raise serializers.ValidationError(why) from error

    def to_representation(self, value: datetime) -> str:
        return value.isoformat()

    def _moment(self, text: str) -> datetime:
        if day := parse_date(text):
            return _start(day + timedelta(days=int(self.last)))
        moment = parse_datetime(text)
        if moment is None:
            raise ValueError(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _start(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


class _PeriodParams(serializers.Serializer[Any]):
    """``from`` is a word of the language, so the two bounds are added by name."""

    def get_fields(self) -> dict[str, Any]:
        help_from = "From this date or time on."
        help_to = "Up to this time, or to the end of this date (UTC)."
        return {
            **super().get_fields(),
            "from": MomentField(required=False, help_text=help_from),
            "to": MomentField(required=False, last=True, help_text=help_to),
        }


class UsageParams(_PeriodParams, StrictQuery):
    """Sums of a period; without ``from``, of its last 30 days."""

    group_by = serializers.ChoiceField(
        choices=[group.value for group in GroupBy], required=False, default=GroupBy.DAY.value
    )


class EventParams(_PeriodParams, PageParams):
    """Filters of the ledger's rows."""

    kind = serializers.ChoiceField(choices=UsageKind.choices, required=False)
    model = serializers.CharField(max_length=200, required=False)
    bot_profile_id = serializers.UUIDField(required=False)
    format = serializers.ChoiceField(choices=["json", "csv"], required=False, default="json")


def period_of(params: Mapping[str, Any]) -> Period:
    """Raises ``Invalid`` where the end is not behind the start."""
    start, end = params.get("from"), params.get("to")
    if start and end and start >= end:
        raise Invalid.field("to", "The period ends before it begins.")
    return Period(start, end)


def bounded(period: Period) -> Period:
    """A period that has a start: 30 days before its end where none was given."""
    if period.start:
        return period
    end = period.end or timezone.now()
    days = min(timedelta(days=DEFAULT_DAYS), end - datetime.min.replace(tzinfo=UTC))
    return Period(end - days, period.end)


class UsageEventSerializer(serializers.ModelSerializer[UsageEvent]):
    """One call. ``cost_usd`` is null where the model's price is unknown."""

    cost_usd = serializers.SerializerMethodField()
    status = serializers.ChoiceField(choices=UsageStatus.choices)

    class Meta:
        model = UsageEvent
        fields = (
            "id",
            "created_at",
            "kind",
            "model",
            "bot_profile_id",
            "message_id",
            "ingest_job_id",
            "input_tokens",
            "output_tokens",
            "cost_usd",
            "estimated",
            "status",
        )

    def get_cost_usd(self, event: UsageEvent) -> str | None:
        return usd(event.cost_nano)


class UsageSumSerializer(serializers.Serializer[UsageSum]):
    """Settled calls added up. Of the four groups only the asked one is filled."""

    day = serializers.DateField(allow_null=True)
    bot_profile_id = serializers.UUIDField(allow_null=True)
    model = serializers.CharField(allow_null=True)
    kind = serializers.ChoiceField(choices=UsageKind.choices, allow_null=True)
    calls = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost_usd = serializers.CharField(
        allow_null=True, help_text="Null where the price of any call is unknown."
    )
    known_cost_usd = serializers.CharField(help_text="The calls whose price is known.")
    estimated = serializers.BooleanField(help_text="True where any count is an estimate.")

    def to_representation(self, instance: UsageSum) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "day": None,
            "bot_profile_id": None,
            "model": None,
            "kind": None,
            "calls": instance.calls,
            "input_tokens": instance.input_tokens,
            "output_tokens": instance.output_tokens,
            "cost_usd": usd(instance.cost_nano),
            "known_cost_usd": usd(instance.known_cost_nano),
            "estimated": instance.estimated,
        }
        if column := self.context.get("column"):
            is_text = instance.group is None or column in ("model", "kind")
            shown[column] = instance.group if is_text else str(instance.group)
        return shown


class UsageReportSerializer(serializers.Serializer[Any]):
    """What ``GET /usage`` answers."""

    group_by = serializers.ChoiceField(choices=[group.value for group in GroupBy])
    results = UsageSumSerializer(many=True)
    total = UsageSumSerializer()

    def get_fields(self) -> dict[str, Any]:
        bounds = {
            "from": serializers.DateTimeField(),
            "to": serializers.DateTimeField(allow_null=True),
        }
        return {**bounds, **super().get_fields()}
