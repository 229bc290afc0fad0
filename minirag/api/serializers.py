"""Input that means exactly what it says: strict types, no unknown names, no unstorable text."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from copy import copy
from functools import partial
from typing import Any, ClassVar

from django.http import QueryDict
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.validators import ProhibitSurrogateCharactersValidator

from minirag.errors import Invalid
from minirag.validation import Rule

_TEXT_FIELDS = (
    serializers.CharField,
    serializers.UUIDField,
    serializers.DateTimeField,
    serializers.DateField,
    serializers.IPAddressField,
)
_MAX_INTEGER = 2**63
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
# Python reads 1_0, +1 and the digits of every script too.
_WHOLE = re.compile(r"-?[0-9]+", re.ASCII)
# What HTML forms carry beside the fields of a serializer.
_FORM_EXTRAS = frozenset({"csrfmiddlewaretoken"})


def _has_surrogates(value: str) -> bool:
    """UTF-8 has no place for them, and its encoder is C: megabytes cost no time worth naming."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return True
    return False


def bad_text(value: Any) -> str | None:
    """Why a string somewhere inside ``value`` cannot be stored, or None."""
    if isinstance(value, str):
        if "\x00" in value:
            return "NUL characters are not allowed."
        return "Lone surrogates are not allowed." if _has_surrogates(value) else None
    if isinstance(value, Mapping):
        return next(
            (why for pair in value.items() for part in pair if (why := bad_text(part))), None
        )
    if isinstance(value, list):
        return next((why for item in value if (why := bad_text(item))), None)
    return None


def _scalar_problem(field: serializers.Field[Any, Any, Any, Any], value: Any) -> str | None:
    if isinstance(field, serializers.ChoiceField) and not isinstance(
        field, serializers.MultipleChoiceField
    ):
        return (
            None
            if type(value) in {str if isinstance(one, str) else type(one) for one in field.choices}
            else "Not a valid choice."
        )
    if isinstance(field, _TEXT_FIELDS):
        return _id_problem(field, value) if isinstance(value, str) else "Must be a string."
    if isinstance(field, serializers.BooleanField):
        return None if isinstance(value, bool) else "Must be true or false."
    if isinstance(field, serializers.IntegerField):
        if isinstance(value, bool) or not isinstance(value, int):
            return "Must be a whole number."
        return None if abs(value) < _MAX_INTEGER else "The number is too large."
    if isinstance(field, serializers.FloatField):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return "Must be a number."
        if isinstance(value, int):
            return None if abs(value) < _MAX_INTEGER else "The number is too large."
        return None if math.isfinite(value) else "Must be a number."
    return None


def _id_problem(field: serializers.Field[Any, Any, Any, Any], value: Any) -> str | None:
    """An id has one spelling, as in a path: DRF would take 32 digits or a URN too."""
    if isinstance(field, serializers.UUIDField) and not _UUID.fullmatch(str(value)):
        return "Must be a valid UUID."
    return None


def _form_problem(field: serializers.Field[Any, Any, Any, Any], value: Any) -> str | None:
    """Of a form or a query, which hold text only. An empty input that may stay empty is none."""
    if isinstance(field, serializers.DictField | serializers.BaseSerializer):
        return "Must be an object, which only JSON can carry."
    if value == "" and not field.required:
        return None
    if isinstance(field, serializers.IntegerField) and not _WHOLE.fullmatch(str(value)):
        return "Must be a whole number."
    return _id_problem(field, value)


def type_problem(field: serializers.Field[Any, Any, Any, Any], value: Any) -> str | None:
    """Why the JSON ``value`` has not the type of ``field``, or None."""
    if value is None or value is empty:
        return None
    if isinstance(field, serializers.ListField):
        if not isinstance(value, list):
            return "Must be a list."
        return next((why for item in value if (why := type_problem(field.child, item))), None)
    if isinstance(field, serializers.DictField):
        if not isinstance(value, Mapping):
            return "Must be an object."
        return next(
            (why for item in value.values() if (why := type_problem(field.child, item))), None
        )
    return _scalar_problem(field, value)


def _without_slow_check(field: serializers.Field[Any, Any, Any, Any]) -> None:
    """DRF looks for surrogates letter by letter, even in a text past its limit; we have looked."""
    field.validators = [
        one for one in field.validators if not isinstance(one, ProhibitSurrogateCharactersValidator)
    ]
    if isinstance(field, serializers.ListField | serializers.DictField):
        _without_slow_check(field.child)


def _without(data: Mapping[str, Any], names: Collection[str]) -> Mapping[str, Any]:
    """``data`` without what is known to be wrong, so that the rest can be judged."""
    if not isinstance(data, QueryDict):
        return {name: value for name, value in data.items() if name not in names}
    rest = copy(data)
    for name in names:
        rest.pop(name, None)
    return rest


def _judged(name: str, rule: Rule, value: Any) -> Any:
    """``value`` as it came, where ``rule`` takes it. Raises DRF's ``ValidationError``."""
    try:
        rule(value)
    except Invalid as error:
        said, prefix = error.fields or {}, f"{name}."
        nested = {
            field.removeprefix(prefix): texts
            for field, texts in said.items()
            if field.startswith(prefix)
        }
        own = [text for texts in said.values() for text in texts]
        raise serializers.ValidationError(nested or own) from error
    return value


class StrictSerializer(serializers.Serializer[Any]):
    # No docstring: the OpenAPI document would give it to each input that has none of its own.
    # Types are strict for JSON; form posts and queries hold text only.

    # What a service says of a field by itself, said here together with all that is wrong.
    rules: ClassVar[Mapping[str, Rule]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, rule in cls.rules.items():
            setattr(cls, f"validate_{name}", staticmethod(partial(_judged, name, rule)))

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        for field in fields.values():
            _without_slow_check(field)
            if isinstance(field, serializers.BooleanField):
                # DRF takes a box that a form does not name for one that is not ticked.
                field.default_empty_html = empty
        return fields

    @property
    def _writable_fields(self) -> list[serializers.Field[Any, Any, Any, Any]]:
        """Without the objects that a form cannot hold: DRF would read an empty one out of it."""
        fields = list(super()._writable_fields)
        if isinstance(getattr(self, "initial_data", None), QueryDict):
            return [field for field in fields if not isinstance(field, serializers.DictField)]
        return fields

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise serializers.ValidationError({"non_field_errors": ["Must be an object."]})
        problems = self._problems(data)
        wrong: dict[Any, Any] = {name: [text] for name, text in problems.items()}
        values = None
        try:
            values = super().to_internal_value(_without(data, wrong))
        except serializers.ValidationError as error:
            wrong = {**dict(error.detail), **wrong}  # type: ignore[arg-type]
        if wrong:
            raise serializers.ValidationError(wrong)
        return values

    def _problems(self, data: Mapping[str, Any]) -> dict[str, str]:
        problems: dict[str, str] = {}
        is_form = isinstance(data, QueryDict)
        for name, value in data.items():
            field = self.fields.get(name)
            if field is None:
                if not (is_form and name in _FORM_EXTRAS):
                    problems[str(name)] = "Unknown field."
            elif field.read_only:
                problems[name] = "This field is read-only."
            elif why := bad_text(value) or (
                _form_problem(field, value) if is_form else type_problem(field, value)
            ):
                problems[name] = why
        return {(name if bad_text(name) is None else "?"): text for name, text in problems.items()}


class NoBody(StrictSerializer):
    """An empty object, or nothing."""


class StrictQuery(StrictSerializer):
    """A serializer for the query string; each parameter at most once."""

    def _problems(self, data: Mapping[str, Any]) -> dict[str, str]:
        problems = super()._problems(data)
        if isinstance(data, QueryDict):
            problems.update(
                {name: "Given twice." for name, values in data.lists() if len(values) > 1}
            )
            # DRF takes an empty parameter for none, and a filter that was meant would not filter.
            problems.update(
                {name: "Must not be empty." for name, value in data.items() if value == ""}
            )
        return {
            name: ("Unknown parameter." if text == "Unknown field." else text)
            for name, text in problems.items()
        }


def page_of(row: type[serializers.BaseSerializer[Any]]) -> serializers.Serializer[Any]:
    """The answer of a list, for ``extend_schema(responses=page_of(RowSerializer))``."""
    return inline_serializer(
        f"{row.__name__.removesuffix('Serializer').removesuffix('Output')}Page",
        {
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            "results": row(many=True),
        },
    )


class NoParams(StrictQuery):
    """No query parameters at all."""


class PageParams(StrictQuery):
    """Base for the filters of a list."""

    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=200, help_text="Rows of a page; 50 without it."
    )
    cursor = serializers.CharField(
        required=False, max_length=2000, help_text="Stands in `next` and `previous` of a page."
    )
