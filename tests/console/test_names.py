"""What lists and sections are called: words of people who run things, not names of classes."""

from __future__ import annotations

import html
import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import admin
from django.test import Client

from tenants.models import AuditEvent, Membership, Role, Tenant, TokenScope, User
from tenants.scope import platform_scope
from tests.cast import PASSWORD, client_for, person, token_of


@pytest.fixture
def root(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root@platform.test", PASSWORD))
    return client


def listed(client: Client, site: str) -> list[str]:
    """What the first page of a site leads to."""
    shown = client.get(f"/{site}/").content.decode()
    return re.findall(r'<th scope="row"[^>]*>\s*<a[^>]*>([^<]+)</a>', shown)


def locked(**values: Any) -> AccessAttempt:
    row: AccessAttempt = AccessAttempt.objects.create(
        username="ann@acorn.test", ip_address="192.0.2.7", get_data="", post_data="", **values
    )
    return row


def test_the_console_names_things_as_people_do(tenant: Tenant) -> None:
    client = Client()
    client.force_login(person(tenant, Role.OWNER))
    names = listed(client, "console")
    assert {"People", "Tenant settings", "Jobs", "Passages", "Costs by month"} <= set(names)
    assert not {"Memberships", "Tenants", "Monthly spends", "Ingest jobs", "Chunks"} & set(names)
    own = f"/console/tenants/tenant/{tenant.pk}/change/"
    assert f'href="{own}"' in client.get("/console/").content.decode()


def test_the_platform_reads_of_sign_ins_in_plain_words(root: Client) -> None:
    assert {"Refused sign-ins", "Sign-ins", "Accounts"} <= set(listed(root, "admin"))
    shown = root.get("/admin/").content.decode()
    assert "Sign-in protection" in shown and "Axes" not in shown and "Access a" not in shown
    trail = root.get("/admin/axes/accessattempt/").content.decode()
    assert "Sign-in protection" in trail and "No wrong passwords lately." in trail


def test_records_of_sign_ins_are_for_reading(root: Client) -> None:
    row = locked(failures_since_start=1)
    page = f"/admin/axes/accessattempt/{row.pk}"
    assert root.get(f"{page}/change/").status_code == 200
    for deed in ("change", "delete"):
        assert root.post(f"{page}/{deed}/", {"post": "yes"}).status_code == 403
    assert root.get("/admin/axes/accesslog/").status_code == 200
    assert not any(model._meta.model_name == "accessfailurelog" for model in admin.site._registry)


def test_who_is_locked_out_is_let_in_again(root: Client) -> None:
    most = settings.AXES_FAILURE_LIMIT
    row = locked(user_agent="a", failures_since_start=most - 1)
    lists = "/admin/axes/accessattempt/"
    assert "locked after 1 more" in root.get(lists).content.decode()
    other = locked(user_agent="b", failures_since_start=1)
    assert root.get(lists).content.decode().count(">locked<") == 2
    root.post(lists, {"action": "let_in", "_selected_action": [row.pk, other.pk]})
    assert not AccessAttempt.objects.exists()
    with platform_scope("tests"):
        assert AuditEvent.objects.get(action="platform.sign_in.unlock").detail == {
            "account": "ann@acorn.test",
            "address": "192.0.2.7",
        }


@pytest.mark.parametrize(
    ("form", "rights"), [("membership", Role), ("apitoken", TokenScope)], ids=["role", "scope"]
)
def test_each_right_is_explained_where_it_is_given(
    tenant: Tenant, form: str, rights: type[Role] | type[TokenScope]
) -> None:
    client = Client()
    client.force_login(person(tenant, Role.OWNER))
    shown = html.unescape(client.get(f"/console/tenants/{form}/add/").content.decode())
    told = html.unescape(json.dumps(client.get("/v1/schema?format=json").json()))
    reference = html.unescape(client.get("/v1/docs").content.decode())
    assert "``" not in reference
    for right in rights:
        assert f"{right.label}: {right.may}" in shown
        assert f"{right.value}: {right.may}." in told
        assert f"{right.value}: {right.may}." in reference


def test_who_is_invited_reads_what_the_role_may(tenant: Tenant) -> None:
    body = {"email": "new@acorn.test", "role": "editor"}
    made = client_for(token_of(tenant)).post("/v1/users", body, content_type="application/json")
    page = Client().get(urlsplit(made.json()["invitation_link"]).path).content.decode()
    assert f"What this role may do: {Role.EDITOR.may}." in html.unescape(page)


def test_a_role_that_is_changed_is_explained(tenant: Tenant) -> None:
    client = Client()
    client.force_login(person(tenant, Role.OWNER))
    with platform_scope("tests"):
        member = Membership.objects.create(
            tenant=tenant, user=User.objects.create_user("new@acorn.test"), role=Role.EDITOR
        )
    page = f"/console/tenants/membership/{member.pk}/change/"
    assert f"Editor: {Role.EDITOR.may}" in html.unescape(client.get(page).content.decode())
    assert client.post(page, {"role": "viewer"}).status_code == 302
    with platform_scope("tests"):
        assert Membership.objects.get(pk=member.pk).role == Role.VIEWER
