"""``allows`` by itself: closed by default, whatever a view forgot and whoever asks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from tenants.context import ActorKind, AuthContext, WidgetVisitor
from tenants.models import TokenScope
from tenants.permissions import allows

EVERYTHING = frozenset(TokenScope)


def auth(
    scopes: frozenset[TokenScope] = EVERYTHING, kind: ActorKind = ActorKind.TOKEN
) -> AuthContext:
    visitor = WidgetVisitor(uuid4(), uuid4(), "https://shop.example")
    widget = visitor if kind is ActorKind.WIDGET else None
    return AuthContext(uuid4(), kind, "id", "name", scopes, widget=widget)


def view(**attributes: Any) -> Any:
    return SimpleNamespace(**attributes)


CHAT = {"GET": TokenScope.CHAT}


@pytest.mark.parametrize("scopes", [{}, {"POST": TokenScope.READ}])
def test_a_method_without_a_scope_is_for_nobody(scopes: Any) -> None:
    assert not allows(view(scopes=scopes), "GET", auth())
    assert not allows(view(), "GET", auth())


@pytest.mark.parametrize("who", [None, "somebody", object()])
def test_who_is_no_credential_may_nothing(who: Any) -> None:
    assert not allows(view(scopes=CHAT), "GET", who)


def test_the_scope_of_the_method_counts_and_head_is_as_get() -> None:
    reading = auth(frozenset({TokenScope.READ}))
    asked = view(scopes={"GET": TokenScope.READ, "POST": TokenScope.WRITE})
    assert allows(asked, "GET", reading) and allows(asked, "HEAD", reading)
    assert not allows(asked, "POST", reading)


def test_a_visitor_may_only_what_is_meant_for_visitors() -> None:
    """Also where the scope alone would let them in, as a view for programs that chat does."""
    visitor = auth(frozenset({TokenScope.CHAT}), ActorKind.WIDGET)
    assert not allows(view(scopes=CHAT), "GET", visitor)
    assert not allows(view(scopes=CHAT, widget_allowed=False), "GET", visitor)
    assert allows(view(scopes=CHAT, widget_allowed=True), "GET", visitor)
    assert allows(view(scopes=CHAT), "GET", auth(frozenset({TokenScope.CHAT})))
