"""What a source may hold. One rule book for API, console and commands; refusals are ``Invalid``."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from minirag.api.serializers import bad_text
from minirag.egress import check_url
from minirag.errors import Invalid
from sources.models import WEB_TYPES, SourceType

MAX_NAME = 200
MAX_METADATA_KEYS = 50
MAX_METADATA_KEY = 100
MAX_METADATA_VALUE = 1_000
_MAX_INTEGER = 2**53  # beyond it, JSON readers disagree about the number


def clean_name(value: Any, field: str = "name") -> str:
    """One line of text, trimmed, 1 to 200 characters."""
    if not isinstance(value, str):
        raise Invalid.field(field, "Must be a string.")
    name = value.strip()
    if not name:
        raise Invalid.field(field, "This field may not be blank.")
    if len(name) > MAX_NAME:
        raise Invalid.field(field, f"At most {MAX_NAME} characters.")
    if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in name):
        raise Invalid.field(field, "Control characters are not allowed.")
    return name


def clean_body(value: Any, field: str, *, most: int) -> str:
    """Free text of any number of lines that a database takes."""
    if not isinstance(value, str):
        raise Invalid.field(field, "Must be a string.")
    if len(value) > most:
        raise Invalid.field(field, f"At most {most} characters.")
    if why := bad_text(value):
        raise Invalid.field(field, why)
    return value


def clean_content(source_type: str, value: Any) -> str:
    """The text of a ``text`` source. Other types have none."""
    if source_type != SourceType.TEXT:
        if value:
            raise Invalid.field("content", "Only a source of type text has content.")
        return ""
    content = clean_body(
        "" if value is None else value, "content", most=settings.MINIRAG_MAX_TEXT_CHARS
    )
    if not content.strip():
        raise Invalid.field("content", "This field is required for a source of type text.")
    return content


def clean_url(source_type: str, value: Any) -> str:
    """The address of a web source. Raises ``AddressRefused`` where it may not be fetched."""
    if source_type not in WEB_TYPES:
        if value:
            raise Invalid.field("url", f"A source of type {source_type} has no address.")
        return ""
    if not value:
        raise Invalid.field("url", f"This field is required for a source of type {source_type}.")
    url = clean_body(value, "url", most=settings.MINIRAG_MAX_URL_LENGTH)
    check_url(url, "source")
    return url


def merged(metadata: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """``metadata`` with ``change`` laid over it; null takes a key away (RFC 7396)."""
    whole = {**metadata, **change}
    return {key: item for key, item in whole.items() if item is not None}


def clean_metadata(value: Any) -> dict[str, Any]:
    """A flat object of strings, numbers and booleans, of bounded size."""
    if not isinstance(value, Mapping):
        raise Invalid.field("metadata", "Must be an object.")
    if len(value) > MAX_METADATA_KEYS:
        raise Invalid.field("metadata", f"At most {MAX_METADATA_KEYS} keys.")
    for key, item in value.items():
        if not isinstance(key, str) or not key or len(key) > MAX_METADATA_KEY:
            raise Invalid.field("metadata", f"A key has 1 to {MAX_METADATA_KEY} characters.")
        if why := bad_text(key) or _scalar_problem(item):
            raise Invalid.field("metadata", why)
    return dict(value)


def _scalar_problem(item: Any) -> str | None:
    if isinstance(item, bool):
        return None
    if isinstance(item, int):
        return None if abs(item) <= _MAX_INTEGER else "A number is too large."
    if isinstance(item, float):
        return None if math.isfinite(item) else "A number must be finite."
    if not isinstance(item, str):
        return "Values are strings, numbers or booleans."
    if len(item) > MAX_METADATA_VALUE:
        return f"A text has at most {MAX_METADATA_VALUE} characters."
    return bad_text(item)
