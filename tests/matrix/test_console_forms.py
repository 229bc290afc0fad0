"""The forms of both sites filled in for real: a bot, files and their ingest, a token, a guest."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from bots.models import BotProfile
from ingestion.models import IngestJob
from sources.models import Document, Source
from sources.options import password_of
from tenants.models import ApiToken, Membership
from tests.matrix.test_console import bot_form, browser, path
from tests.matrix.world import World


@pytest.fixture(params=["console", "admin"])
def site(request: pytest.FixtureRequest, world: World) -> tuple[str, Client, Any]:
    """Site, browser, and what a form names the tenant by."""
    if request.param == "console":
        return "console", browser(world.a.owner), {}
    return "admin", world.clients["superuser session"], {"tenant": str(world.a.tenant.pk)}


def test_making_a_bot(site: tuple[str, Client, Any], world: World) -> None:
    name, client, extra = site
    answer = client.post(path(BotProfile, name) + "add/", bot_form(f"Bot of {name}") | extra)
    assert answer.status_code == 302, answer.content.decode()[:3000]
    with world.a.scope():
        assert BotProfile.objects.filter(name=f"Bot of {name}").count() == 1


def test_making_a_source_and_ingesting_it(site: tuple[str, Client, Any], world: World) -> None:
    name, client, extra = site
    file = SimpleUploadedFile("guide.md", b"# Guide\n\nVans are washed on Fridays.")
    form = {"name": f"Files of {name}", "type": "file", "metadata": "{}", "uploads": file}
    formset = {"documents-TOTAL_FORMS": "0", "documents-INITIAL_FORMS": "0"}
    answer = client.post(path(Source, name) + "add/", form | formset | extra)
    assert answer.status_code == 302, answer.content.decode()[:3000]
    with world.a.scope():
        source = Source.objects.get(name=f"Files of {name}")
        assert Document.objects.get(source=source).key == "guide.md"
        assert not IngestJob.objects.filter(source_id=source.pk).exists()
    action = {"action": "ingest_now", "_selected_action": [str(source.pk)], "index": "0"}
    assert client.post(path(Source, name), action).status_code == 302
    with world.a.scope():
        job = IngestJob.objects.get(source_id=source.pk)
    shown = client.get(path(IngestJob, name)).content.decode()
    assert str(job.pk) in shown and "queued" in shown


def test_making_and_changing_a_crawl(site: tuple[str, Client, Any], world: World) -> None:
    name, client, extra = site
    formset = {"documents-TOTAL_FORMS": "0", "documents-INITIAL_FORMS": "0"}
    form = {
        "name": f"Site of {name}", "type": "crawl", "url": "https://example.com/",
        "refresh": "daily", "metadata": "{}",
        "option_include": "/docs/*\n\n *.pdf ", "option_depth": "99",
        "option_max_pages": "", "option_keep": "on", "option_password": " open sesame",
    }  # fmt: skip
    refused = client.post(path(Source, name) + "add/", form | formset | extra).content.decode()
    assert "From 0 to 10." in refused and "open sesame" not in refused
    answer = client.post(
        path(Source, name) + "add/", form | formset | extra | {"option_depth": "2"}
    )
    assert answer.status_code == 302, answer.content.decode()[:3000]
    with world.a.scope():
        source = Source.objects.get(name=f"Site of {name}")
        assert source.options == {"include": ["/docs/*", "*.pdf"], "depth": 2, "prune": False}
        assert password_of(source) == " open sesame" and source.refresh == "daily"
    page = path(Source, name) + f"{source.pk}/change/"
    shown = client.get(page).content.decode()
    assert "open sesame" not in shown and "Forget the password" in shown
    # What stands on the form goes back as it is; emptied is the default again.
    again = {
        "name": source.name, "url": source.url, "refresh": "off", "metadata": "{}",
        "option_include": "", "option_depth": "2", "option_max_pages": "500",
        "option_clear_password": "on",
    }  # fmt: skip
    answer = client.post(page, again | formset)
    assert answer.status_code == 302, answer.content.decode()[:3000]
    with world.a.scope():
        source = Source.objects.get(pk=source.pk)
        assert source.options == {"depth": 2} and password_of(source) == ""
        assert (source.refresh, source.next_refresh_at) == ("off", None)
        assert not IngestJob.objects.filter(source_id=source.pk).exists()


def test_making_a_token_that_works(site: tuple[str, Client, Any], world: World) -> None:
    name, client, extra = site
    form = {"name": f"Token of {name}", "scopes": ["read"]} | extra
    answer = client.post(path(ApiToken, name) + "add/", form)
    assert answer.status_code == 200 and "no-store" in answer["Cache-Control"]
    raw = re.search(r"mrag_\w+", answer.content.decode())
    assert raw
    program = Client(headers={"authorization": f"Bearer {raw[0]}"})
    assert program.get("/v1/tenants/me").json()["id"] == str(world.a.tenant.pk)
    assert raw[0] not in client.get(path(ApiToken, name)).content.decode()


def test_inviting_a_person(site: tuple[str, Client, Any], world: World) -> None:
    name, client, extra = site
    form = {"email": f"{name}-guest@x.test", "role": "viewer"} | extra
    answer = client.post(path(Membership, name) + "add/", form)
    assert answer.status_code == 200 and "/console/invitation/" in answer.content.decode()
