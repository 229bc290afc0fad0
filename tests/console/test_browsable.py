"""The API's pages for people: our own version, the right form, none where there is nothing."""

from __future__ import annotations

import re
import uuid

import pytest
from django.test import Client

from minirag import __version__
from minirag.api.renderers import with_code
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.cast import person
from tests.sources.rows import make_source


@pytest.fixture
def browser(tenant: Tenant) -> Client:
    client = Client(headers={"accept": "text/html"})
    client.force_login(person(tenant))
    return client


def test_the_version_is_ours(browser: Client) -> None:
    assert f"MiniRAG {__version__} ·" in browser.get("/v1/sources").content.decode()


def test_nothing_is_offered_for_what_does_not_exist(browser: Client) -> None:
    answer = browser.get(f"/v1/sources/{uuid.uuid4()}")
    assert answer.status_code == 404
    assert b'data-method="PATCH"' not in answer.content
    assert b'data-method="DELETE"' not in answer.content


def test_an_upload_is_a_choice_of_files(browser: Client, tenant: Tenant) -> None:
    with tenant_scope(tenant.pk):
        source = make_source(tenant, type="file", content="")
    shown = browser.get(f"/v1/sources/{source.pk}/upload").content.decode()
    assert '<input type="file" name="file" id="id_file" multiple required>' in shown
    assert "This address takes POST only: use the form below." in shown


def test_an_input_of_a_form_that_is_left_empty_is_none(browser: Client) -> None:
    """Of a bot and sources one is named; the form always holds the input of the bot."""
    answer = browser.post("/v1/search", {"query": "Who?", "bot_profile_id": ""})
    assert answer.status_code == 400
    assert "Give either bot_profile_id or source_ids." in answer.content.decode()


def test_descriptions_are_text_with_code() -> None:
    shown = with_code("A ``file`` with <b>.\nOne paragraph.\n\nAnother `one`.")
    assert shown == (
        "<p>A <code>file</code> with &lt;b&gt;. One paragraph.</p><p>Another <code>one</code>.</p>"
    )


@pytest.mark.parametrize("path", ["chat", "search", "users", "auth/login", "api-tokens"])
def test_each_input_of_a_form_has_its_label(browser: Client, path: str) -> None:
    shown = browser.get(f"/v1/{path}").content.decode()
    form = shown.partition("POST, as a form")[2].partition("</form>")[0]
    inputs = set(re.findall(r'<(?:input|textarea|select)[^>]* id="([^"]+)"', form))
    labels = set(re.findall(r'<label for="([^"]+)"', form))
    assert inputs == labels
    assert len(re.findall(r"<(?:input|textarea|select)(?![^>]*hidden)", form)) == len(inputs)
    assert inputs or path in ("search", "api-tokens")
