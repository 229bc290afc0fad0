"""``/auth``: logins of people."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import logout, update_session_auth_hash
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from minirag.errors import ErrorCode
from tenants.api_base import PublicView, TenantView
from tenants.context import ActorKind
from tenants.models import TokenScope, User
from tenants.selectors import get_tenant
from tenants.serializers import (
    AcceptInput,
    LoginInput,
    MeSerializer,
    PasswordInput,
    RefreshInput,
    TokenPairSerializer,
)
from tenants.services import accept_invitation, change_password, log_in, log_out, refresh_login
from tenants.services.logins import open_login

_NOTHING = OpenApiResponse(description="Done.")


class Login(PublicView):
    """Who belongs to several tenants names one; without it, ``fields.tenant`` lists the choices."""

    failures = {"POST": (ErrorCode.UNAUTHENTICATED,)}

    @extend_schema(
        operation_id="auth_login",
        summary="Log in",
        request=LoginInput,
        responses=TokenPairSerializer,
        auth=[],
    )
    def post(self, request: Request) -> Response:
        data = self.body(LoginInput)
        pair = log_in(request._request, data["email"], data["password"], data.get("tenant"))
        return Response(TokenPairSerializer(pair).data)


class Refresh(PublicView):
    """The refresh token that was sent is good no more: keep the one of the answer. One that is sent
    again ends the login, but for a moment in which a request may be repeated.
    """

    failures = {"POST": (ErrorCode.UNAUTHENTICATED,)}

    @extend_schema(
        operation_id="auth_refresh",
        summary="A new pair of tokens for a refresh token",
        request=RefreshInput,
        responses=TokenPairSerializer,
        auth=[],
    )
    def post(self, request: Request) -> Response:
        pair = refresh_login(request._request, self.body(RefreshInput)["refresh"])
        return Response(TokenPairSerializer(pair).data)


class AcceptInvitation(PublicView):
    """Turns an invitation's link into a membership, and logs in."""

    failures = {"POST": (ErrorCode.NOT_FOUND,)}

    @extend_schema(
        operation_id="auth_accept_invitation",
        summary="Accept an invitation, and log in",
        request=AcceptInput,
        responses=TokenPairSerializer,
        auth=[],
    )
    def post(self, request: Request) -> Response:
        data = self.body(AcceptInput)
        membership = accept_invitation(request._request, data["token"], data["password"])
        return Response(TokenPairSerializer(open_login(membership, request._request)).data)


class Logout(TenantView):
    """Ends the login behind the JWT, or the browser's session. API tokens are revoked instead."""

    scopes = {"POST": TokenScope.READ}

    @extend_schema(
        operation_id="auth_logout",
        summary="End this login",
        request=None,
        responses={204: _NOTHING},
    )
    def post(self, request: Request) -> Response:
        log_out(self.auth)
        if self.auth.kind is ActorKind.USER and self.auth.session_id is None:
            logout(request._request)
        return Response(status=204)


class Me(TenantView):
    """Of an API token `user` and `role` are null."""

    scopes = {"GET": TokenScope.READ}

    @extend_schema(
        operation_id="auth_me",
        summary="Who the credential is, and what it may do",
        responses=MeSerializer,
    )
    def get(self, request: Request) -> Response:
        return Response(MeSerializer(self._me()).data)

    def _me(self) -> dict[str, Any]:
        user = None
        if self.auth.kind is ActorKind.USER and self.auth.user_id is not None:
            user = User.objects.get(pk=self.auth.user_id)
        return {
            "kind": str(self.auth.kind),
            "tenant": get_tenant(self.auth),
            "user": user,
            "role": self.auth.role if user else None,
            "scopes": [str(scope) for scope in TokenScope if scope in self.auth.scopes],
        }


class Password(TenantView):
    """Sets a new password. All other logins of this person end. Not for API tokens."""

    scopes = {"POST": TokenScope.READ}

    def may_use(self, method: str) -> bool:
        return super().may_use(method) and self.auth.kind is ActorKind.USER

    @extend_schema(
        operation_id="auth_password",
        summary="Set a new password; other logins end",
        request=PasswordInput,
        responses={204: _NOTHING},
    )
    def post(self, request: Request) -> Response:
        data = self.body(PasswordInput)
        user = change_password(request._request, self.auth, data["old"], data["new"])
        if self.auth.session_id is None:
            update_session_auth_hash(request._request, user)
        return Response(status=204)
