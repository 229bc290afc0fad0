"""What a bot may hold. One rule book for API, console and commands; refusals are ``Invalid``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import httpx
from django.utils.text import slugify

from bots.models import QueryRewrite, WidgetTheme
from minirag.egress import check_url
from minirag.egress.allow import HOSTNAME
from minirag.errors import Invalid
from minirag.providers import validate_credentials, validate_model
from minirag.validation import Rule, clean_all
from sources.validation import clean_body, clean_name

MAX_SLUG = 80
MAX_PROMPT = 20_000
MAX_MESSAGE = 2_000
MAX_OUTPUT_TOKENS = 1_000_000
MAX_QUESTIONS = 20
MAX_QUESTION = 300
MAX_ORIGINS = 100
MAX_DAILY_MESSAGES = 10_000_000
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_ORIGIN = re.compile(r"(https?)://([^/?#@\\*\s]+)", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}


def slug_from(name: str) -> str:
    """The slug a name suggests; names without a Latin letter or digit are called ``bot``."""
    return re.sub("[-_]+", "-", slugify(name))[:MAX_SLUG].strip("-") or "bot"


def clean_slug(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_SLUG or not _SLUG.fullmatch(value):
        raise Invalid.field("slug", "Lower-case letters, digits and single hyphens, at most 80.")
    return value


def clean_model(value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid.field("model", "Must be a string.")
    validate_model(value, "chat")
    return value


def clean_credentials(model: str, value: Any) -> dict[str, str]:
    """Credentials that go with ``model``. Raises ``AddressRefused`` for a base it may not call."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Invalid.field("credentials", "Must be an object.")
    validate_credentials(model, value, "chat")
    if base := value.get("api_base"):
        check_url(base, "provider", field="credentials")
    return dict(value)


def clean_origins(value: Any, field: str = "allowed_origins") -> list[str]:
    """Origins as a browser writes them: scheme, host, port where it is not the default."""
    texts = _texts(value, field, most=MAX_ORIGINS, longest=300)
    return list(dict.fromkeys(_origin(text, field) for text in texts))


def _origin(text: str, field: str) -> str:
    problem = Invalid.field(field, "Each is an exact origin such as https://www.example.com.")
    if not _ORIGIN.fullmatch(text):
        raise problem
    try:
        url = httpx.URL(text)
        host, port = url.raw_host.decode("ascii").lower(), url.port
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise problem from error
    if not _is_host(host) or (port is not None and not 1 <= port <= 65535):
        raise problem
    shown = f"[{host}]" if ":" in host else host
    suffix = "" if port in (None, _DEFAULT_PORTS[url.scheme]) else f":{port}"
    return f"{url.scheme}://{shown}{suffix}"


def _is_host(host: str) -> bool:
    if HOSTNAME.fullmatch(host):
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def clean_questions(value: Any) -> list[str]:
    texts = _texts(value, "suggested_questions", most=MAX_QUESTIONS, longest=MAX_QUESTION)
    if not all(text.strip() for text in texts):
        raise Invalid.field("suggested_questions", "A question may not be blank.")
    return texts


def _texts(value: Any, field: str, *, most: int, longest: int) -> list[str]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise Invalid.field(field, "Must be a list.")
    if len(value) > most:
        raise Invalid.field(field, f"At most {most} entries.")
    return [clean_body(text, field, most=longest) for text in value]


@dataclass(frozen=True, slots=True)
class _Text:
    field: str
    most: int = MAX_MESSAGE
    blank: bool = True

    def __call__(self, value: Any) -> str:
        text = clean_body(value, self.field, most=self.most)
        if not self.blank and not text.strip():
            raise Invalid.field(self.field, "This field may not be blank.")
        return text


@dataclass(frozen=True, slots=True)
class _Number:
    field: str
    least: float
    most: float
    whole: bool = False
    null: bool = False

    def __call__(self, value: Any) -> float | int | None:
        if value is None and self.null:
            return None
        kinds = int if self.whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not math.isfinite(value):
            kind = "whole number" if self.whole else "number"
            raise Invalid.field(self.field, f"Must be a {kind}.")
        if not self.least <= value <= self.most:
            raise Invalid.field(self.field, f"Must be between {self.least} and {self.most}.")
        number: float | int = value
        return number


@dataclass(frozen=True, slots=True)
class _Choice:
    field: str
    choices: Sequence[str]

    def __call__(self, value: Any) -> str:
        if value not in self.choices:
            raise Invalid.field(self.field, f"One of {', '.join(self.choices)}.")
        return str(value)


@dataclass(frozen=True, slots=True)
class _Flag:
    field: str

    def __call__(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise Invalid.field(self.field, "Must be true or false.")
        return value


# Fields that are judged alone, by their name in the API.
RULES: Mapping[str, Rule] = {
    "name": clean_name,
    "model": clean_model,
    "system_prompt": _Text("system_prompt", MAX_PROMPT),
    "temperature": _Number("temperature", 0, 2, null=True),
    "max_output_tokens": _Number("max_output_tokens", 1, MAX_OUTPUT_TOKENS, whole=True, null=True),
    "top_k": _Number("top_k", 1, 50, whole=True),
    "score_threshold": _Number("score_threshold", 0, 1, null=True),
    "query_rewrite": _Choice("query_rewrite", QueryRewrite.values),
    "refusal_message": _Text("refusal_message", blank=False),
    "welcome_message": _Text("welcome_message"),
    "suggested_questions": clean_questions,
    "is_active": _Flag("is_active"),
}
# Members of ``widget``; each lives in the column ``widget_<name>``.
WIDGET_RULES: Mapping[str, Rule] = {
    "enabled": _Flag("enabled"),
    "allowed_origins": clean_origins,
    "daily_message_limit": _Number("daily_message_limit", 0, MAX_DAILY_MESSAGES, whole=True),
    "theme": _Choice("theme", WidgetTheme.values),
}


def clean_widget(value: Any) -> dict[str, Any]:
    """The given members of ``widget`` by column name; the others stay as they are."""
    if not isinstance(value, Mapping):
        raise Invalid.field("widget", "Must be an object.")
    unknown = {f"widget.{name!s:.40}": ["Unknown field."] for name in value.keys() - WIDGET_RULES}
    if unknown:
        raise Invalid(fields=unknown)
    try:
        members = clean_all(WIDGET_RULES, value)
    except Invalid as error:
        fields = {f"widget.{name}": texts for name, texts in (error.fields or {}).items()}
        raise Invalid(fields=fields) from error
    return {f"widget_{name}": item for name, item in members.items()}
