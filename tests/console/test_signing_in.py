"""Who cannot sign in is told why, in the same words whether there is such an account or not."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tenants.models import Role, Tenant
from tests.cast import PASSWORD, person


def tried(site: str, email: str, password: str) -> str:
    form = {"username": email, "password": password}
    answer = Client().post(f"/{site}/login/", form)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("site", ["console", "admin"])
@pytest.mark.parametrize("email", ["owner@acorn.test", "nobody@acorn.test"])
def test_a_locked_account_is_said_to_be_one(
    tenant: Tenant, settings: Any, site: str, email: str
) -> None:
    person(tenant, Role.OWNER)
    settings.AXES_FAILURE_LIMIT = 2
    first = tried(site, email, "wrong")
    assert "E-mail or password is wrong." in first and "Too many" not in first
    tried(site, email, "wrong")
    locked = tried(site, email, PASSWORD)  # the right one of the account that is there
    assert "Too many wrong passwords. Wait 15 minutes" in locked


def test_who_is_no_operator_of_the_platform_is_refused_alike(tenant: Tenant) -> None:
    person(tenant, Role.OWNER)
    assert "E-mail or password is wrong." in tried("admin", "owner@acorn.test", PASSWORD)
