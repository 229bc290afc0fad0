"""``/api-tokens``."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from minirag.api.serializers import PageParams, page_of
from tenants.api_base import TenantView
from tenants.models import TokenScope
from tenants.selectors import access_api_token, list_api_tokens
from tenants.serializers import ApiTokenInput, ApiTokenSerializer, NewApiTokenSerializer
from tenants.services import create_api_token, revoke_api_token


class ApiTokens(TenantView):
    """API tokens. Only the answer of the POST holds ``token``."""

    scopes = {"GET": TokenScope.ADMIN, "POST": TokenScope.ADMIN}
    idempotent = True
    atomic = True
    secret_fields = frozenset({"token"})
    actions = {"POST": "api_token.create"}

    @extend_schema(
        operation_id="api_tokens_list",
        summary="API tokens, newest first",
        parameters=[PageParams],
        responses=page_of(ApiTokenSerializer),
    )
    def get(self, request: Request) -> Response:
        return self.page(list_api_tokens(self.auth), ApiTokenSerializer)

    @extend_schema(
        operation_id="api_tokens_create",
        summary="Make a token; it is shown in this answer only",
        request=ApiTokenInput,
        examples=[
            OpenApiExample(
                "A token that chats", {"name": "Shop", "scopes": ["chat"]}, request_only=True
            )
        ],
        responses={201: NewApiTokenSerializer},
    )
    def post(self, request: Request) -> Response:
        """A token never grants more than its creator holds. `admin` holds `write`, which holds
        `read`; `chat` is granted by itself. Only this answer holds `token`.
        """
        made = create_api_token(self.auth, **self.body(ApiTokenInput))
        return Response(NewApiTokenSerializer(made.row, context={"raw": made.raw}).data, status=201)


class ApiTokenDetail(TenantView):
    """One token. DELETE revokes it at once."""

    scopes = {"GET": TokenScope.ADMIN, "DELETE": TokenScope.ADMIN}
    path_objects = {"token_id": access_api_token}
    actions = {"DELETE": "api_token.revoke"}

    @extend_schema(
        operation_id="api_tokens_retrieve",
        summary="One token, without its secret",
        responses=ApiTokenSerializer,
    )
    def get(self, request: Request, token_id: str) -> Response:
        return Response(ApiTokenSerializer(self.object("token_id")).data)

    @extend_schema(
        operation_id="api_tokens_delete", summary="Revoke a token at once", responses={204: None}
    )
    def delete(self, request: Request, token_id: str) -> Response:
        """It is refused from the next request on, and its open sockets close within seconds."""
        revoke_api_token(self.auth, self.object("token_id"))
        return Response(status=204)
