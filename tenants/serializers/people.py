"""Members and their API tokens."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from minirag.api.serializers import StrictSerializer
from tenants.models import ApiToken, Membership, Role, TokenScope
from tenants.services.api_tokens import RULES as API_TOKEN_RULES


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
    """Who is invited, and as what."""

    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(choices=Role.choices, help_text=Role.description())
    name = serializers.CharField(max_length=200, required=False, allow_blank=True)


class RoleInput(StrictSerializer):
    """What a member may do from now on."""

    role = serializers.ChoiceField(choices=Role.choices, help_text=Role.description())


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
    """A new token; without `expires_at` it stands until it is revoked."""

    rules = API_TOKEN_RULES

    name = serializers.CharField(max_length=200)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=TokenScope.choices),
        allow_empty=False,
        max_length=4,
        help_text=TokenScope.description(),
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
