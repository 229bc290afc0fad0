"""What people see of a refusal: a page of the place they are in, plain words, and a way back."""

from __future__ import annotations

import re
import uuid

import pytest
from django.test import Client

from tenants.models import Role, Tenant, User
from tenants.scope import tenant_scope
from tests.cast import PASSWORD, person
from tests.sources.rows import make_source

SOURCES = "/console/sources/source/"
BROWSER = {"accept": "text/html,application/xhtml+xml"}


def as_role(tenant: Tenant, role: str, *, strict: bool = False) -> Client:
    client = Client(headers=BROWSER, enforce_csrf_checks=strict)
    client.force_login(person(tenant, role))
    return client


def refused(answer: object, status: int) -> str:
    """The page, which is one of the console's."""
    assert answer.status_code == status, answer  # type: ignore[attr-defined]
    shown: str = answer.content.decode()  # type: ignore[attr-defined]
    assert "minirag/admin.css" in shown and 'href="/console/">To the first page' in shown
    return shown


def test_a_role_that_is_too_low_is_told_so(tenant: Tenant) -> None:
    client = as_role(tenant, Role.VIEWER)
    assert "Your role does not allow this" in refused(client.get(f"{SOURCES}add/"), 403)
    answer = client.post("/console/ingestion/indexcheck/check/")
    assert "Your role does not allow this" in refused(answer, 403)


def test_another_tenants_row_is_one_that_does_not_exist(
    tenant: Tenant, other_tenant: Tenant
) -> None:
    client = as_role(tenant, Role.OWNER)
    with tenant_scope(other_tenant.pk):
        theirs = make_source(other_tenant).pk
    pages = []
    for pk in (theirs, uuid.uuid4()):
        for deed in ("change", "delete", "preview"):
            shown = refused(client.get(f"{SOURCES}{pk}/{deed}/"), 404)
            assert "nothing at this address" in shown and f'href="{SOURCES}">To the list' in shown
            shown = shown.replace(str(pk), "ID")
            pages.append(re.sub(r"Request <code>.*?</code>|csrf\w+=\S+", "", shown))
    assert pages[:3] == pages[3:]
    assert "To the list" not in refused(client.get("/console/nowhere/"), 404)


@pytest.mark.parametrize("address", ["ingestion/indexcheck/check/", "logout/", "switch/"])
def test_the_address_of_a_button_explains_itself(tenant: Tenant, address: str) -> None:
    answer = as_role(tenant, Role.OWNER).get(f"/console/{address}")
    assert "It cannot be opened by itself" in refused(answer, 405)
    assert answer["Allow"] == "POST"


def test_a_form_that_has_expired_says_what_to_do(tenant: Tenant) -> None:
    answer = as_role(tenant, Role.OWNER, strict=True).post(f"{SOURCES}add/", {"name": "x"})
    assert "The form has expired. Reload the page" in refused(answer, 403)


def test_the_platform_has_pages_of_its_own(db: None) -> None:
    client = Client()  # a script's: no word of HTML in what it accepts
    client.force_login(User.objects.create_superuser("root@platform.test", PASSWORD))
    shown = client.get(f"/admin/sources/source/{uuid.uuid4()}/change/")
    assert shown.status_code == 404
    assert 'href="/admin/sources/source/">To the list' in shown.content.decode()
    asked = client.get("/admin/nowhere/", headers={"accept": "application/json"})
    assert asked.json()["error"]["code"] == "not_found"
