"""JSON and JSON lines as lines of ``path.to.key: value``, one paragraph for each record."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ingestion.parsing.document import Built, ContentLimits, DocumentBuilder
from minirag.errors import UnreadableSource


@dataclass(frozen=True, slots=True)
class Record:
    """An object with all its values, also those of a name that it has twice."""

    pairs: list[tuple[str, Any]]

    def __bool__(self) -> bool:
        return bool(self.pairs)


# Numbers stay as written: 1.10 is a version to some.
_DECODER = json.JSONDecoder(
    object_pairs_hook=Record, parse_int=str, parse_float=str, parse_constant=str
)
_BETWEEN = re.compile(r"[\s,\ufeff]*")
_NESTED = "The data is nested too deeply."


def parse_json(text: str, limits: ContentLimits) -> Built:
    """One value. Containers at the top become headings. Raises ``UnreadableSource``."""
    try:
        value = _loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and (values := _one_after_the_other(text, limits)):
            return _joined(values, limits)
        if error.msg == "Extra data" and "\n" in text.strip():
            return parse_jsonl(text, limits)
        raise UnreadableSource(f"This is not valid JSON: line {error.lineno}.") from error
    builder = DocumentBuilder()
    if isinstance(value, Record):
        for key, one in value.pairs:
            if isinstance(one, Record | list) and one:
                builder.blank()
                builder.heading(str(key), 1, str(key))
            _add(builder, one, str(key), limits)
    elif isinstance(value, list):
        _records(builder, value, "", limits)
    else:
        builder.line(_scalar(value))
    return builder.build()


def parse_jsonl(text: str, limits: ContentLimits) -> Built:
    """A record a line; the metadata counts lines that are none (``records_left_out``).

    Raises ``UnreadableSource`` with the first of them where they are not fewer than the records: a
    file of another form.
    """
    builder = DocumentBuilder()
    good, bad, first_bad = 0, 0, 0
    for number, line in enumerate(text.split("\n"), 1):  # others stand in strings
        if number > limits.rows:
            raise UnreadableSource(f"There are more than {limits.rows:,} records.")
        if not line.strip():
            continue
        try:
            value = _loads(line)
        except json.JSONDecodeError:
            bad += 1
            first_bad = first_bad or number
            continue
        good += 1
        builder.blank()
        _add(builder, value, "", limits)
    if bad and bad >= good:
        raise UnreadableSource(f"This is not valid JSON: line {first_bad}.")
    return builder.build(metadata={"records_left_out": bad} if bad else None)


def _loads(text: str) -> Any:
    return _DECODER.decode(text.lstrip("\ufeff"))


def _one_after_the_other(text: str, limits: ContentLimits) -> list[Any]:
    """Values with only blanks or commas between them; none where anything else stands there."""
    values: list[Any] = []
    at = _next_value(text, 0)
    try:
        while at < len(text) and len(values) <= limits.rows:
            value, at = _DECODER.raw_decode(text, at)
            values.append(value)
            at = _next_value(text, at)
    except json.JSONDecodeError:
        return []
    return values


def _next_value(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def _joined(values: list[Any], limits: ContentLimits) -> Built:
    if len(values) > limits.rows:
        raise UnreadableSource(f"There are more than {limits.rows:,} records.")
    builder = DocumentBuilder()
    for value in values:
        builder.blank()
        _add(builder, value, "", limits)
    return builder.build()


def _add(builder: DocumentBuilder, value: Any, path: str, limits: ContentLimits) -> None:
    if isinstance(value, list) and any(isinstance(one, Record | list) for one in value):
        _records(builder, value, path, limits)
        return
    for line in _lines(value, path, limits.depth):
        builder.line(line)


def _records(builder: DocumentBuilder, values: list[Any], path: str, limits: ContentLimits) -> None:
    for number, value in enumerate(values):
        if isinstance(value, Record | list):
            builder.blank()
        place = f"{path}[{number}]" if path else ""
        for line in _lines(value, place, limits.depth):
            builder.line(line)


def _lines(value: Any, path: str, depth: int) -> Iterator[str]:
    if depth <= 0:
        raise UnreadableSource(_NESTED)
    if isinstance(value, Record | list) and not value:
        # As the file has it, like null: that there is none is an answer too.
        yield _labelled(path, "{}" if isinstance(value, Record) else "[]") if path else ""
    elif isinstance(value, Record):
        for key, one in value.pairs:
            yield from _lines(one, f"{path}.{key}" if path else str(key), depth - 1)
    elif isinstance(value, list) and any(isinstance(one, Record | list) for one in value):
        for number, one in enumerate(value):
            yield from _lines(one, f"{path}[{number}]", depth - 1)
    elif isinstance(value, list):
        yield _labelled(path, ", ".join(_scalar(one) for one in value))
    else:
        yield _labelled(path, _scalar(value))


def _labelled(path: str, words: str) -> str:
    return f"{path}: {words}" if path else words


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
