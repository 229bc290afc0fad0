"""Scope checks, closed by default."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tenants.context import ActorKind, AuthContext
from tenants.models import TokenScope


def required_scope(view: Any, method: str) -> TokenScope | None:
    """What a view asks for a method; HEAD is as GET."""
    scopes = getattr(view, "scopes", {})
    found: TokenScope | None = scopes.get("GET" if method == "HEAD" else method)
    return found


def allows(view: Any, method: str, auth: Any) -> bool:
    """Whether the credential may use the view so. A view that asks for nothing allows nobody."""
    scope = required_scope(view, method)
    if scope is None or not isinstance(auth, AuthContext):
        return False
    if auth.kind is ActorKind.WIDGET and not getattr(view, "widget_allowed", False):
        return False
    return auth.may(scope)


class ScopePermission(BasePermission):
    """The view's scope for the method must be among the credential's."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return allows(view, str(request.method), request.auth)
