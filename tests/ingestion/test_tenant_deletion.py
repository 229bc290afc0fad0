"""DEL: a whole tenant goes: refused at once, then points, files and rows; the bills stay."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from bots.models import BotProfile
from ingestion import tasks
from ingestion.fsck import check_tenant
from ingestion.models import IngestJob, JobKind, JobState
from ingestion.pipeline.tenant_removal import KEPT, doomed_models
from ingestion.services import schedule_tenant_delete
from minirag.errors import Conflict
from minirag.types import PointSelector, VectorSpace
from sources.models import Chunk, Document
from tenants.models import AuditEvent, Role, Tenant, TenantOwned, User
from tenants.scope import platform_scope, tenant_scope
from tenants.services.tenancy import resume_tenant
from tests.cast import client_for, jwt_of, person, token_of
from tests.ingestion.conftest import Plant, beside, run_due
from tests.matrix.rows import furnish
from usage.models import UsageEvent


def delete(plant: Plant) -> IngestJob:
    with tenant_scope(plant.tenant.pk):
        return schedule_tenant_delete(plant.auth, plant.tenant)


def points(plant: Plant) -> int:
    with platform_scope("tests"):
        tenant = Tenant.objects.get(pk=plant.tenant.pk)
    space = VectorSpace(tenant.embedding_model, tenant.index_dimensions or 0)
    return plant.store.count(space, tenant.pk, PointSelector())


def rows_left(tenant: Tenant) -> dict[str, int]:
    """Rows of the tenant by table, the tombstone's own and its job aside."""
    found = {}
    with platform_scope("tests"):
        for model in apps.get_models():
            if issubclass(model, TenantOwned):
                count = model._base_manager.filter(tenant_id=tenant.pk).count()
                if count:
                    found[model._meta.label] = count
    return found


@pytest.fixture
def furnished(plant: Plant) -> Plant:
    """With a row of every kind."""
    furnish(plant.tenant)
    return plant


def test_everything_goes_and_the_bills_stay(furnished: Plant, other_tenant: Tenant) -> None:
    plant = furnished
    source = plant.files(a_md="# A\n\nText.", b_md="# B\n\nText.")
    plant.ingest(source)
    stray = default_storage.save(f"{plant.tenant.pk}/{source.pk}/stray", ContentFile(b"x"))
    held = [row.upload for row in plant.documents(source).values()]
    neighbour = furnish(other_tenant)
    before = rows_left(other_tenant)
    with platform_scope("tests"):
        usage = UsageEvent.objects.filter(tenant_id=plant.tenant.pk).count()
        audit = AuditEvent.objects.filter(tenant_id=plant.tenant.pk).count()
    job = delete(plant)
    run_due()
    assert plant.job(job).state == JobState.SUCCEEDED
    assert points(plant) == 0
    left = rows_left(plant.tenant)
    assert left.pop("ingestion.IngestJob") == 1 and set(left) <= KEPT
    assert not any(default_storage.exists(name) for name in (*held, stray))
    assert not default_storage.exists(str(plant.tenant.pk))
    with platform_scope("tests"):
        assert UsageEvent.objects.filter(tenant_id=plant.tenant.pk).count() == usage > 0
        assert AuditEvent.objects.filter(tenant_id=plant.tenant.pk).count() == audit + 1
        row = Tenant.objects.get(pk=plant.tenant.pk)
        assert check_tenant(row).clean
    assert plant.tenant.slug not in (row.slug, row.name) and not row.embedding_credentials
    assert rows_left(other_tenant) == before and neighbour


def test_no_table_is_forgotten() -> None:
    """Children before what they hang on; a new tenant-owned table is in it by itself."""
    order = doomed_models()
    assert {model._meta.label for model in order} | KEPT == {
        model._meta.label for model in apps.get_models() if issubclass(model, TenantOwned)
    }
    assert order.index(Chunk) < order.index(Document)


def test_every_credential_is_refused_at_once(furnished: Plant) -> None:
    plant = furnished
    user = person(plant.tenant, Role.ADMIN, "second@acorn.test")
    token, access = client_for(token_of(plant.tenant)), client_for(jwt_of(user, plant.tenant))
    console = Client(raise_request_exception=False)
    console.force_login(user)
    assert token.get("/v1/sources").status_code == access.get("/v1/sources").status_code == 200
    assert console.get("/console/").status_code == 200
    delete(plant)  # no worker has done anything yet
    assert token.get("/v1/sources").status_code == access.get("/v1/sources").status_code == 401
    assert console.get("/console/").status_code == 302
    with platform_scope("tests"), pytest.raises(Conflict):
        resume_tenant(plant.auth, Tenant.objects.get(pk=plant.tenant.pk))


def test_work_under_way_is_stopped_first(plant: Plant) -> None:
    source = plant.text("Some text. " * 50)
    plant.embedder.gate.clear()
    ingest = plant.schedule(source)
    worker = beside(tasks.work)
    assert plant.embedder.entered.wait(10)
    job = delete(plant)
    assert delete(plant).pk == job.pk, "a second request joins the first"
    plant.embedder.gate.set()
    worker.join(20)
    while plant.job(job).state in (JobState.QUEUED, JobState.RUNNING):
        run_due()
    assert plant.job(job).state == JobState.SUCCEEDED
    with platform_scope("tests"):
        assert not IngestJob.objects.filter(pk=ingest.pk).exists()
    assert points(plant) == 0


def test_it_waits_for_the_store_and_then_goes_through(plant: Plant) -> None:
    plant.ingest(plant.text("Some text."))
    plant.store.down = True
    job = delete(plant)
    assert tasks.work_once()
    row = plant.job(job)
    assert row.state == JobState.QUEUED and row.waiting_for == "The vector store does not answer."
    assert row.not_before is not None
    assert row.not_before <= timezone.now() + timedelta(seconds=60)
    plant.store.down = False
    with platform_scope("tests"):
        IngestJob.objects.update(not_before=None)
    run_due()
    assert plant.job(job).state == JobState.SUCCEEDED and points(plant) == 0


def test_a_worker_that_dies_over_it_is_followed_by_another(
    furnished: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    plant = furnished
    plant.ingest(plant.text("Some text."))
    job = delete(plant)
    with monkeypatch.context() as dying:
        dying.setattr("ingestion.pipeline.tenant_removal.people_of", die)
        for _ in range(4):
            with pytest.raises(Killed):
                tasks.work_once()
            with platform_scope("tests"):
                long_ago = timezone.now() - timedelta(days=1)
                IngestJob.objects.filter(state=JobState.RUNNING).update(lease_until=long_ago)
            tasks.sweep_once()
    run_due()
    assert plant.job(job).state == JobState.SUCCEEDED
    assert set(rows_left(plant.tenant)) <= {*KEPT, "ingestion.IngestJob"}


def test_people_of_other_tenants_keep_their_account(plant: Plant, other_tenant: Tenant) -> None:
    alone = person(plant.tenant, Role.OWNER, "alone@acorn.test")
    both = person(plant.tenant, Role.EDITOR, "both@acorn.test")
    with platform_scope("tests"):
        both.memberships.create(tenant=other_tenant, role=Role.VIEWER, accepted_at=timezone.now())
    root = person(plant.tenant, Role.ADMIN, "root@acorn.test", is_staff=True, is_superuser=True)
    delete(plant)
    run_due()
    left = set(User.objects.values_list("pk", flat=True))
    assert both.pk in left and root.pk in left and alone.pk not in left


def test_deletions_of_a_suspended_tenant_go_on(plant: Plant) -> None:
    source = plant.text("Some text.")
    plant.ingest(source)
    with platform_scope("tests"):
        Tenant.objects.filter(pk=plant.tenant.pk).update(suspended_at=timezone.now())
    with tenant_scope(plant.tenant.pk):
        IngestJob.objects.create(tenant=plant.tenant, source_id=source.pk, kind=JobKind.DELETE)
        type(source).objects.filter(pk=source.pk).update(deleted_at=timezone.now())
    run_due()
    assert plant.points(source) == set()


def test_the_platform_admin_types_the_slug(plant: Plant) -> None:
    root = Client(raise_request_exception=False)
    root.force_login(person(plant.tenant, "owner", "root@x.test", is_staff=True, is_superuser=True))
    page = f"/admin/tenants/tenant/{plant.tenant.pk}/delete/"
    assert plant.tenant.slug in root.get(page).content.decode()
    wrong = root.post(page, {"slug": "something", "post": "yes"})
    assert wrong.status_code == 200 and "Nothing was deleted" in wrong.content.decode()
    chosen = {"action": "delete_selected", "_selected_action": [plant.tenant.pk], "post": "yes"}
    root.post("/admin/tenants/tenant/", chosen)
    with platform_scope("tests"):
        assert Tenant.objects.get(pk=plant.tenant.pk).deleted_at is None
    assert root.post(page, {"slug": plant.tenant.slug}).status_code == 302
    with platform_scope("tests"):
        assert Tenant.objects.get(pk=plant.tenant.pk).deleted_at is not None
        event = AuditEvent.objects.get(action="tenant.delete")
    assert event.actor == "root@x.test" and event.tenant_id == plant.tenant.pk
    operator = Client(raise_request_exception=False)
    operator.force_login(person(plant.tenant, Role.OWNER))
    there = operator.get(f"/console/tenants/tenant/{plant.tenant.pk}/delete/")
    assert there.status_code in (302, 403)


def test_the_command(plant: Plant) -> None:
    plant.ingest(plant.text("Some text."))
    with pytest.raises(CommandError, match="Say --yes"):
        call_command("delete_tenant", plant.tenant.slug, stderr=StringIO())
    with pytest.raises(CommandError, match="no tenant"):
        call_command("delete_tenant", "nobody", "--yes", stderr=StringIO())
    out = StringIO()
    call_command("delete_tenant", plant.tenant.slug, "--yes", stdout=out, stderr=StringIO())
    assert "are gone" in out.getvalue() and points(plant) == 0
    with pytest.raises(CommandError, match="no tenant"):
        call_command("delete_tenant", plant.tenant.slug, "--yes", stderr=StringIO())


def test_a_bot_goes_with_its_chats_and_its_visitors(furnished: Plant, client: Client) -> None:
    plant = furnished
    with tenant_scope(plant.tenant.pk):
        bot = BotProfile.objects.filter(widget_enabled=True)[0]
    opened = client.post(
        "/widget/v1/session",
        {"public_id": bot.widget_public_id},
        content_type="application/json",
        headers={"origin": "https://shop.example"},
    )
    assert opened.status_code == 200, opened.content
    visitor = client_for(opened.json()["token"])
    asked = {"bot_profile_id": str(bot.pk), "message": "Thanks!"}
    kind: Any = {"content_type": "application/json", "headers": {"origin": "https://shop.example"}}
    assert visitor.post("/v1/chat", asked, **kind).status_code == 200
    api = client_for(token_of(plant.tenant))
    assert api.delete(f"/v1/bot-profiles/{bot.pk}").status_code == 204
    assert visitor.post("/v1/chat", asked, **kind).status_code in (401, 404)
    chats = apps.get_model("chat", "Chat")
    with tenant_scope(plant.tenant.pk):
        assert not chats.objects.filter(bot_id=bot.pk).exists()
