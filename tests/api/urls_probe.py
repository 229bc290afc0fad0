"""A small API over the real base, so that its rules are tested without any app's endpoints."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db import OperationalError
from django.urls import path, re_path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from minirag.api import errors
from minirag.api.serializers import PageParams, StrictSerializer
from minirag.errors import NotFound, ProviderMisconfigured, ProviderUnavailable
from tenants.api_base import AsyncTenantView, TenantView
from tenants.context import AuthContext
from tenants.models import ApiToken, TokenScope
from tenants.scope import current_scope


class ProbeInput(StrictSerializer):
    name = serializers.CharField(max_length=20)
    count = serializers.IntegerField(required=False)
    ratio = serializers.FloatField(required=False)
    flag = serializers.BooleanField(required=False)
    color = serializers.ChoiceField(choices=["red", "blue"], required=False)
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    options = serializers.DictField(required=False)
    when = serializers.DateTimeField(required=False)
    made = serializers.CharField(read_only=True)


class TokenOut(serializers.ModelSerializer[ApiToken]):
    class Meta:
        model = ApiToken
        fields = ["id", "name", "created_at"]


class NameParams(PageParams):
    name = serializers.CharField(required=False)


def access_token(auth: AuthContext, token_id: UUID) -> ApiToken:
    found: ApiToken | None = ApiToken.objects.filter(pk=token_id).first()
    if found is None:
        raise NotFound()
    return found


class Items(TenantView):
    scopes = {"GET": TokenScope.READ, "POST": TokenScope.WRITE}
    idempotent = True
    atomic = True
    secret_fields = frozenset({"secret"})
    runs: ClassVar[list[str]] = []

    def get(self, request: Request) -> Response:
        rows = ApiToken.objects.all()
        if name := self.params(NameParams).get("name"):
            rows = rows.filter(name=name)
        return self.page(rows, TokenOut)

    @extend_schema(request=ProbeInput, responses=ProbeInput)
    def post(self, request: Request) -> Response:
        data = self.body(ProbeInput)
        self.runs.append(data["name"])
        if data["name"] == "broken":
            raise ProviderMisconfigured()
        if data["name"] == "away":
            raise ProviderUnavailable(retry_after=7)
        return Response({"run": len(self.runs), "secret": "once", **data}, status=201)


class Item(TenantView):
    scopes = {"GET": TokenScope.READ, "DELETE": TokenScope.WRITE}
    path_objects = {"token_id": access_token}

    def get(self, request: Request, token_id: str) -> Response:
        return Response(TokenOut(self.object("token_id")).data)

    def delete(self, request: Request, token_id: str) -> Response:
        return Response(status=204)


class Echo(AsyncTenantView):
    """Says which tenant's scope it ran in."""

    scopes = {"GET": TokenScope.READ, "POST": TokenScope.CHAT}
    rate = "chat"

    async def get(self, request: Request) -> Response:
        return Response({"scope": str(current_scope()), "actor": self.auth.actor})

    async def post(self, request: Request) -> Response:
        return Response(self.body(ProbeInput))


class Crash(TenantView):
    scopes = {"GET": TokenScope.READ, "POST": TokenScope.READ}

    def get(self, request: Request) -> Response:
        raise ValueError("canary-secret-text")

    def post(self, request: Request) -> Response:
        raise OperationalError("canary-secret-text")


class AsyncCrash(AsyncTenantView):
    scopes = {"GET": TokenScope.READ}

    async def get(self, request: Request) -> Response:
        raise ValueError("canary-secret-text")


def plain_crash(request: Any) -> Any:
    raise ValueError("canary-secret-text")


urlpatterns = [
    path("v1/items", Items.as_view()),
    path("v1/other-items", Items.as_view()),
    path("v1/items/<str:token_id>", Item.as_view()),
    path("v1/echo", Echo.as_view()),
    path("v1/crash", Crash.as_view()),
    path("v1/async-crash", AsyncCrash.as_view()),
    path("v1/plain-crash", plain_crash),
    path("plain-crash", plain_crash),
    re_path(r"^(?:v1|openai|widget)(?:/|$)", errors.unknown_path),
]
handler400 = "minirag.api.errors.handler400"
handler403 = "minirag.api.errors.handler403"
handler404 = "minirag.api.errors.handler404"
handler500 = "minirag.api.errors.handler500"
