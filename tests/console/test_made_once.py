"""Forms that hand over a secret: each makes one thing, of what was really said."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from tenants.models import ApiToken, Membership, Role, Tenant, User
from tenants.scope import tenant_scope
from tests.cast import person


@pytest.fixture
def console(tenant: Tenant) -> Client:
    client = Client()
    client.force_login(person(tenant, Role.OWNER))
    return client


def key_of(client: Client, path: str) -> str:
    found = re.search(r'name="form_key" value="([^"]+)"', client.get(path).content.decode())
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("path", "form", "model"),
    [
        ("tenants/apitoken/add/", {"name": "CI", "scopes": ["read"]}, ApiToken),
        ("tenants/membership/add/", {"email": "new@example.com", "role": "viewer"}, Membership),
    ],
)
def test_loading_the_answer_again_makes_nothing_more(
    console: Client, tenant: Tenant, path: str, form: dict[str, Any], model: Any
) -> None:
    path = f"/console/{path}"
    sent = {**form, "form_key": key_of(console, path)}
    with tenant_scope(tenant.pk):
        before = model.objects.count()
    assert 'id="secret"' in console.post(path, sent).content.decode()
    again = console.post(path, sent, follow=True)
    assert "This form was sent before" in again.content.decode()
    with tenant_scope(tenant.pk):
        assert model.objects.count() == before + 1


def test_a_refused_form_can_be_sent_again(console: Client, tenant: Tenant) -> None:
    path = "/console/tenants/apitoken/add/"
    key = key_of(console, path)
    refused = console.post(path, {"name": "CI", "form_key": key}).content.decode()
    assert f'value="{key}"' in refused and 'id="secret"' not in refused
    made = console.post(path, {"name": "CI", "scopes": ["read"], "form_key": key})
    assert 'id="secret"' in made.content.decode()


@pytest.mark.parametrize("email", ["", " ", "nobody"])
def test_nobody_is_not_invited(console: Client, tenant: Tenant, email: str) -> None:
    people = User.objects.count()
    answer = console.post("/console/tenants/membership/add/", {"email": email, "role": "viewer"})
    assert answer.status_code == 200 and "errorlist" in answer.content.decode()
    assert User.objects.count() == people
