"""The API describes itself, to programs and to people."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tenants.models import Tenant
from tests.cast import person


@pytest.mark.django_db
def test_the_document_needs_no_credential(client: Client) -> None:
    answer = client.get("/v1/schema")
    assert answer.status_code == 200
    document = answer.json()
    assert document["openapi"].startswith("3.1")
    paths = document["paths"].values()
    operations = [operation["operationId"] for path in paths for operation in path.values()]
    assert len(operations) == len(set(operations)) >= 19
    assert {"auth_login", "users_create", "api_tokens_list", "tenants_me_update"} <= set(operations)
    page = document["components"]["schemas"]["ApiTokenPage"]["properties"]
    assert set(page) == {"next", "previous", "results"}


@pytest.mark.django_db
def test_the_page_loads_nothing_from_elsewhere(client: Client) -> None:
    answer = client.get("/v1/docs", headers={"accept": "text/html"})
    assert answer.status_code == 200 and b"/v1/api-tokens" in answer.content
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert not re.findall(rb"(?:src|href)=\"(?:https?:)?//", answer.content)


def test_every_page_of_a_session_renders(tenant: Tenant) -> None:
    browser = Client()
    browser.force_login(person(tenant))
    for path in ("tenants/me", "users", "api-tokens", "audit-events", "auth/me"):
        answer = browser.get(f"/v1/{path}", headers={"accept": "text/html"})
        assert answer.status_code == 200, path
        assert answer["Content-Type"].startswith("text/html"), path
