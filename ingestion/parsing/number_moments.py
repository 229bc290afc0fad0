"""Dates, times and durations of a sheet in the words that it shows, by their format codes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from ingestion.parsing.number_codes import sections_of
from ingestion.parsing.number_digits import Sign

# Calendars and digits of other countries, and the reader's own long forms.
_FOREIGN = re.compile(r"\[(?:\$-F[48]00|DBNum|NatNum|\$-1[0-9A-F]{6})|^[^\"]*[gb]", re.IGNORECASE)
# As they are named in English, whatever the machine speaks.
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

Moment = time | date | datetime | timedelta


def shown_moment(value: Moment, code: str) -> str | None:
    """A date, a time or a duration in its format; None where that is no format of one."""
    if not is_moment(code) or _FOREIGN.search(code):
        return None
    if isinstance(value, timedelta) and value < timedelta():
        return None
    return "".join(_moment_pieces(sections_of(code)[0].signs, value)).strip() or None


def is_moment(code: str) -> bool:
    sections = sections_of(code)
    return bool(sections) and not sections[0].kinds.isdisjoint(("date", "elapsed"))


def _moment_pieces(signs: tuple[Sign, ...], value: Moment) -> Iterator[str]:
    half = any(kind == "half" for kind, _ in signs)
    for at, (kind, text) in enumerate(signs):
        if kind == "elapsed":
            yield str(int(_seconds(value) // {"h": 3600, "m": 60, "s": 1}[text[0]])).zfill(
                len(text)
            )
        elif kind == "half":
            late = _seconds(value) % 86_400 >= 43_200
            yield text.split("/")[late]
        elif kind == "date":
            yield _field(_meant(signs, at), value, half=half)
        elif kind == "era":
            # Years by emperors are for Japanese readers; to all others it is that of the calendar.
            yield _field("yyyy", value, half=half)
        elif kind == "digit":
            yield _digit(signs[:at], _seconds(value))
        else:
            yield text


def _digit(before: tuple[Sign, ...], seconds: float) -> str:
    """A digit of parts of a second, by its place behind the point; "" where it is none of these."""
    kinds = [kind for kind, _ in before]
    while kinds and kinds[-1] == "digit":
        kinds.pop()
    place = len(before) - len(kinds)
    return f"{seconds % 1:.3f}"[2:].ljust(place + 1, "0")[place] if kinds[-1:] == ["point"] else ""


def _meant(signs: tuple[Sign, ...], at: int) -> str:
    """The field at ``at``; an ``m`` beside hours or seconds is one of minutes: ``n``."""
    text = signs[at][1]
    if text not in ("m", "mm"):
        return text
    times = [one for one in signs if one[0] in ("date", "elapsed")]
    place = sum(one[0] in ("date", "elapsed") for one in signs[:at])
    before = times[place - 1][1] if place else ""
    after = times[place + 1][1] if place + 1 < len(times) else ""
    return "n" * len(text) if before.startswith("h") or after.startswith("s") else text


def _field(field: str, value: Moment, *, half: bool) -> str:
    name, width = field[0], len(field)
    if name in "hns":
        seconds = int(_seconds(value))
        hour = seconds // 3600 % 24
        if half:
            hour = hour % 12 or 12
        found = {"h": hour, "n": seconds // 60 % 60, "s": seconds % 60}[name]
        return str(found).zfill(min(width, 2))
    if not isinstance(value, date):  # a datetime is one, too
        return ""
    if name == "y":
        return f"{value.year % 100:02}" if width < 3 else f"{value.year:04}"
    if name == "m" and width > 2:
        month = _MONTHS[value.month - 1]
        return month[0] if width == 5 else month if width == 4 else month[:3]
    if name == "d" and width > 2:
        day = _DAYS[value.weekday()]
        return day if width > 3 else day[:3]
    return str(value.month if name == "m" else value.day).zfill(width)


def _seconds(value: Moment) -> float:
    """Seconds of a duration, or since midnight; what is a rounding away is rounded."""
    if isinstance(value, timedelta):
        return round(value.total_seconds(), 3)
    if isinstance(value, time | datetime):
        parts = value.hour * 3600 + value.minute * 60 + value.second
        return parts + round(value.microsecond / 1e6, 3)
    return 0
