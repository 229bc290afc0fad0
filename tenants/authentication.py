"""How HTTP requests carry credentials: ``Authorization: Bearer``, or a session with CSRF."""

from __future__ import annotations

import re
from typing import Any

from django.middleware.csrf import REASON_BAD_ORIGIN, REASON_BAD_REFERER
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from minirag.api.context import info_of
from minirag.errors import OriginRefused, Unauthenticated
from tenants.context import AuthContext
from tenants.credentials import authenticate_token, context_of, still_valid
from tenants.models import User
from tenants.session import active_membership

__all__ = [
    "BearerAuthentication",
    "TenantSessionAuthentication",
    "authenticate_token",
    "still_valid",
]
# RFC 6750 b64token. The scheme's name has no case.
_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]+=*) *", re.ASCII)
# How Django's words begin where the request came from another site.
_OTHER_SITE = tuple(words.partition(" - ")[0] for words in (REASON_BAD_ORIGIN, REASON_BAD_REFERER))


def bearer_of(header: str) -> str:
    """The credential in an ``Authorization`` header. Raises ``Unauthenticated``."""
    match = _BEARER.fullmatch(header)
    if match is None:
        raise Unauthenticated()
    return match[1]


class BearerAuthentication(BaseAuthentication):
    """API token, JWT or widget session by its shape. A header that does not fit is a 401."""

    def authenticate(self, request: Request) -> tuple[Any, AuthContext] | None:
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is None:
            return None
        info = info_of(request)
        try:
            auth = authenticate_token(bearer_of(header), ip=info.ip, request_id=info.request_id)
        except Unauthenticated as error:
            raise AuthenticationFailed() from error
        return None, auth

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="minirag"'


class TenantSessionAuthentication(SessionAuthentication):
    """Django's session, CSRF enforced, acting in the tenant the session chose."""

    def enforce_csrf(self, request: Request) -> None:
        """Raises ``OriginRefused`` for another site's page, ``PermissionDenied`` for the rest."""
        try:
            super().enforce_csrf(request)
        except PermissionDenied as error:
            if any(words in str(error.detail) for words in _OTHER_SITE):
                raise OriginRefused from error
            raise

    def authenticate(self, request: Request) -> tuple[User, AuthContext] | None:
        user = getattr(request._request, "user", None)
        if not isinstance(user, User) or not user.is_active:
            return None
        self.enforce_csrf(request)
        membership = active_membership(request._request)
        if membership is None:
            return None
        membership.user = user
        info = info_of(request)
        return user, context_of(membership, ip=info.ip, request_id=info.request_id)
