"""Who opens a WebSocket: the credential among its subprotocols, and the page it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from bots.selectors import access_bot
from chat.widget import normal_origin, own_origins, require_open_widget
from minirag.api.context import client_address, is_trusted, new_request_id
from minirag.errors import Forbidden, OriginRefused, Unauthenticated
from tenants.authentication import authenticate_token, still_valid
from tenants.context import AuthContext
from tenants.models import TokenScope
from tenants.scope import tenant_scope

PROTOCOL = "minirag.v1"
_BEARER = "bearer."


def authenticate(scope: Mapping[str, Any]) -> AuthContext:
    """The acting credential of a handshake. Blocking.

    Raises ``Unauthenticated``, ``Forbidden`` or ``OriginRefused``. A page of another site cannot
    use a person's credential it has no business with: an ``Origin``, where sent, must be ours, and
    a widget session always needs one.
    """
    offered = list(scope.get("subprotocols") or [])
    tokens = [one.removeprefix(_BEARER) for one in offered if one.startswith(_BEARER)]
    if PROTOCOL not in offered or len(tokens) != 1:
        raise Unauthenticated
    headers = _headers(scope)
    peer = (scope.get("client") or ("", 0))[0]
    ip = client_address(peer, headers.get("x-forwarded-for", ""))
    auth = authenticate_token(tokens[0], ip=ip, request_id=new_request_id())
    origin = headers.get("origin")
    if origin is None:
        if auth.widget is not None:
            raise OriginRefused
    elif normal_origin(origin) not in _own(scope, headers, peer):
        raise OriginRefused
    if not auth.may(TokenScope.CHAT):
        raise Forbidden
    check_widget(auth)
    return auth


def check_widget(auth: AuthContext) -> None:
    """A widget's bot must still be open and its page's origin allowed. Blocking.

    Raises ``NotFound`` or ``OriginRefused``; nothing for other credentials.
    """
    if auth.widget is not None:
        with tenant_scope(auth.tenant_id):
            require_open_widget(access_bot(auth, auth.widget.bot_profile_id), auth.widget.origin)


def recheck(auth: AuthContext) -> None:
    """The same, while the socket is open. Raises ``Unauthenticated`` too."""
    if not still_valid(auth):
        raise Unauthenticated
    check_widget(auth)


def _headers(scope: Mapping[str, Any]) -> dict[str, str]:
    return {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }


def _own(scope: Mapping[str, Any], headers: Mapping[str, str], peer: str) -> frozenset[str]:
    """Our own origins; the Host header counts only where ``ALLOWED_HOSTS`` has it."""
    host = headers.get("host", "")
    domain, _ = split_domain_port(host)
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        host = ""
    secure = scope.get("scheme") == "wss" or (
        is_trusted(peer) and headers.get("x-forwarded-proto") == "https"
    )
    return own_origins(host, secure=secure)
