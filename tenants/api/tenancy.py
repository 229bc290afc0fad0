"""``/tenants``."""

from __future__ import annotations

import hmac
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ingestion.builds import change_embedding, credentials_for, wanted_embedding
from minirag.errors import Conflict, ErrorCode, Unauthenticated
from minirag.types import Credentials
from tenants import idempotency
from tenants.api_base import PublicView, TenantView
from tenants.authentication import bearer_of
from tenants.models import Tenant, TokenScope
from tenants.scope import tenant_scope
from tenants.selectors import get_tenant
from tenants.serializers import (
    NewTenantSerializer,
    TenantChange,
    TenantCreate,
    TenantSerializer,
)
from tenants.services import NewTenant, create_tenant, update_tenant

_OPERATION = "POST /v1/tenants"
_SECRETS = frozenset({"password", "api_token"})


def _actor(is_operator: bool) -> str:
    return "bootstrap token" if is_operator else "sign-up"


def _make(data: dict[str, Any], is_operator: bool, tenant_id: UUID | None = None) -> NewTenant:
    return create_tenant(
        name=data["name"],
        email=data["email"],
        actor=_actor(is_operator),
        owner_may_exist=is_operator,
        tenant_id=tenant_id,
    )


class Tenants(PublicView):
    """Makes a tenant with an owner and an API token. For the holder of MINIRAG_BOOTSTRAP_TOKEN, or
    for everybody where MINIRAG_OPEN_SIGNUP is on.
    """

    failures = {"POST": (ErrorCode.UNAUTHENTICATED, ErrorCode.CONFLICT)}

    @extend_schema(
        operation_id="tenants_create",
        summary="Make a tenant with an owner and an API token",
        request=TenantCreate,
        responses={201: NewTenantSerializer},
        auth=[{"bearer": []}, {}],  # type: ignore[list-item]  # what the document takes
    )
    def post(self, request: Request) -> Response:
        is_operator = self._is_operator(request)
        if not is_operator and not settings.MINIRAG_OPEN_SIGNUP:
            raise Unauthenticated()
        data = self.body(TenantCreate)
        key = request.META.get("HTTP_IDEMPOTENCY_KEY")
        if key is None:
            return Response(_make(data, is_operator).as_dict(), status=201)
        return self._once(idempotency.valid_key(key), data, is_operator)

    def _once(self, key: str, data: dict[str, Any], is_operator: bool) -> Response:
        """No tenant carries this key yet: the one that it makes will."""
        digest = idempotency.body_digest(data)
        tenant_id = idempotency.tenant_of(key, _actor(is_operator))
        with tenant_scope(tenant_id):
            replay = idempotency.find(tenant_id, key, _OPERATION, digest)
            if replay is not None:
                return TenantView.replayed(replay)
            try:
                with transaction.atomic():
                    made = _make(data, is_operator, tenant_id).as_dict()
                    run = idempotency.begin(tenant_id, key, _OPERATION, digest)
                    if isinstance(run, idempotency.Run):
                        run.keep(201, idempotency.without(made, _SECRETS))
            except IntegrityError as error:  # the id is the key's: its twin was a moment faster
                raise Conflict("The first request with this key is still running.") from error
        return Response(made, status=201)

    @staticmethod
    def _is_operator(request: Request) -> bool:
        """A header that is there has to be right, also where sign-up is open."""
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is None:
            return False
        expected = settings.MINIRAG_BOOTSTRAP_TOKEN
        if not expected or not hmac.compare_digest(bearer_of(header).encode(), expected.encode()):
            raise Unauthenticated()
        return True


class OwnTenant(TenantView):
    """The credential's own tenant.

    `index.model` is the embedding model that answers now; `embedding_model` is the one that was
    asked for. They differ while `index.state` is `building`: another model, asked for once there
    are chunks, gets an index of its own beside the present one, which answers until the new one is
    whole, compared and tried. `index.progress` goes from 0 to 1. Asking for `index.model` again
    gives the build up; a third model takes its place; `embedding_credentials` alone are those of
    `embedding_model`. A build that fails leaves everything as it was and says why on its ingest job
    (`kind` `reindex`, without `source_id`), where it can be tried again.
    """

    scopes = {"GET": TokenScope.READ, "PATCH": TokenScope.ADMIN}
    actions = {"PATCH": "tenant.update"}
    failures = {"PATCH": (ErrorCode.CONFLICT, ErrorCode.ADDRESS_REFUSED)}

    @extend_schema(
        operation_id="tenants_me_retrieve",
        summary="The credential's own tenant",
        responses=TenantSerializer,
    )
    def get(self, request: Request) -> Response:
        return Response(_shown(get_tenant(self.auth)))

    @extend_schema(
        operation_id="tenants_me_update",
        summary="Change the tenant's name or embedding model",
        request=TenantChange,
        responses=TenantSerializer,
    )
    def patch(self, request: Request) -> Response:
        tenant = get_tenant(self.auth)
        data = self.body(TenantChange, partial=True)
        if "embedding_model" in data or "embedding_credentials" in data:
            tenant = self._set_embedding(tenant, data)
        if "name" in data:
            tenant = update_tenant(self.auth, tenant, name=data["name"])
        return Response(_shown(tenant))

    def _set_embedding(self, tenant: Tenant, data: dict[str, Any]) -> Tenant:
        model = data.get("embedding_model", wanted_embedding(tenant).model)
        if "embedding_credentials" in data:
            credentials = Credentials(data["embedding_credentials"] or {})
        else:
            credentials = credentials_for(tenant, model)
        return change_embedding(self.auth, tenant, model=model, credentials=credentials)


def _shown(tenant: Tenant) -> Any:
    return TenantSerializer(tenant, context={"wanted": wanted_embedding(tenant)}).data
