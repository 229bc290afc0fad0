"""The OpenAPI document, and one plain page that shows it: nothing is loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.views import SpectacularAPIView

_METHODS = ("get", "post", "put", "patch", "delete")


class SchemaView(SpectacularAPIView):
    """OpenAPI 3.1, as JSON, or as YAML where that is asked for. No credential needed."""

    public = True
    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    renderer_classes = [OpenApiJsonRenderer, OpenApiYamlRenderer]


@dataclass(frozen=True, slots=True)
class Operation:
    """One line of the page."""

    method: str
    path: str
    operation_id: str
    summary: str
    description: str
    parameters: list[Mapping[str, Any]]
    body: str
    answers: list[tuple[str, str]]


def _reference(holder: Mapping[str, Any]) -> str:
    """The name of the schema a body or answer refers to."""
    for content in holder.get("content", {}).values():
        schema = content.get("schema", {})
        name = schema.get("$ref") or schema.get("items", {}).get("$ref") or ""
        if name:
            return str(name).rsplit("/", 1)[-1]
    return ""


def _operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    for path, methods in sorted(document.get("paths", {}).items()):
        for method in _METHODS:
            if operation := methods.get(method):
                yield Operation(
                    method.upper(),
                    path,
                    operation.get("operationId", ""),
                    operation.get("summary", ""),
                    operation.get("description", ""),
                    operation.get("parameters", []),
                    _reference(operation.get("requestBody", {})),
                    [(code, _reference(one)) for code, one in operation["responses"].items()],
                )


@lru_cache(maxsize=1)
def _document() -> Mapping[str, Any]:
    found: Mapping[str, Any] = SchemaGenerator().get_schema(  # type: ignore[no-untyped-call]
        request=None, public=True
    )
    return found


@require_GET
def docs(request: HttpRequest) -> HttpResponse:
    """The API as a readable page."""
    document = _document()
    schemas = sorted(document.get("components", {}).get("schemas", {}).items())
    context = {"operations": list(_operations(document)), "schemas": schemas}
    return render(request, "api/docs.html", context)
