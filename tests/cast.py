"""The cast: two tenants with people, bots and tokens of their own, and a stranger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.test import AsyncClient, Client
from django.utils import timezone

from minirag.api import limits
from tenants import jwt, tokens
from tenants.models import ApiToken, LoginSession, Membership, Role, Tenant, User
from tenants.scope import platform_scope, tenant_scope

PASSWORD = "correct horse battery staple"


@pytest.fixture
def tenant(db: None) -> Tenant:
    """Tenant A."""
    with platform_scope("tests"):
        made: Tenant = Tenant.objects.create(name="Acorn", slug="acorn")
        return made


@pytest.fixture
def other_tenant(db: None) -> Tenant:
    """Tenant B, whose objects must never be seen from A."""
    with platform_scope("tests"):
        made: Tenant = Tenant.objects.create(name="Birch", slug="birch")
        return made


@pytest.fixture
def in_tenant(tenant: Tenant) -> Iterator[Tenant]:
    """Tenant A with its scope open."""
    with tenant_scope(tenant.pk):
        yield tenant


def person(tenant: Tenant, role: str = Role.OWNER, email: str = "", **extra: Any) -> User:
    """A user with an accepted membership; the password is ``PASSWORD``."""
    user = User.objects.create_user(email or f"{role}@{tenant.slug}.test", PASSWORD, **extra)
    with platform_scope("tests"):
        Membership.objects.create(tenant=tenant, user=user, role=role, accepted_at=timezone.now())
    return user


def token_of(
    tenant: Tenant, scopes: Sequence[str] = ("admin", "chat"), *, by: User | None = None
) -> str:
    """The raw API token of ``tenant`` with ``scopes``."""
    raw = tokens.generate()
    with platform_scope("tests"):
        ApiToken.objects.create(
            tenant=tenant,
            name="+".join(scopes),
            scopes=list(scopes),
            digest=tokens.digest(raw),
            prefix=raw[: tokens.SHOWN_PREFIX],
            last_four=raw[-4:],
            created_by=by,
        )
    return raw


def jwt_of(user: User, tenant: Tenant) -> str:
    """An access token of a fresh login."""
    with platform_scope("tests"):
        session = LoginSession.objects.create(
            tenant=tenant, user=user, expires_at=timezone.now() + timedelta(days=7)
        )
    return jwt.issue(session).access


def client_for(token: str) -> Client:
    """An HTTP client that carries a Bearer credential."""
    return Client(headers={"authorization": f"Bearer {token}"}, raise_request_exception=False)


class BearerAsyncClient(AsyncClient):
    """Django's own keeps default headers for WSGI only."""

    def __init__(self, token: str) -> None:
        super().__init__(raise_request_exception=False)
        self._token = token

    def generic(self, *args: Any, headers: Any = None, **extra: Any) -> Any:
        carried = {"authorization": f"Bearer {self._token}", **(headers or {})}
        return super().generic(*args, headers=carried, **extra)


def async_client_for(token: str) -> AsyncClient:
    """The same over ASGI."""
    return BearerAsyncClient(token)


@pytest.fixture
def client_a(tenant: Tenant) -> Client:
    """A program of tenant A that may do everything."""
    return client_for(token_of(tenant))


@pytest.fixture
def client_b(other_tenant: Tenant) -> Client:
    """A program of tenant B that may do everything."""
    return client_for(token_of(other_tenant))


@pytest.fixture(autouse=True)
def _fresh_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test counts its requests from zero, in this process."""
    fresh = limits.MemoryCounter()
    monkeypatch.setattr(limits, "counter", lambda: fresh)


@pytest.fixture(autouse=True)
def _fast_passwords(settings: Any) -> None:
    """The slow hash is Django's business; one test of ours asks for it."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
