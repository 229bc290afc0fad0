"""The OpenAPI document, and one plain page that shows it: nothing is loaded from elsewhere."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.views import SpectacularAPIView

from minirag import __version__
from minirag.api.errors import METHOD_NOT_ALLOWED, error_response
from minirag.api.reference import Group, Reference
from minirag.errors import STATUS


class SchemaView(SpectacularAPIView):
    """OpenAPI 3.1, as JSON, or as YAML where that is asked for. No credential needed."""

    public = True
    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    renderer_classes = [OpenApiJsonRenderer, OpenApiYamlRenderer]


@lru_cache(maxsize=1)
def _groups() -> list[Group]:
    """The page's content: the document does not change while the server runs."""
    return Reference(SchemaGenerator().get_schema(request=None, public=True)).groups()  # type: ignore[no-untyped-call]


@csrf_exempt  # no CSRF page may come before the 405
def docs(request: HttpRequest) -> HttpResponse:
    """The API as a readable page."""
    if request.method not in ("GET", "HEAD"):
        response: HttpResponse = error_response(METHOD_NOT_ALLOWED, request)
        response["Allow"] = "GET, HEAD"
        return response
    context = {"groups": _groups(), "codes": _codes(), "version": __version__}
    return render(request, "api/docs.html", context)


def _codes() -> list[tuple[str, int]]:
    """The closed list of error codes, each with its status."""
    return [(str(code), status) for code, status in STATUS.items()]
