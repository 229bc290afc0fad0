"""Failures of other systems in chat (tests/incidents.md) for which no other test stood."""

from __future__ import annotations

import pytest
from asgiref.sync import sync_to_async

from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope
from tests.cast import token_of
from tests.chat.conftest import PARTS, House, build_house
from tests.chat.test_http import Api, body
from usage.models import UsageEvent, UsageKind

pytestmark = pytest.mark.usefixtures("quiet_end")


@sync_to_async
def twin(house: House) -> House:
    """Another tenant with the same text, the same bot and the same settings."""
    with platform_scope("tests"):
        tenant: Tenant = Tenant.objects.create(name="Birch", slug="birch")
    return build_house(tenant, house.store, PARTS)


@sync_to_async
def generations(house: House) -> int:
    with tenant_scope(house.tenant.pk):
        return UsageEvent.objects.filter(kind=UsageKind.GENERATION).count()


async def test_incident_034_one_tenants_answer_is_never_anothers(house: House) -> None:
    """Same question, same text: each is answered by a call of its own, and pays for its own."""
    other = await twin(house)
    for one, said in ((house, "For Acorn [1]."), (other, "For Birch [1]."), (house, "Anew [1].")):
        one.chat.enqueue(said)
        answer = await Api(await token(one)).post("/v1/chat", body(one))
        assert answer.json()["answer"] == said
    assert len(house.chat.history) == 3, "an answer came from somewhere else"
    assert (await generations(house), await generations(other)) == (2, 1)


@sync_to_async
def token(house: House) -> str:
    return token_of(house.tenant)
