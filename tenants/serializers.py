"""What the resources of this app look like outside."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from minirag.api.serializers import PageParams, StrictSerializer
from minirag.types import Credentials
from tenants.models import ApiToken, AuditEvent, Membership, Role, Tenant, TokenScope

_SHOWN = 4
# Of a shorter key the last four characters would be too much.
_LEAST_FOR_HINT = 12


def credentials_hint(credentials: Credentials) -> str | None:
    """The last four characters of the API key, or None."""
    key = credentials.values.get("api_key", "")
    return key[-_SHOWN:] if len(key) >= _LEAST_FOR_HINT else None


# --- tenant ------------------------------------------------------------------------------------


class IndexSerializer(serializers.Serializer[Any]):
    model = serializers.CharField()
    dimensions = serializers.IntegerField(allow_null=True)
    state = serializers.ChoiceField(choices=["ready", "building"])
    progress = serializers.FloatField(allow_null=True)


class LimitsSerializer(serializers.Serializer[Any]):
    documents = serializers.IntegerField(allow_null=True)
    bytes = serializers.IntegerField(allow_null=True)
    monthly_cost_usd = serializers.CharField(allow_null=True, help_text="Decimal string.")


class TenantSerializer(serializers.ModelSerializer[Tenant]):
    """The credential's own tenant."""

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
        return bool(tenant.embedding_credentials)

    def get_embedding_credentials_hint(self, tenant: Tenant) -> str | None:
        return credentials_hint(tenant.embedding_credentials)

    @extend_schema_field(IndexSerializer)
    def get_index(self, tenant: Tenant) -> dict[str, Any]:
        return {
            "model": tenant.embedding_model,
            "dimensions": tenant.index_dimensions,
            "state": "ready",
            "progress": None,
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
    name = serializers.CharField(max_length=200, required=False)
    embedding_model = serializers.CharField(max_length=200, required=False)
    embedding_credentials = serializers.DictField(
        child=serializers.CharField(max_length=4000, trim_whitespace=False),
        required=False,
        allow_null=True,
        write_only=True,
        help_text="Replaced whole; null clears it.",
    )


class TenantCreate(StrictSerializer):
    name = serializers.CharField(max_length=200)
    email = serializers.EmailField(max_length=254)


class NewTenantSerializer(serializers.Serializer[Any]):
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


# --- logins ------------------------------------------------------------------------------------


def _password(**extra: Any) -> serializers.CharField:
    return serializers.CharField(
        max_length=1024,
        trim_whitespace=False,
        style={"input_type": "password"},
        write_only=True,
        **extra,
    )


class LoginInput(StrictSerializer):
    # Not an e-mail field: what cannot be an account is answered as an unknown one.
    email = serializers.CharField(max_length=254)
    password = _password()
    tenant = serializers.CharField(max_length=80, required=False, help_text="Slug.")


class TokenPairSerializer(serializers.Serializer[Any]):
    access = serializers.CharField(help_text="JWT, 15 minutes.")
    refresh = serializers.CharField(help_text="JWT, 7 days from the login.")


class RefreshInput(StrictSerializer):
    refresh = serializers.CharField(max_length=2048)


class PasswordInput(StrictSerializer):
    old = _password()
    new = _password()


class AcceptInput(StrictSerializer):
    token = serializers.CharField(max_length=100, help_text="Last part of the invitation's link.")
    password = _password(help_text="A new account's password, or the present one.")


class MeSerializer(serializers.Serializer[Any]):
    class _Tenant(serializers.Serializer[Any]):
        id = serializers.UUIDField()
        name = serializers.CharField()
        slug = serializers.CharField()

        class Meta:
            ref_name = "MeTenant"

    class _User(serializers.Serializer[Any]):
        id = serializers.UUIDField()
        email = serializers.EmailField()
        name = serializers.CharField()

        class Meta:
            ref_name = "MeUser"

    kind = serializers.ChoiceField(choices=["token", "user"], help_text="Of the credential.")
    tenant = _Tenant()
    user = _User(allow_null=True)
    role = serializers.ChoiceField(choices=Role.choices, allow_null=True)
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=TokenScope.choices))


# --- members -----------------------------------------------------------------------------------


class MemberSerializer(serializers.ModelSerializer[Membership]):
    """A person's place in the tenant; ``id`` is the membership's."""

    user_id = serializers.UUIDField(read_only=True)
    email = serializers.EmailField(source="user.email", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)
    status = serializers.SerializerMethodField()

    class Meta:
        model = Membership
        fields = [
            "id",
            "user_id",
            "email",
            "name",
            "role",
            "status",
            "created_at",
            "accepted_at",
            "invite_expires_at",
        ]

    @extend_schema_field(serializers.ChoiceField(choices=["active", "invited"]))
    def get_status(self, member: Membership) -> str:
        return "active" if member.accepted_at else "invited"


class InvitationSerializer(MemberSerializer):
    """A new invitation: ``invitation_link`` is shown once."""

    invitation_link = serializers.SerializerMethodField()

    class Meta(MemberSerializer.Meta):
        fields = [*MemberSerializer.Meta.fields, "invitation_link"]

    def get_invitation_link(self, member: Membership) -> str:
        return str(self.context["link"])


class InviteInput(StrictSerializer):
    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(choices=Role.choices)
    name = serializers.CharField(max_length=200, required=False, allow_blank=True)


class RoleInput(StrictSerializer):
    role = serializers.ChoiceField(choices=Role.choices)


# --- API tokens --------------------------------------------------------------------------------


class ApiTokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A token as it can be known later: never the token itself."""

    scopes = serializers.ListField(child=serializers.ChoiceField(choices=TokenScope.choices))
    created_by_id = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta:
        model = ApiToken
        fields = [
            "id",
            "name",
            "scopes",
            "prefix",
            "last_four",
            "created_by_id",
            "created_at",
            "last_used_at",
            "expires_at",
        ]


class NewApiTokenSerializer(ApiTokenSerializer):
    """The only answer that holds ``token``."""

    token = serializers.SerializerMethodField()

    class Meta(ApiTokenSerializer.Meta):
        fields = [*ApiTokenSerializer.Meta.fields, "token"]

    def get_token(self, row: ApiToken) -> str:
        return str(self.context["raw"])


class ApiTokenInput(StrictSerializer):
    name = serializers.CharField(max_length=200)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=TokenScope.choices), allow_empty=False, max_length=4
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


# --- audit -------------------------------------------------------------------------------------


class AuditEventSerializer(serializers.ModelSerializer[AuditEvent]):
    class Meta:
        model = AuditEvent
        fields = [
            "id",
            "created_at",
            "actor_kind",
            "actor_id",
            "actor",
            "action",
            "object_type",
            "object_id",
            "outcome",
            "detail",
            "ip",
            "request_id",
        ]


class AuditParams(PageParams):
    actor = serializers.CharField(max_length=254, required=False)
    action = serializers.CharField(max_length=80, required=False)
    to = serializers.DateTimeField(required=False)

    def get_fields(self) -> dict[str, Any]:
        # "from" is a word of Python's.
        return {**super().get_fields(), "from": serializers.DateTimeField(required=False)}
