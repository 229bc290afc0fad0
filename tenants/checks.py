"""System checks: an endpoint that forgot who may use it does not start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import IntConverter
from rest_framework.views import APIView

from tenants.api_base import AsyncTenantView, TenantView
from tenants.models import TokenScope

_METHODS = ("get", "post", "put", "patch", "delete")
_LEAST_METRICS_TOKEN = 16
_LEAST_BOOTSTRAP_TOKEN = 32
_RATES = ("api", "chat", "widget")


def _routes(
    entries: Sequence[URLPattern | URLResolver], converters: dict[str, Any]
) -> Iterator[tuple[URLPattern, dict[str, Any]]]:
    """Every pattern with all path converters on its way."""
    for entry in entries:
        found = {**converters, **getattr(entry.pattern, "converters", {})}
        if isinstance(entry, URLResolver):
            yield from _routes(entry.url_patterns, found)
        else:
            yield entry, found


def tenant_routes() -> Iterator[tuple[type[TenantView], dict[str, Any]]]:
    """Every tenant view in the URLconf with its path converters."""
    for view, converters in api_routes():
        if issubclass(view, TenantView):
            yield view, converters


def api_routes() -> Iterator[tuple[type[APIView], dict[str, Any]]]:
    """Every DRF view in the URLconf with its path converters."""
    for pattern, converters in _routes(get_resolver().url_patterns, {}):
        view = getattr(pattern.callback, "cls", None)
        if isinstance(view, type) and issubclass(view, APIView):
            yield view, converters


def view_problems(view: type[TenantView], converters: dict[str, Any]) -> Iterator[Error]:
    """What a tenant view forgot to say."""
    name = f"{view.__module__}.{view.__qualname__}"
    for method in _METHODS:
        if hasattr(view, method) and not isinstance(view.scopes.get(method.upper()), TokenScope):
            yield Error(f"{name} names no scope for {method.upper()}.", id="minirag.E101")
    known = set(view.path_objects) | view.path_values
    for kwarg, converter in converters.items():
        if not isinstance(converter, IntConverter) and kwarg not in known:
            yield Error(f"{name} names no resolver for {kwarg}.", id="minirag.E102")
    for kwarg in set(view.path_objects) - set(converters):
        yield Error(f"{name} resolves {kwarg}, which is not in its path.", id="minirag.E102")
    if view.rate not in _RATES:
        yield Error(f"{name} has an unknown rate {view.rate!r}.", id="minirag.E104")
    if view.atomic and issubclass(view, AsyncTenantView):
        yield Error(f"{name} is asynchronous and cannot be atomic.", id="minirag.E105")


@register(Tags.urls)
def check_views(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    problems: list[CheckMessage] = []
    for view, converters in api_routes():
        if issubclass(view, TenantView):
            problems.extend(view_problems(view, converters))
        elif not getattr(view, "public", False):
            problems.append(
                Error(
                    f"{view.__module__}.{view.__qualname__} is neither a TenantView nor public.",
                    id="minirag.E103",
                )
            )
    return problems


@register()
def check_bootstrap_token(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    token = settings.MINIRAG_BOOTSTRAP_TOKEN
    if settings.DEVELOPMENT:
        return []
    if (
        settings.MINIRAG_METRICS_TOKEN
        and len(settings.MINIRAG_METRICS_TOKEN) < _LEAST_METRICS_TOKEN
    ):
        return [
            Error(
                f"MINIRAG_METRICS_TOKEN needs {_LEAST_METRICS_TOKEN}+ random characters.",
                id="minirag.E107",
            )
        ]
    if token and (len(token) < _LEAST_BOOTSTRAP_TOKEN or len(set(token)) < 8):
        return [
            Error(
                f"MINIRAG_BOOTSTRAP_TOKEN needs {_LEAST_BOOTSTRAP_TOKEN}+ random characters.",
                id="minirag.E106",
            )
        ]
    return []
