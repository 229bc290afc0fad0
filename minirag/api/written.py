"""The JSON that a browsable form starts with: the API takes it once its blanks are filled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty

_Field = serializers.Field[Any, Any, Any, Any]
_Input = serializers.BaseSerializer[Any]


def _writable(serializer: _Input) -> dict[str, _Field]:
    if not isinstance(serializer, serializers.Serializer):
        return {}
    return {
        name: field
        for name, field in serializer.fields.items()
        if not field.read_only and not isinstance(field, serializers.FileField)
    }


def new_input(serializer: _Input, example: Mapping[str, Any]) -> dict[str, Any]:
    """Required fields, those of the operation's ``example``, and defaults that a field states.

    Whatever else is optional is left out: left out is what the API has a good value for.
    """
    shown: dict[str, Any] = {}
    for name, field in _writable(serializer).items():
        if field.default is not empty:
            shown[name] = field.get_default()
        elif isinstance(field, serializers.UUIDField) and (field.required or name in example):
            shown[name] = ""  # an example's id is nobody's
        elif name in example:
            shown[name] = example[name]
        elif field.required:
            shown[name] = _blank(field)
    return shown


def _blank(field: _Field) -> Any:
    if isinstance(field, serializers.ChoiceField):
        return next(iter(field.choices), "")
    value = field.get_initial()
    return "" if value is None else value


def present_input(serializer: _Input, row: Mapping[str, Any]) -> dict[str, Any]:
    """The ``row`` as its change would be written: to send it as it stands changes nothing.

    Write-only fields are left out, secrets among them, and so is a null that would be refused.
    """
    shown: dict[str, Any] = {}
    for name, field in _writable(serializer).items():
        if field.write_only or name not in row:
            continue
        value = row[name]
        as_written = getattr(field, "as_written", None)
        if as_written is not None:
            value = as_written(value)
        elif isinstance(field, serializers.Serializer) and isinstance(value, Mapping):
            value = present_input(field, value)
        if value is not None or field.allow_null:
            shown[name] = value
    return shown
