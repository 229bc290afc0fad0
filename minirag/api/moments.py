"""A stretch of time in a query: ``from`` and ``to`` mean the same in every list."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.utils.dateparse import parse_date, parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from minirag.errors import Invalid

_SPELLED = re.compile(
    r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d:\d\d)?)?", re.ASCII
)


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
        if not _SPELLED.fullmatch(text):  # Django reads week dates, and digits of every script
            raise ValueError(text)
        if day := parse_date(text):
            if self.last and day == date.max:
                return datetime.max.replace(tzinfo=UTC)
            return _start(day + timedelta(days=int(self.last)))
        moment = parse_datetime(text.upper())  # RFC 3339 has its letters in both cases
        if moment is None:
            raise ValueError(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _start(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


class PeriodParams(serializers.Serializer[Any]):
    """``from`` is a word of the language, so the two bounds are added by name."""

    def get_fields(self) -> dict[str, Any]:
        help_from = "From this date or time on."
        help_to = "Up to this time, or to the end of this date (UTC)."
        return {
            **super().get_fields(),
            "from": MomentField(required=False, help_text=help_from),
            "to": MomentField(required=False, last=True, help_text=help_to),
        }


def bounds(params: Mapping[str, Any]) -> tuple[datetime | None, datetime | None]:
    """Start and end, where they were given. Raises ``Invalid`` where no time lies between them."""
    start, end = params.get("from"), params.get("to")
    if start and end and start >= end:
        raise Invalid.field("to", "The period ends before it begins, or where it does.")
    return start, end
