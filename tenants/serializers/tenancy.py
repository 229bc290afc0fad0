"""The tenant."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from minirag.api.serializers import StrictSerializer
from minirag.providers import validate_model
from minirag.types import Credentials
from tenants.models import Tenant

_SHOWN = 4
# Of a shorter key the last four characters would be too much.
_LEAST_FOR_HINT = 12


def credentials_hint(credentials: Credentials) -> str | None:
    """The last four characters of the API key, or None."""
    key = credentials.values.get("api_key", "")
    return key[-_SHOWN:] if len(key) >= _LEAST_FOR_HINT else None


class IndexSerializer(serializers.Serializer[Any]):
    """The index that answers, and how far the one is that is built beside it."""

    model = serializers.CharField(help_text="The model whose vectors answer now.")
    dimensions = serializers.IntegerField(allow_null=True)
    state = serializers.ChoiceField(choices=["ready", "building"])
    progress = serializers.FloatField(
        allow_null=True, help_text="0 to 1 while another index is being built beside this one."
    )


class LimitsSerializer(serializers.Serializer[Any]):
    """What the platform grants; null is no limit."""

    documents = serializers.IntegerField(allow_null=True)
    bytes = serializers.IntegerField(allow_null=True)
    monthly_cost_usd = serializers.CharField(allow_null=True, help_text="Decimal string.")


class TenantSerializer(serializers.ModelSerializer[Tenant]):
    """The credential's own tenant."""

    # Context: ``wanted``, the embedding that was asked for last.

    embedding_model = serializers.SerializerMethodField(
        help_text="The model that was asked for last; `index.model` is the one that answers."
    )
    embedding_credentials_set = serializers.SerializerMethodField()
    embedding_credentials_hint = serializers.SerializerMethodField()
    index = serializers.SerializerMethodField()
    limits = serializers.SerializerMethodField()

    class Meta:
        model = Tenant
        fields = [
            "id",
            "name",
            "slug",
            "embedding_model",
            "embedding_credentials_set",
            "embedding_credentials_hint",
            "index",
            "limits",
            "created_at",
            "updated_at",
        ]

    def get_embedding_credentials_set(self, tenant: Tenant) -> bool:
        return bool(self.context["wanted"].credentials)

    def get_embedding_credentials_hint(self, tenant: Tenant) -> str | None:
        return credentials_hint(self.context["wanted"].credentials)

    def get_embedding_model(self, tenant: Tenant) -> str:
        return str(self.context["wanted"].model)

    @extend_schema_field(IndexSerializer)
    def get_index(self, tenant: Tenant) -> dict[str, Any]:
        progress = self.context["wanted"].progress
        return {
            "model": tenant.embedding_model,
            "dimensions": tenant.index_dimensions,
            "state": "ready" if progress is None else "building",
            "progress": progress,
        }

    @extend_schema_field(LimitsSerializer)
    def get_limits(self, tenant: Tenant) -> dict[str, Any]:
        nano = tenant.monthly_cost_limit_nano
        cost = None if nano is None else f"{Decimal(nano) / 10**9:f}"
        return {
            "documents": tenant.max_documents,
            "bytes": tenant.max_bytes,
            "monthly_cost_usd": cost,
        }


class TenantChange(StrictSerializer):
    """Changes of the tenant; what is left out stays."""

    rules = {"embedding_model": partial(validate_model, kind="embedding")}

    name = serializers.CharField(max_length=200, required=False)
    embedding_model = serializers.CharField(
        max_length=200,
        required=False,
        help_text="Another one, once there are chunks, is built beside the present index.",
    )
    embedding_credentials = serializers.DictField(
        child=serializers.CharField(max_length=4000, trim_whitespace=False),
        required=False,
        allow_null=True,
        write_only=True,
        help_text="Replaced whole; null clears it.",
    )


class TenantCreate(StrictSerializer):
    """A tenant's name and its owner's address."""

    name = serializers.CharField(max_length=200)
    email = serializers.EmailField(max_length=254)


class NewTenantSerializer(serializers.Serializer[Any]):
    """A tenant with its owner's password and API token, shown once."""

    class _Tenant(serializers.Serializer[Any]):
        id = serializers.UUIDField()
        name = serializers.CharField()
        slug = serializers.CharField()

        class Meta:
            ref_name = "NewTenantTenant"

    class _User(serializers.Serializer[Any]):
        id = serializers.UUIDField()
        email = serializers.EmailField()
        password = serializers.CharField(
            allow_null=True, help_text="Null where the account existed already."
        )

        class Meta:
            ref_name = "NewTenantUser"

    tenant = _Tenant()
    user = _User()
    api_token = serializers.CharField()
