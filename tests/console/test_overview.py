"""The overview's figures lead to lists of just what they count, and zeros to what comes next."""

from __future__ import annotations

import html
import re

import pytest
from django.test import Client

from bots.models import BotProfile
from chat.models import Chat
from ingestion.models import IngestJob, JobState
from sources.models import DocumentStatus
from tenants.models import Role, Tenant
from tenants.scope import tenant_scope
from tests.cast import person
from tests.sources.rows import make_document, make_source


def as_role(tenant: Tenant, role: str) -> Client:
    client = Client()
    client.force_login(person(tenant, role))
    return client


def told(client: Client, name: str) -> list[tuple[str, str]]:
    """Addresses and words of a list on the first page."""
    shown = client.get("/console/").content.decode()
    found = re.search(rf'<ul class="{name}".*?</ul>', shown, re.S)
    assert found
    links = re.findall(r'href="([^"]+)">([^<]+)<', found[0])
    return [(html.unescape(address), words) for address, words in links]


def listed(client: Client, address: str) -> int:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode().count('class="action-select"') or len(
        re.findall(r"<tr><t[hd]", answer.content.decode())
    )


def test_each_figure_leads_to_what_it_counts(tenant: Tenant) -> None:
    with tenant_scope(tenant.pk):
        source = make_source(tenant)
        make_source(tenant)
        make_document(source)
        make_document(source, status=DocumentStatus.FAILED)
        for number in range(52):
            bot = BotProfile.objects.create(tenant=tenant, name="Bot", slug=f"bot-{number}")
        for _ in range(3):
            Chat.objects.create(tenant=tenant, bot=bot)
        for state in (JobState.QUEUED, JobState.SUCCEEDED, JobState.RUNNING):
            source = make_source(tenant)
            IngestJob.objects.create(tenant=tenant, source_id=source.pk, state=state)
    client = as_role(tenant, Role.OWNER)
    figures = told(client, "figures-of") + [
        line for line in told(client, "attention") if "ingestjob" in line[0]
    ]
    counts = {words: int(words.split()[0]) for _, words in figures}
    assert list(counts.values()) == [5, 1, 52, 3, 2]
    for address, words in figures:
        assert listed(client, address) == min(counts[words], 50), words


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
def test_nothing_says_what_comes_next_to_who_may_do_it(tenant: Tenant, role: str) -> None:
    words = [words for _, words in told(as_role(tenant, role), "figures-of")]
    if role == Role.VIEWER:
        assert words == ["0 sources", "0 documents read", "0 bots", "0 chats"]
    else:
        assert words[0] == "No sources yet: add one" and "ask something" in words[3]
