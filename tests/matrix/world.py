"""Two furnished tenants and everybody who might knock: committed once for a module of cases.

Every text of tenant B carries a canary, so that any answer to A that holds one is a leak.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from django.apps import apps
from django.db import models
from django.test import Client
from django.utils import timezone

from bots.models import BotProfile
from tenants import widget_tokens
from tenants.models import ApiToken, Tenant, User
from tenants.scope import platform_scope
from tests.cast import client_for, jwt_of, token_of
from tests.matrix.rows import MAKERS, ORIGIN, Side, build_side

OURS = ("tenants", "sources", "usage", "bots", "ingestion", "chat")


def shapes_of(canary: str) -> list[bytes]:
    """How a canary could leave the house: raw, escaped, and as base64 at each offset."""
    found = {canary, quote(canary, safe=""), json.dumps(canary)[1:-1], canary.lower()}
    whole = [one.encode() for one in found]
    for shift in range(3):
        coded = base64.b64encode(b"_" * shift + canary.encode())
        whole += [coded[4:-4], base64.urlsafe_b64encode(b"_" * shift + canary.encode())[4:-4]]
    return whole


@dataclass(eq=False)
class World:
    """A acts, B is the victim; C is suspended."""

    a: Side
    b: Side
    c: Side
    clients: dict[str, Client]

    def fresh(self, name: str) -> str:
        """A new row of A, to be changed or deleted by one case."""
        with self.a.scope():
            return MAKERS[name](self.a)

    def leaks(self, content: bytes) -> list[str]:
        return [side.canary for side in (self.b, self.c) if self._holds(side, content)]

    @staticmethod
    def _holds(side: Side, content: bytes) -> bool:
        return any(shape in content for shape in shapes_of(side.canary))


def _session(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def _widget(side: Side) -> str:
    bot_id = uuid.UUID(side.live["bot_profile_id"])
    return widget_tokens.issue(bot_id, side.tenant.pk, uuid.uuid4(), ORIGIN)[0]


def build_world() -> World:
    a, b, c = build_side("acorn"), build_side("birch"), build_side("cedar")
    clients = {
        "own full token": client_for(token_of(a.tenant)),
        "own read token": client_for(token_of(a.tenant, ("read",))),
        "own jwt": client_for(jwt_of(a.owner, a.tenant)),
        "own session": _session(a.owner),
        "own widget": client_for(_widget(a)),
        "other full token": client_for(token_of(b.tenant)),
        "other jwt": client_for(jwt_of(b.owner, b.tenant)),
        "other session": _session(b.owner),
        "other widget": client_for(_widget(b)),
        **{name: client_for(raw) for name, raw in refused(a, c).items()},
        "superuser session": _session(User.objects.create_superuser("root@x.test", "x")),
        "suspended session": _session(c.owner),
        "nobody": Client(raise_request_exception=False),
    }
    with platform_scope("tests"):
        Tenant.objects.filter(pk=c.tenant.pk).update(suspended_at=timezone.now())
    return World(a, b, c, clients)


def refused(a: Side, suspended: Side) -> dict[str, str]:
    """Bearer credentials that are nobody's (any more)."""
    good = token_of(a.tenant)
    revoked, expired = token_of(a.tenant), token_of(a.tenant)
    now = timezone.now()
    with platform_scope("tests"):
        for raw, change in ((revoked, "revoked_at"), (expired, "expires_at")):
            digest = hashlib.sha256(raw.encode()).hexdigest()
            ApiToken.objects.filter(digest=digest).update(**{change: now - timedelta(seconds=1)})
        public_id = BotProfile.objects.get(pk=a.live["bot_profile_id"]).widget_public_id
    jwt = jwt_of(a.owner, a.tenant)
    return {
        "revoked token": revoked,
        "expired token": expired,
        "suspended token": token_of(suspended.tenant),
        "suspended jwt": jwt_of(suspended.owner, suspended.tenant),
        "suspended widget": _widget(suspended),
        "widget public key": public_id,
        "hostile: cut token": good[:-1],
        "hostile: other case": good.swapcase(),
        "hostile: digest": hashlib.sha256(good.encode()).hexdigest(),
        "hostile: two": f"{good} {good}",
        "hostile: jwt of none": jwt.rsplit(".", 1)[0] + ".",
        "hostile: jwt header": "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + jwt.split(".", 1)[1],
        "hostile: sql": "' OR 1=1 --",
        "hostile: long": "a" * 5000,
    }


def digest_of(tenant: Tenant) -> str:
    """Of every row of a tenant, to be sure that nobody touched one."""
    found = hashlib.sha256()
    with platform_scope("tests"):
        for model in apps.get_models():
            if model._meta.app_label in OURS and _owner(model):
                rows = model._base_manager.filter(**{_owner(model): tenant.pk}).order_by("pk")
                for row in rows.values_list():
                    found.update(repr((model._meta.label, _comparable(model, row))).encode())
    return found.hexdigest()


def _owner(model: type[models.Model]) -> str:
    if model is Tenant:
        return "pk"
    names = {one.attname for one in model._meta.concrete_fields}
    return "tenant_id" if "tenant_id" in names else ""


def _comparable(model: type[models.Model], row: Any) -> list[Any]:
    """Without the note of a token's last use."""
    named = zip((one.attname for one in model._meta.concrete_fields), row, strict=True)
    return [value for name, value in named if name != "last_used_at"]
