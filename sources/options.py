"""What may be set on a source beside its name and address, by type. Strict: no key is ignored.

Stored are the values that differ from the defaults; the password stands in a column of its own,
encrypted, and is never read back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings

from minirag.api.serializers import bad_text
from minirag.errors import Invalid
from sources.models import Source, SourceType

MAX_PATTERNS = 50
MAX_PATTERN = 200
MAX_PASSWORD = 200
PASSWORD = "password"  # noqa: S105 - a key's name

Rule = Callable[[Any], str | None]


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "Must be true or false."


def _patterns(value: Any) -> str | None:
    if not isinstance(value, list) or any(not isinstance(item, str) for item in value):
        return "Must be a list of strings."
    if len(value) > MAX_PATTERNS:
        return f"At most {MAX_PATTERNS} patterns."
    for pattern in value:
        if not 0 < len(pattern) <= MAX_PATTERN:
            return f"A pattern has 1 to {MAX_PATTERN} characters."
        if not pattern.startswith(("/", "*")):
            return "A pattern begins with / or *, such as /docs/* or *.pdf."
        if any(char.isspace() for char in pattern) or bad_text(pattern):
            return "A pattern holds no white space."
    return None


def _number(value: Any, least: int, most: int) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return "Must be a whole number."
    return None if least <= value <= most else f"From {least} to {most}."


def _depth(value: Any) -> str | None:
    return _number(value, 0, settings.MINIRAG_CRAWL_MAX_DEPTH)


def _pages(value: Any) -> str | None:
    return _number(value, 1, settings.MINIRAG_CRAWL_MAX_PAGES)


def _secret(value: Any) -> str | None:
    if not isinstance(value, str):
        return "Must be a string."
    if not 0 < len(value) <= MAX_PASSWORD:
        return f"1 to {MAX_PASSWORD} characters."
    return bad_text(value)


RULES: Mapping[str, Rule] = {
    "include": _patterns,
    "exclude": _patterns,
    "depth": _depth,
    "max_pages": _pages,
    "other_sites": _flag,
    "prune": _flag,
    PASSWORD: _secret,
}
_KEYS: Mapping[str, tuple[str, ...]] = {
    SourceType.TEXT: (),
    SourceType.FILE: ("prune", PASSWORD),
    SourceType.URL: (PASSWORD,),
    SourceType.SITEMAP: ("include", "exclude", "max_pages", "other_sites", "prune", PASSWORD),
    SourceType.CRAWL: ("include", "exclude", "depth", "max_pages", "prune", PASSWORD),
}


def keys_of(source_type: str) -> tuple[str, ...]:
    """The options that a source of this type has."""
    return _KEYS[source_type]


def defaults(source_type: str) -> dict[str, Any]:
    """Every option but the password, as it is where nobody set it."""
    values = {
        "include": [],
        "exclude": [],
        "depth": min(3, settings.MINIRAG_CRAWL_MAX_DEPTH),
        "max_pages": min(500, settings.MINIRAG_CRAWL_MAX_PAGES),
        "other_sites": False,
        "prune": True,
    }
    return {name: values[name] for name in keys_of(source_type) if name != PASSWORD}


def effective(source: Source) -> dict[str, Any]:
    """The options as they act, without the password."""
    base = defaults(source.type)
    return {name: source.options.get(name, value) for name, value in base.items()}


def shown(source: Source) -> dict[str, Any]:
    """The options as a client reads them: of the password only whether there is one."""
    values = effective(source)
    if PASSWORD in keys_of(source.type):
        values["password_set"] = bool(source.__dict__["secrets"])
    return values


def password_of(source: Source) -> str:
    """The password for the source's files, or "". Raises ``ProviderMisconfigured``: lost keys."""
    return str(source.secrets.values.get(PASSWORD, ""))


def check_options(value: Any, source_type: str | None = None) -> None:
    """Raise ``Invalid`` with ``options.<name>`` for each that is wrong.

    Without a type, for what no type takes.
    """
    if not isinstance(value, Mapping):
        raise Invalid.field("options", "Must be an object.")
    found = {
        f"options.{_named(name)}": why
        for name, item in value.items()
        if (why := _problem(name, item, source_type))
    }
    if found:
        raise Invalid(fields={name: [why] for name, why in found.items()})


def clean_options(source_type: str, value: Any) -> dict[str, Any]:
    """Changes of the options: null takes one back to its default. Raises as ``check_options``."""
    check_options(value, source_type)
    return dict(value)


def _problem(name: Any, item: Any, source_type: str | None) -> str | None:
    if name not in RULES:
        return "Unknown option."
    if source_type is not None and name not in keys_of(source_type):
        return f"A source of type {source_type} has no such option."
    return None if item is None else RULES[name](item)


def _named(name: Any) -> str:
    return name if isinstance(name, str) and not bad_text(name) else "?"


def apply_options(source: Source, changes: Mapping[str, Any]) -> None:
    """Lay clean ``changes`` over the options of ``source``; nothing is saved."""
    values = {**source.options, **changes}
    if PASSWORD in values:
        password = values.pop(PASSWORD)
        source.secrets = {PASSWORD: password} if password is not None else {}
    base = defaults(source.type)
    source.options = {
        name: item for name, item in values.items() if item is not None and item != base[name]
    }
