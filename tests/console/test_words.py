"""What the console says to people: where to begin, what an empty list is for, what a job is at."""

from __future__ import annotations

import html
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from bots.models import BotProfile
from chat.models import Chat
from ingestion.models import BuildState, IndexBuild, IngestJob, JobState
from sources.models import Document, Source, SourceStatus
from tenants.models import Role, Tenant
from tenants.scope import tenant_scope
from tests.cast import person
from tests.sources.rows import make_document, make_source

UNREAD = {"code": "unreadable_source", "message": "The page answered with status 404."}


@pytest.fixture
def console(tenant: Tenant) -> Client:
    return as_role(tenant, Role.OWNER)


def as_role(tenant: Tenant, role: str) -> Client:
    client = Client()
    client.force_login(person(tenant, role))
    return client


def page(client: Client, path: str = "") -> str:
    answer = client.get(f"/console/{path}")
    assert answer.status_code == 200, path
    return answer.content.decode()


def make_job(tenant: Tenant, source_id: UUID | None, **values: Any) -> IngestJob:
    with tenant_scope(tenant.pk):
        made: IngestJob = IngestJob.objects.create(tenant=tenant, source_id=source_id, **values)
        return made


def test_an_empty_tenant_is_led_to_its_first_answer(console: Client, tenant: Tenant) -> None:
    first = page(console)
    assert "Getting started" in first and 'href="/console/sources/source/add/"' in first
    with tenant_scope(tenant.pk):
        make_source(tenant, status=SourceStatus.READY)
        bot = BotProfile.objects.create(tenant=tenant, name="Bot", slug="bot", widget_enabled=True)
    assert f'href="/chat/{bot.widget_public_id}/"' in page(console)
    with tenant_scope(tenant.pk):
        Chat.objects.create(tenant=tenant, bot=bot)
    assert "Getting started" not in page(console)


def test_who_may_only_look_is_not_told_to_make_things(console: Client, tenant: Tenant) -> None:
    assert "Getting started" not in page(as_role(tenant, Role.VIEWER))


def test_the_overview_names_what_needs_a_look(
    console: Client, tenant: Tenant, other_tenant: Tenant
) -> None:
    with tenant_scope(tenant.pk):
        source = make_source(tenant, status=SourceStatus.FAILED, error=UNREAD)
        make_source(tenant, status=SourceStatus.PARTIAL)
    with tenant_scope(other_tenant.pk):
        make_source(other_tenant, status=SourceStatus.FAILED)
    make_job(tenant, source.pk)
    shown = page(console)
    assert "1 source could not be read" in shown and "1 source could be read in part only" in shown
    assert "1 job is waiting or running" in shown and "2 sources" in shown


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("sources/source/", "No sources yet."),
        ("sources/document/", "No documents yet."),
        ("bots/botprofile/", "No bots yet."),
        ("ingestion/ingestjob/", "No jobs yet."),
        ("ingestion/indexbuild/", "first index"),
        ("ingestion/indexcheck/", "Not checked yet."),
        ("chat/chat/", "No chats yet."),
        ("usage/usageevent/", "Nothing used yet."),
        ("tenants/apitoken/", "No tokens yet."),
    ],
)
def test_an_empty_list_says_what_to_do(console: Client, path: str, words: str) -> None:
    assert words in page(console, path)


def test_a_search_without_a_hit_leads_back(console: Client, tenant: Tenant) -> None:
    with tenant_scope(tenant.pk):
        make_source(tenant)
    shown = page(console, "sources/source/?q=zzz")
    assert "Nothing matches." in shown and "No sources yet." not in shown


def test_a_job_says_whose_it_is_and_what_went_wrong(console: Client, tenant: Tenant) -> None:
    with tenant_scope(tenant.pk):
        source = make_source(tenant, name="Price list")
    failed = {"state": JobState.FAILED, "error": UNREAD, "stage": "load"}
    job = make_job(tenant, source.pk, **failed)
    listed = page(console, "ingestion/ingestjob/")
    assert "Price list" in listed and UNREAD["message"] in listed
    detail = page(console, f"ingestion/ingestjob/{job.pk}/change/")
    assert "Try again" in detail and "Cancel the job" not in detail
    answer = console.post(f"/console/ingestion/ingestjob/{job.pk}/retry/")
    assert answer.status_code == 302
    with tenant_scope(tenant.pk):
        waiting = IngestJob.objects.get(source_id=source.pk, state=JobState.QUEUED)
    assert "Cancel the job" in page(console, f"ingestion/ingestjob/{waiting.pk}/change/")
    console.post(f"/console/ingestion/ingestjob/{waiting.pk}/cancel/")
    with tenant_scope(tenant.pk):
        assert IngestJob.objects.get(pk=waiting.pk).state == JobState.CANCELLED


def test_the_buttons_of_a_job_ask_for_the_right_and_the_tenant(
    console: Client, tenant: Tenant, other_tenant: Tenant
) -> None:
    with tenant_scope(tenant.pk):
        source = make_source(tenant)
    job = make_job(tenant, source.pk)
    path = f"/console/ingestion/ingestjob/{job.pk}/cancel/"
    viewer = as_role(tenant, Role.VIEWER)
    assert "Cancel the job" not in page(viewer, f"ingestion/ingestjob/{job.pk}/change/")
    assert viewer.post(path).status_code == 403
    assert as_role(other_tenant, Role.OWNER).post(path).status_code == 404
    assert console.get(path).status_code == 405
    with tenant_scope(tenant.pk):
        assert IngestJob.objects.get(pk=job.pk).state == JobState.QUEUED


def test_a_source_shows_its_documents_with_links(console: Client, tenant: Tenant) -> None:
    with tenant_scope(tenant.pk):
        source: Source = make_source(tenant)
        document = make_document(source, key="guide.md")
    shown = page(console, f"sources/source/{source.pk}/change/")
    assert f'<a href="/console/sources/document/{document.pk}/change/">guide.md</a>' in shown
    jobs = f"/console/ingestion/ingestjob/?source_id__exact={source.pk}"
    assert jobs in shown and console.get(jobs).status_code == 200
    add = page(console, "sources/source/add/")
    assert "documents-TOTAL_FORMS" not in add and "Files, zip archives too" in add


def test_a_bot_takes_lines_where_it_has_lists(console: Client, tenant: Tenant) -> None:
    form = {
        "name": "Lines", "slug": "", "model": "local/extractive", "is_active": "on", "top_k": "5",
        "query_rewrite": "auto", "refusal_message": "No.", "widget_theme": "auto",
        "suggested_questions": "Why?\n\n How? ", "widget_daily_message_limit": "10",
        "widget_allowed_origins": "https://a.example",
    }  # fmt: skip
    assert console.post("/console/bots/botprofile/add/", form).status_code == 302
    with tenant_scope(tenant.pk):
        bot = BotProfile.objects.get(name="Lines")
    assert bot.suggested_questions == ["Why?", "How?"]
    assert bot.widget_allowed_origins == ["https://a.example"]
    shown = page(console, f"bots/botprofile/{bot.pk}/change/")
    assert "Why?\nHow?" in shown and "[&quot;Why" not in shown


def test_a_deletion_says_what_goes_with_it(console: Client, tenant: Tenant) -> None:
    with tenant_scope(tenant.pk):
        source = make_source(tenant)
    assert "goes with its documents" in page(console, f"sources/source/{source.pk}/delete/")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
def test_who_may_not_change_a_row_may_still_read_it(tenant: Tenant, role: str) -> None:
    client = as_role(tenant, role)
    with tenant_scope(tenant.pk):
        source = make_source(tenant)
        bot = BotProfile.objects.create(tenant=tenant, name="Bot", slug="bot")
    for path in (
        f"sources/source/{source.pk}/",
        f"bots/botprofile/{bot.pk}/",
        f"tenants/tenant/{tenant.pk}/",
    ):
        shown = page(client, f"{path}change/")
        assert "api_key" not in shown


def test_only_who_may_read_the_audit_sees_the_way_to_it(console: Client, tenant: Tenant) -> None:
    with tenant_scope(tenant.pk):
        source = make_source(tenant)
    path = f"sources/source/{source.pk}/change/"
    assert "historylink" in page(console, path)
    assert "historylink" not in page(as_role(tenant, Role.VIEWER), path)


def test_a_bot_that_cannot_answer_is_said_to_be_one(console: Client, tenant: Tenant) -> None:
    form = {
        "name": "Mute", "slug": "", "model": "openai/gpt-4o-mini", "is_active": "on", "top_k": "5",
        "query_rewrite": "auto", "refusal_message": "No.", "widget_theme": "auto",
        "widget_daily_message_limit": "10",
    }  # fmt: skip
    saved = console.post("/console/bots/botprofile/add/", form, follow=True).content.decode()
    assert "Mute cannot answer yet. It has no source" in saved
    assert "Its model needs an API key." in saved
    assert "Mute cannot answer yet." in page(console)
    with tenant_scope(tenant.pk):
        BotProfile.objects.update(is_active=False)
    assert "cannot answer yet" not in page(console)


def test_an_index_that_could_not_be_built_is_said(console: Client, tenant: Tenant) -> None:
    error = {"code": "provider_misconfigured", "message": "This model needs an api_key."}
    with tenant_scope(tenant.pk):
        IndexBuild.objects.create(
            tenant=tenant, model="openai/x", state=BuildState.FAILED, error=error
        )
    assert "No index for openai/x could be built" in page(console)
    with tenant_scope(tenant.pk):
        IndexBuild.objects.update(updated_at=timezone.now() - timedelta(days=8))
    assert "could be built" not in page(console)


def test_a_model_without_its_key_is_said_when_it_is_chosen(console: Client, tenant: Tenant) -> None:
    form = {"name": tenant.name, "embedding_model": "openai/text-embedding-3-small"}
    path = f"/console/tenants/tenant/{tenant.pk}/change/"
    saved = console.post(path, form, follow=True).content.decode()
    assert "needs an API key: until it has one" in saved
    wrong = console.post(path, form | {"embedding_model": "foo"}).content.decode()
    assert "such as openai/text-embedding-3-small" in wrong


def test_an_empty_file_fails_alone(console: Client, tenant: Tenant) -> None:
    form = {
        "name": "Files",
        "type": "file",
        "uploads": [SimpleUploadedFile("a.txt", b"A text."), SimpleUploadedFile("b.txt", b"")],
    }
    assert console.post("/console/sources/source/add/", form).status_code == 302
    with tenant_scope(tenant.pk):
        keys = Document.objects.order_by("key").values_list("key", flat=True)
        assert list(keys) == ["a.txt", "b.txt"]


def test_what_is_limited_is_shown_with_what_is_used(console: Client, tenant: Tenant) -> None:
    assert "Used:" not in page(console)
    with tenant_scope(tenant.pk):
        Tenant.objects.filter(pk=tenant.pk).update(
            max_documents=5, max_bytes=2048, monthly_cost_limit_nano=3_500_000_000
        )
        make_document(make_source(tenant), key="a.md", size_bytes=1024)
    words = html.unescape(page(console)).replace("\xa0", " ")
    assert "Used: 1 of 5 documents · 1.0 KB of 2.0 KB · 0.00 of 3.50 dollars this month" in words
