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


def test_an_html_form_works(tenant: Tenant) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(person(tenant))
    page = browser.get("/v1/users", headers={"accept": "text/html"}).content.decode()
    assert 'name="email"' in page and 'name="role"' in page
    form = {"email": "new@acorn.test", "role": "viewer", "name": ""}
    html = {"accept": "text/html"}
    assert browser.post("/v1/users", form, headers=html).status_code == 403
    form["csrfmiddlewaretoken"] = browser.cookies["csrftoken"].value
    answer = browser.post("/v1/users", form, headers=html)
    assert answer.status_code == 201 and b"invitation_link" in answer.content
    again = browser.post("/v1/users", form, headers=html)
    assert again.status_code == 409 and b"conflict" in again.content


def test_a_viewer_sees_no_forms(tenant: Tenant) -> None:
    browser = Client()
    browser.force_login(person(tenant, "viewer"))
    page = browser.get("/v1/tenants/me", headers={"accept": "text/html"})
    assert page.status_code == 200 and b'data-method="PATCH"' not in page.content
    boss = Client()
    boss.force_login(person(tenant, "owner"))
    assert (
        b'data-method="PATCH"'
        in boss.get("/v1/tenants/me", headers={"accept": "text/html"}).content
    )


def test_a_logout_ends_the_session_on_the_server(tenant: Tenant) -> None:
    browser = Client()
    browser.force_login(person(tenant))
    stolen = browser.cookies["sessionid"].value
    assert browser.post("/v1/auth/logout").status_code == 204
    thief = Client()
    thief.cookies["sessionid"] = stolen
    assert thief.get("/v1/auth/me").status_code == 401
