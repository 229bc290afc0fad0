"""The outside of the ledger: decimal strings for money, RFC 3339 for times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from minirag.api.moments import PeriodParams, bounds
from minirag.api.serializers import PageParams, StrictQuery
from usage.models import UsageEvent, UsageKind, UsageStatus
from usage.money import usd
from usage.selectors import GroupBy, Period, UsageSum

DEFAULT_DAYS = 30


class UsageParams(PeriodParams, StrictQuery):
    """Sums of a period; without ``from``, of its last 30 days."""

    group_by = serializers.ChoiceField(
        choices=[group.value for group in GroupBy], required=False, default=GroupBy.DAY.value
    )


class EventParams(PeriodParams, PageParams):
    """Filters of the ledger's rows."""

    kind = serializers.ChoiceField(choices=UsageKind.choices, required=False)
    model = serializers.CharField(max_length=200, required=False)
    bot_profile_id = serializers.UUIDField(required=False)
    format = serializers.ChoiceField(
        choices=["json", "csv"],
        required=False,
        default="json",
        help_text="`csv` is the whole list in one file, and takes no `limit` or `cursor`.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        paged = [name for name in ("limit", "cursor") if name in attrs]
        if attrs["format"] == "csv" and paged:
            raise serializers.ValidationError(dict.fromkeys(paged, "CSV has no pages."))
        return attrs


def period_of(params: Mapping[str, Any]) -> Period:
    """Raises ``Invalid`` where the end is not behind the start."""
    return Period(*bounds(params))


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
    estimated = serializers.BooleanField(help_text="Whether any count is an estimate.")

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
