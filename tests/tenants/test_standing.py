"""What a good signature does not settle: whether the row behind the credential still stands."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from minirag.errors import Unauthenticated
from tenants import widget_tokens
from tenants.authentication import authenticate_token
from tenants.context import AuthContext, system_context
from tenants.models import LoginSession, Membership, Tenant
from tenants.scope import platform_scope
from tenants.services import resume_tenant, suspend_tenant
from tests.cast import client_for, jwt_of, person


def known(raw: str) -> AuthContext:
    return authenticate_token(raw, ip=None, request_id="r")


def test_an_invitation_that_was_not_accepted_opens_nothing(tenant: Tenant) -> None:
    raw = jwt_of(person(tenant), tenant)
    assert known(raw).tenant_id == tenant.pk
    with platform_scope("tests"):
        Membership.objects.update(accepted_at=None)
    with pytest.raises(Unauthenticated):
        known(raw)
    assert client_for(raw).get("/v1/tenants/me").status_code == 401


def test_a_closed_account_opens_nothing(tenant: Tenant) -> None:
    user = person(tenant)
    raw = jwt_of(user, tenant)
    user.is_active = False
    user.save()
    with pytest.raises(Unauthenticated):
        known(raw)


def test_a_login_that_was_cut_short_ends_its_tokens(tenant: Tenant) -> None:
    """The token's own time was set when the login still had a week."""
    raw = jwt_of(person(tenant), tenant)
    with platform_scope("tests"):
        LoginSession.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(Unauthenticated):
        known(raw)


def test_a_visitor_of_a_suspended_tenant_is_nobody(tenant: Tenant) -> None:
    visitor = uuid.uuid4()
    raw, _ = widget_tokens.issue(uuid.uuid4(), tenant.pk, visitor, "https://shop.example")
    assert known(raw).actor_id == str(visitor)
    with platform_scope("tests"):
        suspend_tenant(system_context(tenant.pk, "tests"), tenant)
    with pytest.raises(Unauthenticated):
        known(raw)
    with platform_scope("tests"):
        resume_tenant(system_context(tenant.pk, "tests"), tenant)
    assert known(raw).tenant_id == tenant.pk
