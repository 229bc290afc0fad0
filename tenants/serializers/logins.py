"""Logins of people."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from minirag.api.serializers import StrictSerializer
from tenants.models import Role, TokenScope


def _password(**extra: Any) -> serializers.CharField:
    return serializers.CharField(
        max_length=1024,
        trim_whitespace=False,
        style={"input_type": "password"},
        write_only=True,
        **extra,
    )


class LoginInput(StrictSerializer):
    """An account and its password; `tenant` where it belongs to several."""

    # Not an e-mail field: what cannot be an account is answered as an unknown one.
    email = serializers.CharField(max_length=254)
    password = _password()
    tenant = serializers.CharField(max_length=80, required=False, help_text="Slug.")


class TokenPairSerializer(serializers.Serializer[Any]):
    """Both tokens of a login."""

    access = serializers.CharField(help_text="JWT, 15 minutes.")
    refresh = serializers.CharField(help_text="JWT, 7 days from the login, good for one use.")


class RefreshInput(StrictSerializer):
    """The refresh token of the last answer."""

    refresh = serializers.CharField(max_length=2048)


class PasswordInput(StrictSerializer):
    """The present password and the new one."""

    old = _password()
    new = _password()


class AcceptInput(StrictSerializer):
    """What an invitation is accepted with."""

    token = serializers.CharField(max_length=100, help_text="Last part of the invitation's link.")
    password = _password(help_text="A new account's password, or the present one.")


class MeSerializer(serializers.Serializer[Any]):
    """Who asks. `user` and `role` are null where it is no person."""

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
