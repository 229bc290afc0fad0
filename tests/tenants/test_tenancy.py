"""``/tenants``: bootstrap, the own tenant, its embedding settings."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from minirag.errors import Conflict
from minirag.types import Credentials
from tenants.context import system_context
from tenants.models import Tenant, User
from tenants.scope import platform_scope, tenant_scope
from tenants.services import set_embedding, tenancy
from tests.cast import PASSWORD, client_for, person, token_of

JSON = "application/json"
BOOTSTRAP = "bootstrap-token-0123456789-abcdefghijkl"


def create(client: Client, **body: Any) -> Any:
    return client.post("/v1/tenants", body, content_type=JSON)


@pytest.mark.django_db
def test_bootstrap_needs_its_token(settings: Any) -> None:
    settings.MINIRAG_BOOTSTRAP_TOKEN = BOOTSTRAP
    body = {"name": "Cedar", "email": "c@cedar.test"}
    assert create(Client(), **body).status_code == 401
    for wrong in (BOOTSTRAP[:-1], BOOTSTRAP + "x", "x"):
        assert create(client_for(wrong), **body).status_code == 401
    answer = create(client_for(BOOTSTRAP), **body)
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert made["tenant"]["slug"] == "cedar" and made["user"]["password"]
    assert client_for(made["api_token"]).get("/v1/tenants/me").json()["name"] == "Cedar"
    again = create(client_for(BOOTSTRAP), **body).json()
    assert again["user"]["password"] is None
    assert again["tenant"]["slug"] != "cedar"
    assert create(client_for(BOOTSTRAP), name="x").json()["error"]["fields"].keys() == {"email"}


@pytest.mark.django_db
def test_a_repeated_request_makes_one_tenant(settings: Any) -> None:
    settings.MINIRAG_BOOTSTRAP_TOKEN, settings.MINIRAG_OPEN_SIGNUP = BOOTSTRAP, True
    body = {"name": "Cedar", "email": "c@cedar.test"}
    client = client_for(BOOTSTRAP)
    headers = {"idempotency-key": "k-1"}
    first = client.post("/v1/tenants", body, content_type=JSON, headers=headers)
    again = client.post("/v1/tenants", body, content_type=JSON, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["tenant"] == first.json()["tenant"]
    assert "api_token" not in again.json() and "password" not in again.json()["user"]
    other = {**body, "name": "Oak"}
    mismatch = client.post("/v1/tenants", other, content_type=JSON, headers=headers)
    assert mismatch.json()["error"]["code"] == "idempotency_mismatch"
    stranger = {"name": "Oak", "email": "o@oak.test"}
    signed_up = Client().post("/v1/tenants", stranger, content_type=JSON, headers=headers)
    assert signed_up.status_code == 201
    with platform_scope("tests"):
        assert Tenant.objects.count() == 2


def test_of_sign_ups_at_once_one_makes_the_account(
    settings: Any, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look finds neither the account nor the slug that the other request is just writing."""
    settings.MINIRAG_OPEN_SIGNUP = True
    person(tenant, email="twin@acorn.test")
    slugs, look = iter(["acorn", "acorn", "acorn-2"]), User.objects.filter
    monkeypatch.setattr(tenancy, "_free_slug", lambda name: next(slugs))
    assert create(Client(), name="Acorn", email="new@acorn.test").json()["tenant"]["slug"] == (
        "acorn-2"
    )
    blind = [True]
    monkeypatch.setattr(
        User.objects,
        "filter",
        lambda **by: User.objects.none() if blind and blind.pop() else look(**by),
    )
    assert create(Client(), name="Twin", email="twin@acorn.test").status_code == 409
    blind.append(True)
    invited = client_for(token_of(tenant)).post(
        "/v1/users", {"email": "twin@acorn.test", "role": "viewer"}, content_type=JSON
    )
    assert invited.status_code == 409


@pytest.mark.django_db
def test_of_the_same_request_twice_at_once_one_makes_the_tenant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The look finds no tenant of this id; the other request writes it before this one does."""
    wanted = {"name": "Cedar", "email": "c@cedar.test", "actor": "t", "tenant_id": uuid4()}
    free = tenancy._free_slug

    def then_taken(name: str) -> str:
        slug = free(name)
        Tenant.objects.get_or_create(pk=wanted["tenant_id"], defaults={"name": "C", "slug": slug})
        return slug

    monkeypatch.setattr(tenancy, "_free_slug", then_taken)
    with pytest.raises(Conflict, match="being made already"):
        tenancy.create_tenant(**wanted)  # type: ignore[arg-type]


@pytest.mark.django_db
def test_an_empty_bootstrap_token_opens_nothing(settings: Any) -> None:
    settings.MINIRAG_BOOTSTRAP_TOKEN = ""
    body = {"name": "Cedar", "email": "c@cedar.test"}
    assert create(Client(), **body).status_code == 401
    assert create(Client(headers={"authorization": "Bearer "}), **body).status_code == 401


def test_open_sign_up(settings: Any, tenant: Tenant) -> None:
    settings.MINIRAG_OPEN_SIGNUP = True
    person(tenant, email="p@acorn.test")
    assert create(Client(), name="Cedar", email="c@cedar.test").status_code == 201
    refused = create(Client(), name="Mine", email=" P@acorn.test")
    assert refused.status_code == 409 and set(refused.json()["error"]) == {
        "code", "message", "request_id",
    }  # fmt: skip
    login = {"email": "p@acorn.test", "password": PASSWORD}  # still of one tenant: none to choose
    assert Client().post("/v1/auth/login", login, content_type=JSON).status_code == 200
    assert create(client_for("wrong"), name="Oak", email="o@oak.test").status_code == 401
    with platform_scope("tests"):
        assert Tenant.objects.filter(name="Mine").count() == 0


def test_the_own_tenant(client_a: Client, client_b: Client) -> None:
    shown = client_a.get("/v1/tenants/me").json()
    assert shown["name"] == "Acorn" and shown["embedding_model"] == "local/minilm-l6-v2"
    assert shown["index"] == {
        "model": "local/minilm-l6-v2",
        "dimensions": None,
        "state": "ready",
        "progress": None,
    }
    assert shown["limits"] == {"documents": None, "bytes": None, "monthly_cost_usd": None}
    renamed = client_a.patch("/v1/tenants/me", {"name": "Oak"}, content_type=JSON)
    assert renamed.json()["name"] == "Oak"
    assert client_b.get("/v1/tenants/me").json()["name"] == "Birch"


@pytest.mark.parametrize(
    "field", ["id", "slug", "limits", "max_documents", "suspended_at", "index"]
)
def test_what_the_platform_sets_is_not_writable(client_a: Client, field: str) -> None:
    answer = client_a.patch("/v1/tenants/me", {field: "x"}, content_type=JSON)
    assert answer.json()["error"]["fields"].keys() == {field}


def test_embedding_credentials_are_write_only(client_a: Client, tenant: Tenant) -> None:
    key = "sk-canary-0123456789abcdef"
    body = {
        "embedding_model": "openai/text-embedding-3-small",
        "embedding_credentials": {"api_key": key},
    }
    answer = client_a.patch("/v1/tenants/me", body, content_type=JSON)
    assert answer.status_code == 200, answer.content
    assert answer.json()["embedding_credentials_set"] is True
    assert answer.json()["embedding_credentials_hint"] == "cdef"
    events = client_a.get("/v1/audit-events").content.decode()
    assert "tenant.update" in events
    for text in (answer.content.decode(), client_a.get("/v1/tenants/me").content.decode(), events):
        assert "canary" not in text
    cleared = client_a.patch(
        "/v1/tenants/me", {"embedding_credentials": None}, content_type=JSON
    ).json()
    assert cleared["embedding_credentials_set"] is False


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"embedding_model": "local/nothing"}, "embedding_model"),
        ({"embedding_model": "no such thing"}, "embedding_model"),
        ({"embedding_credentials": {"api_key": "x"}}, "embedding_credentials"),
        ({"embedding_credentials": "x"}, "embedding_credentials"),
        (
            {
                "embedding_model": "openai/text-embedding-3-small",
                "embedding_credentials": {"aws_sts_endpoint": "http://x"},
            },
            "embedding_credentials",
        ),
    ],
)
def test_bad_embedding_settings(client_a: Client, body: Any, field: str) -> None:
    answer = client_a.patch("/v1/tenants/me", body, content_type=JSON)
    assert answer.status_code == 400
    assert answer.json()["error"]["fields"].keys() == {field}
    assert client_a.get("/v1/tenants/me").json()["embedding_model"] == "local/minilm-l6-v2"


def test_the_model_stays_once_there_are_chunks(tenant: Tenant) -> None:
    auth = system_context(tenant.pk, "tests")
    with tenant_scope(tenant.pk):
        set_embedding(
            auth, tenant, model=tenant.embedding_model, credentials=Credentials(), has_chunks=True
        )
        with pytest.raises(Conflict):
            set_embedding(
                auth,
                tenant,
                model="openai/text-embedding-3-small",
                credentials=Credentials(),
                has_chunks=True,
            )


@pytest.mark.parametrize(
    "base", ["http://127.0.0.1:5432", "http://169.254.169.254/", "http://[::1]/"]
)
def test_a_base_that_may_not_be_called_is_refused_when_it_is_given(
    client_a: Client, tenant: Tenant, base: str
) -> None:
    body = {
        "embedding_model": "openai/text-embedding-3-small",
        "embedding_credentials": {"api_key": "sk-1234567890", "api_base": base},
    }
    answer = client_a.patch("/v1/tenants/me", body, content_type=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "address_refused")
    assert client_a.get("/v1/tenants/me").json()["embedding_credentials_set"] is False


def test_a_key_does_not_travel_to_another_provider(client_a: Client) -> None:
    body: dict[str, Any] = {
        "embedding_model": "openai/text-embedding-3-small",
        "embedding_credentials": {"api_key": "sk-1234567890"},
    }
    assert client_a.patch("/v1/tenants/me", body, content_type=JSON).status_code == 200
    alone = {"embedding_model": "voyage/voyage-3"}
    answer = client_a.patch("/v1/tenants/me", alone, content_type=JSON)
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == ["embedding_credentials"]
    both = alone | {"embedding_credentials": None}
    assert client_a.patch("/v1/tenants/me", both, content_type=JSON).status_code == 200
    home = {"embedding_model": "local/minilm-l6-v2"}
    assert client_a.patch("/v1/tenants/me", home, content_type=JSON).status_code == 200
