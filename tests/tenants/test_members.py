"""ESC: nobody becomes more than they are, and one owner always stays."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client

from minirag.errors import Conflict
from tenants.context import system_context
from tenants.models import ApiToken, AuditEvent, Membership, Role, Tenant, User
from tenants.scope import platform_scope, tenant_scope
from tenants.services import change_role, remove_member
from tests.cast import PASSWORD, client_for, jwt_of, person, token_of

JSON = "application/json"


def member(user: User) -> Membership:
    with platform_scope("tests"):
        found: Membership = Membership.objects.get(user=user)
        return found


def test_roles_and_scopes_over_all_operations(tenant: Tenant) -> None:
    target = person(tenant, Role.VIEWER, "target@acorn.test")
    operations: list[tuple[str, str, Any, int]] = [
        ("get", "/v1/tenants/me", None, 1),
        ("patch", "/v1/tenants/me", {}, 3),
        ("get", "/v1/users", None, 3),
        ("get", f"/v1/users/{member(target).pk}", None, 3),
        ("patch", f"/v1/users/{member(target).pk}", {"role": "viewer"}, 3),
        ("get", "/v1/api-tokens", None, 3),
        ("post", "/v1/api-tokens", {"name": "n", "scopes": ["read"]}, 3),
        ("get", "/v1/audit-events", None, 3),
    ]
    people = {role: client_for(jwt_of(person(tenant, role), tenant)) for role in Role}
    programs = {1: ["read"], 2: ["write"], 3: ["admin"], 0: ["chat"]}
    for method, path, body, least in operations:
        for role, client in people.items():
            status = getattr(client, method)(path, body, content_type=JSON).status_code
            assert (status < 300) == (role.rank >= least), (method, path, role, status)
            assert status < 300 or status == 403
        for rank, scopes in programs.items():
            status = getattr(client_for(token_of(tenant, scopes)), method)(
                path, body, content_type=JSON
            ).status_code
            assert (status < 300) == (rank >= least), (method, path, scopes, status)


@pytest.mark.parametrize("scopes", [["read"], ["write"], ["admin"], ["chat"], ["admin", "chat"]])
def test_a_token_never_exceeds_its_creator(tenant: Tenant, scopes: list[str]) -> None:
    creator = client_for(token_of(tenant, ["admin"]))
    answer = creator.post("/v1/api-tokens", {"name": "n", "scopes": scopes}, content_type=JSON)
    assert answer.status_code == (403 if "chat" in scopes else 201), answer.content


@pytest.mark.parametrize(
    "body",
    [
        {"name": "n", "scopes": []},
        {"name": "n", "scopes": ["root"]},
        {"name": "n", "scopes": ["read", "read"]},
        {"name": "n", "scopes": "read"},
        {"name": "n", "scopes": None},
        {"name": "n", "scopes": [["read"]]},
        {"name": "n", "scopes": ["READ"]},
        {"name": "", "scopes": ["read"]},
        {"name": 5, "scopes": ["read"]},
        {"name": "x\x00y", "scopes": ["read"]},
        {"name": "\ud800", "scopes": ["read"]},
        {"name": "n" * 201, "scopes": ["read"]},
        {"name": "n", "scopes": ["read"], "expires_at": "2001-01-01T00:00:00Z"},
        {"name": "n", "scopes": ["read"], "expires_at": 5},
        {"name": "n", "scopes": ["read"], "tenant": "x"},
        {"name": "n", "scopes": ["read"], "tenant_id": "x"},
        {"name": "n", "scopes": ["read"], "digest": "0"},
        {"name": "n", "scopes": ["read"], "created_by_id": "x"},
        {"name": "n", "scopes": ["read"], "prefix": "mrag_"},
        {"scopes": ["read"]},
        {"name": "n"},
        {},
    ],
)
def test_bad_token_bodies_are_invalid_with_fields(client_a: Client, body: Any) -> None:
    answer = client_a.post("/v1/api-tokens", body, content_type=JSON)
    assert answer.status_code == 400, answer.content
    error = answer.json()["error"]
    assert error["code"] == "invalid" and error["fields"]
    with platform_scope("tests"):
        assert ApiToken.objects.count() == 1


def test_only_an_owner_touches_owners(tenant: Tenant) -> None:
    owner, admin = person(tenant), person(tenant, Role.ADMIN)
    second = member(person(tenant, Role.OWNER, "second@acorn.test"))
    viewer = member(person(tenant, Role.VIEWER))
    for client in (
        client_for(jwt_of(admin, tenant)),
        client_for(token_of(tenant)),
        client_for(token_of(tenant, by=owner)),
    ):

        def patch(row: Membership, role: str, client: Client = client) -> int:
            url = f"/v1/users/{row.pk}"
            return int(client.patch(url, {"role": role}, content_type=JSON).status_code)

        assert patch(second, "viewer") == patch(viewer, "owner") == 403
        assert client.delete(f"/v1/users/{second.pk}").status_code == 403
        invite = {"email": "x@acorn.test", "role": "owner"}
        assert client.post("/v1/users", invite, content_type=JSON).status_code == 403
        assert patch(viewer, "editor") == 200
    boss = client_for(jwt_of(owner, tenant))
    url = f"/v1/users/{second.pk}"
    assert boss.patch(url, {"role": "viewer"}, content_type=JSON).status_code == 200


def test_the_last_owner_stays(tenant: Tenant) -> None:
    owner = person(tenant)
    client, row = client_for(jwt_of(owner, tenant)), member(owner)
    patch = client.patch(f"/v1/users/{row.pk}", {"role": "admin"}, content_type=JSON)
    assert patch.status_code == 409
    assert client.delete(f"/v1/users/{row.pk}").status_code == 409
    assert member(owner).role == "owner"
    with platform_scope("tests"):
        refused = AuditEvent.objects.filter(outcome="conflict").values_list("action", flat=True)
        assert sorted(refused) == ["user.change", "user.remove"]


@pytest.mark.django_db(transaction=True)
def test_two_owners_cannot_leave_at_once() -> None:
    with platform_scope("tests"):
        tenant = Tenant.objects.create(name="Acorn", slug="acorn")
    rows = [member(person(tenant, Role.OWNER, f"{n}@acorn.test")) for n in range(4)]
    auth, start = system_context(tenant.pk, "tests"), threading.Barrier(4)
    outcomes: list[str] = []

    def leave(row: Membership, remove: bool) -> None:
        start.wait()
        try:
            with tenant_scope(tenant.pk):
                if remove:
                    remove_member(auth, row)
                else:
                    change_role(auth, row, Role.VIEWER)
            outcomes.append("left")
        except Conflict:
            outcomes.append("stays")
        except Exception as error:  # noqa: BLE001  (a thread's error has to be seen)
            outcomes.append(repr(error))
        finally:
            connection.close()

    threads = [
        threading.Thread(target=leave, args=(row, index % 2 == 0)) for index, row in enumerate(rows)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["left", "left", "left", "stays"]
    with platform_scope("tests"):
        assert Membership.objects.filter(role=Role.OWNER).count() == 1


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("role", [Role.OWNER, Role.EDITOR, None])
def test_changes_of_members_wait_for_each_other_at_the_tenant(role: Role | None) -> None:
    """Each locks several members: from the first lock on they go one after the other."""
    with platform_scope("tests"):
        tenant = Tenant.objects.create(name="Acorn", slug="acorn")
    person(tenant, Role.OWNER, "first@acorn.test")
    row, auth = member(person(tenant, Role.VIEWER, "p@acorn.test")), system_context(tenant.pk, "t")

    def change() -> None:
        try:
            with tenant_scope(tenant.pk), connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '200ms'")
                change_role(auth, row, role) if role else remove_member(auth, row)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with platform_scope("tests"), transaction.atomic():
            Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
            with pytest.raises(OperationalError, match="lock timeout"):
                pool.submit(change).result()
        pool.submit(change).result()


def test_foreign_and_random_members_and_tokens_answer_alike(
    tenant: Tenant, other_tenant: Tenant, client_a: Client
) -> None:
    foreign = member(person(other_tenant)).pk
    token_of(other_tenant)
    with platform_scope("tests"):
        foreign_token = ApiToken.objects.get(tenant=other_tenant).pk
    for path, known in (("users", foreign), ("api-tokens", foreign_token)):
        bodies = set()
        for pk in (
            known,
            "5f0c2a53-6a8e-4f8e-9a53-0e4fd0b7c111",
            "nonsense",
            "1",
            "%00",
            f"{known}x",
        ):
            answer = client_a.get(f"/v1/{path}/{pk}")
            assert answer.status_code == 404, (path, pk)
            error = answer.json()["error"]
            error.pop("request_id")
            bodies.add(str(error))
            assert client_a.delete(f"/v1/{path}/{pk}").status_code == 404
        assert len(bodies) == 1
    with platform_scope("tests"):
        assert ApiToken.objects.filter(pk=foreign_token, revoked_at=None).exists()
        assert Membership.objects.filter(pk=foreign).exists()


def test_an_invitation_from_link_to_login(tenant: Tenant, client_a: Client) -> None:
    body = {"email": "New@acorn.test", "role": "editor", "name": "Nell"}
    answer = client_a.post("/v1/users", body, content_type=JSON)
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["status"], made["email"], made["name"]) == ("invited", "new@acorn.test", "Nell")
    assert client_a.post("/v1/users", body, content_type=JSON).status_code == 409
    assert "invitation_link" not in client_a.get(f"/v1/users/{made['id']}").json()
    path = made["invitation_link"].removeprefix("http://127.0.0.1:8000")
    page = Client().get(path)
    assert page.status_code == 200 and b"new@acorn.test" in page.content
    assert "unsafe-inline" not in page["Content-Security-Policy"]
    assert Client().post(path, {"password": "short"}).status_code == 400
    browser = Client()
    assert browser.post(path, {"password": PASSWORD}).status_code == 302
    assert browser.get("/v1/auth/me").json()["role"] == "editor"
    assert Client().get(path).status_code == 404
    used = {"token": path.rsplit("/", 1)[1], "password": PASSWORD}
    again = Client().post("/v1/auth/accept-invitation", used, content_type=JSON)
    assert again.status_code == 404
    with platform_scope("tests"):
        assert Membership.objects.get(pk=made["id"]).invite_digest == ""


@pytest.mark.parametrize("token", ["", "x", None, [], {}, 0, "\x00", "a" * 101])
def test_no_null_token_is_an_invitation(tenant: Tenant, client_a: Client, token: Any) -> None:
    person(tenant)  # an accepted member, whose invitation digest is empty
    body = {"token": token, "password": PASSWORD}
    answer = Client().post("/v1/auth/accept-invitation", body, content_type=JSON)
    assert answer.status_code in (400, 404)


def test_a_link_does_not_take_over_an_account(
    tenant: Tenant, other_tenant: Tenant, client_b: Client
) -> None:
    person(tenant, email="p@acorn.test")
    body = {"email": "p@acorn.test", "role": "viewer"}
    link = client_b.post("/v1/users", body, content_type=JSON).json()["invitation_link"]
    token = link.rsplit("/", 1)[1]

    def accept(password: str) -> Any:
        return Client().post(
            "/v1/auth/accept-invitation", {"token": token, "password": password}, content_type=JSON
        )

    assert accept("another long password").json()["error"]["fields"].keys() == {"password"}
    assert accept(PASSWORD).status_code == 200
    login = {"email": "p@acorn.test", "password": PASSWORD, "tenant": "birch"}
    assert Client().post("/v1/auth/login", login, content_type=JSON).status_code == 200


def test_a_removed_invitation_leaves_nothing(tenant: Tenant, client_a: Client) -> None:
    body = {"email": "new@acorn.test", "role": "editor"}
    made = client_a.post("/v1/users", body, content_type=JSON).json()
    assert client_a.delete(f"/v1/users/{made['id']}").status_code == 204
    assert not User.objects.filter(email="new@acorn.test").exists()
    path = made["invitation_link"].removeprefix("http://127.0.0.1:8000")
    assert Client().get(path).status_code == 404
