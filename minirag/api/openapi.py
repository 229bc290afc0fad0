"""What every operation of the OpenAPI document says about itself, derived from its view.

Credentials, failures with the codes of the contract, tags and the Idempotency-Key are read off the
view's own attributes, so that a new route cannot forget to document them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import get_doc
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from minirag.errors import STATUS, ErrorCode

_ALWAYS = (
    ErrorCode.BAD_REQUEST,
    ErrorCode.INVALID,
    ErrorCode.RATE_LIMITED,
    ErrorCode.INTERNAL,
    ErrorCode.UNAVAILABLE,
)
_HEADERS: Mapping[str, tuple[str, ...]] = {
    "401": ("WWW-Authenticate",),
    "429": ("Retry-After",),
    "503": ("Retry-After",),
}
_HEADER_SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "X-Request-ID": {"schema": {"type": "string"}, "description": "Names this request in the log."},
    "WWW-Authenticate": {"schema": {"type": "string"}},
    "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."},
}
_IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "maxLength": 255},
    OpenApiParameter.HEADER,
    description="A repeat with the same key and body within 24 h gets the first answer again.",
)


def plain_words(result: Any, **_: Any) -> Any:
    """The document without the marks of docstrings: one backtick, lines as long as they are."""
    if isinstance(result, list):
        return [plain_words(item) for item in result]
    if not isinstance(result, dict):
        return result
    plain = {name: plain_words(item) for name, item in result.items()}
    if isinstance(text := plain.get("description"), str):
        paragraphs = text.replace("``", "`").split("\n\n")
        plain["description"] = "\n\n".join(" ".join(one.split()) for one in paragraphs)
    return plain


class ErrorDetail(serializers.Serializer[Any]):
    """One failure. ``fields`` (name to messages) goes only with ``invalid``."""

    code = serializers.ChoiceField(choices=[code.value for code in ErrorCode])
    message = serializers.CharField()
    request_id = serializers.CharField()

    def get_fields(self) -> dict[str, Any]:
        # The contract's name is also the name of DRF's own attribute.
        texts = serializers.ListField(child=serializers.CharField())
        fields = serializers.DictField(child=texts, required=False)
        return {**super().get_fields(), "fields": fields}


class Failure(serializers.Serializer[Any]):
    """The body of every failure."""

    error = ErrorDetail()


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """API token, JWT or widget session."""

    target_class = "tenants.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        about = "An API token (mrag_…), an access token of /v1/auth/login, or a widget session."
        return {"type": "http", "scheme": "bearer", "description": about}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Django's session; writes need the CSRF token too."""

    target_class = "tenants.authentication.TenantSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        about = "A browser's session; calls that change something carry X-CSRFToken."
        name = settings.SESSION_COOKIE_NAME
        return {"type": "apiKey", "in": "cookie", "name": name, "description": about}


class Schema(AutoSchema):
    """One operation."""

    def get_tags(self) -> list[str]:
        """The resource: first part of the path behind the version."""
        parts = [part for part in self.path.split("/") if part]
        return [parts[0] if parts[0] == "widget" else parts[1]]

    def map_parsers(self) -> Any:
        """JSON, unless the view says more: form posts are for the browsable pages."""
        declared = getattr(self.view, "_declared", None)
        if declared is not None and "parser_classes" not in declared():
            return ["application/json"]
        return super().map_parsers()

    def get_description(self) -> str:  # type: ignore[override]
        """What the handler says, or its view, if that goes beyond what the summary says.

        A view of several methods does with more than a title only.
        """
        methods = [name for name in self.view.http_method_names if hasattr(self.view, name)]
        about = get_doc(type(self.view))
        if len(set(methods) - {"head", "options"}) > 1 and "\n\n" not in about:
            about = ""
        text: str = get_doc(getattr(self.view, self.method.lower())) or about
        return "" if text.rstrip(".") == self.get_summary() else text

    def get_override_parameters(self) -> list[Any]:
        found = list(super().get_override_parameters())
        ids = [one for one in getattr(self.view, "path_objects", {}) if f"{{{one}}}" in self.path]
        found += [OpenApiParameter(one, OpenApiTypes.UUID, OpenApiParameter.PATH) for one in ids]
        if self.method == "POST" and getattr(self.view, "idempotent", False):
            found.append(_IDEMPOTENCY_KEY)
        return found

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        if direction != "response":
            return bodies
        for answer in bodies.values():
            answer.setdefault("headers", {})["X-Request-ID"] = _HEADER_SCHEMAS["X-Request-ID"]
        for status, codes in sorted(self._failures().items()):
            bodies[status] = self._failure(status, codes)
        return bodies

    def _failures(self) -> dict[str, list[str]]:
        """Status to the codes that come with it here."""
        found: dict[str, list[str]] = {}
        for code in ErrorCode:
            if code in self._codes():
                found.setdefault(str(STATUS[code]), []).append(str(code))
        return found

    def _codes(self) -> set[ErrorCode]:
        codes = set(_ALWAYS)
        if self.view.authentication_classes:
            codes |= {ErrorCode.UNAUTHENTICATED, ErrorCode.FORBIDDEN}
            if self.method != "GET":  # with a session, from a page of another site
                codes.add(ErrorCode.ORIGIN_REFUSED)
        if "{" in self.path:
            codes.add(ErrorCode.NOT_FOUND)
        if self.method in ("POST", "PATCH"):
            codes |= {ErrorCode.TOO_LARGE, ErrorCode.UNSUPPORTED_MEDIA_TYPE}
        if self.method == "POST" and getattr(self.view, "idempotent", False):
            codes |= {ErrorCode.CONFLICT, ErrorCode.IDEMPOTENCY_MISMATCH}
        codes |= set(getattr(self.view, "failures", {}).get(self.method, ()))
        return codes

    def _failure(self, status: str, codes: list[str]) -> dict[str, Any]:
        schema = self.resolve_serializer(Failure, "response").ref
        names = ("X-Request-ID", *_HEADERS.get(status, ()))
        return {
            "description": "Code " + " or ".join(f"`{code}`" for code in codes) + ".",
            "headers": {name: _HEADER_SCHEMAS[name] for name in names},
            "content": {"application/json": {"schema": schema}},
        }
