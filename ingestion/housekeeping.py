"""What is cleaned up about once an hour. One step that fails does not stop the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from django.db import connections, transaction
from django.db.models import Exists, OuterRef

from ingestion.clock import database_now
from ingestion.endings import kept_for_retry
from ingestion.models import (
    ACTIVE_STATES,
    BuildState,
    IndexBuild,
    IngestJob,
    JobState,
    TenantTurn,
)
from ingestion.pipeline.filling import live_chunks
from ingestion.pipeline.index import Shelf, known_shelf, known_space, shelves
from ingestion.pipeline.removal import erase_rows
from ingestion.pipeline.versions import live_points
from minirag import wiring
from minirag.protocols import VectorStore
from minirag.types import Credentials, PointSelector
from sources.models import Document
from sources.orphans import remove_orphans
from tenants.idempotency import sweep_expired
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope
from tenants.services.logins import sweep_logins

log = logging.getLogger(__name__)

# A stored file without a row may belong to an upload that is still on its way.
_UPLOAD = timedelta(days=1)
# Sources looked at in one round, and documents of one in one transaction.
_MOST_SOURCES = 200
_BATCH = 50
_EMPTY = "the vector store is empty for %s (%s): run manage.py fsck_vectors --tenant %s --repair"
# Indexes swept in one round.
_MOST_INDEXES = 50


def keep_house() -> dict[str, int]:
    """Run every step. Returns how much each cleaned up; -1 where it failed."""
    return {name: _step(name, step) for name, step in _STEPS.items()}


def _step(name: str, step: Callable[[], int]) -> int:
    try:
        with platform_scope(f"housekeeping over all tenants: {name}"):
            return step()
    except Exception:  # the task's outermost edge: the other steps go on
        log.exception("housekeeping: %s failed; it is tried again next time", name)
        connections.close_all()
        return -1


def sweep_leftovers() -> int:
    """Points of jobs that ended before they could take them back. Returns the documents."""
    active = IngestJob.objects.filter(source_id=OuterRef("source_id"), state__in=ACTIVE_STATES)
    kept = kept_for_retry().filter(source_id=OuterRef("source_id"))
    marked = Document.objects.filter(~Exists(active), ~Exists(kept), stale_points=True).order_by()
    pairs = marked.values_list("tenant_id", "source_id").distinct()[:_MOST_SOURCES]
    found = 0
    for tenant_id, source_id in list(pairs):
        with tenant_scope(tenant_id):
            indexes = shelves(tenant_id)
            if indexes:
                indexes[0].store.ping()  # not inside a transaction
                found += _sweep_source(indexes, source_id)
    return found


@transaction.atomic
def _sweep_source(indexes: Sequence[Shelf], source_id: UUID) -> int:
    """The tenant's turn is held: no worker can take a job of it, so nobody writes points."""
    if not hold_still(indexes[0].tenant_id, source_id):
        return 0
    rows = Document.objects.filter(source_id=source_id, stale_points=True).order_by("pk")
    ids = list(rows.values_list("pk", flat=True)[:_BATCH])
    selector = PointSelector(document_ids=ids)
    for shelf in indexes:
        present = set(shelf.store.scroll_ids(shelf.space, shelf.tenant_id, selector))
        delete_points(shelf, present - live_points(ids))
    gone = Document.objects.filter(pk__in=ids, deleted_at__isnull=False)
    erase_rows(list(gone.values_list("pk", flat=True)))
    Document.objects.filter(pk__in=ids).update(stale_points=False)
    return len(ids)


def sweep_indexes() -> int:
    """Points of indexes that are not needed: given up, or kept long enough. Returns how many."""
    over = (BuildState.KEPT, BuildState.FAILED, BuildState.CANCELLED)
    rows = IndexBuild.objects.filter(state__in=over, kept_until__lt=database_now())
    done = 0
    for build in list(rows.order_by("created_at")[:_MOST_INDEXES]):
        with tenant_scope(build.tenant_id):
            store = wiring.vector_store()
            store.ping()  # not inside the transaction
            done += _sweep_index(build.pk, store)
            if build.dimensions is not None:
                store.drop_empty(build.space)
    return done


@transaction.atomic
def _sweep_index(build_id: UUID, store: VectorStore) -> int:
    """One index, while the tenant's turn is held. What a living one shares with it stays."""
    build = IndexBuild.objects.select_for_update().get(pk=build_id)
    swept = (BuildState.KEPT, BuildState.FAILED, BuildState.CANCELLED)
    if build.state not in swept or not hold_still(build.tenant_id):
        return 0
    others = IndexBuild.objects.filter(tenant_id=build.tenant_id, dimensions__isnull=False)
    needed = others.exclude(pk=build.pk).exclude(state__in=(*swept, BuildState.SWEPT))
    used = {known_space(build.tenant_id), *(other.space for other in needed)}
    if build.dimensions is not None and build.space not in used:
        store.delete(build.space, build.tenant_id, PointSelector())
        if store.count(build.space, build.tenant_id, PointSelector()):
            return 0  # not yet: the next round tries again
    build.state, build.credentials, build.set_aside = BuildState.SWEPT, Credentials(), Credentials()
    build.save(update_fields=["state", "credentials", "set_aside", "updated_at"])
    return 1


def empty_indexes() -> int:
    """Tenants with chunks whose index holds no point at all: wiped, lost, or another store's.

    Their searches fail until it is repaired; the log says so to whoever runs the server.
    """
    found = 0
    for tenant in list(Tenant.objects.filter(index_dimensions__isnull=False).order_by("pk")):
        with tenant_scope(tenant.pk):
            shelf = known_shelf(tenant.pk)
            if shelf is None or not live_chunks().exists():
                continue
            # Points come before their rows, so rows without any are no ingest under way.
            if not shelf.store.count(shelf.space, shelf.tenant_id, PointSelector()):
                found += 1
                log.error(_EMPTY, tenant.slug, shelf.space.collection, tenant.slug)
    return found


def hold_still(tenant_id: UUID, source_id: UUID | None = None, *, but: UUID | None = None) -> bool:
    """In a transaction: keep workers from taking the tenant's jobs until its end.

    False where one runs already (on ``source_id``, if given; other than the job ``but``), or
    somebody claims just now.
    """
    TenantTurn.objects.get_or_create(tenant_id=tenant_id, defaults={"served_at": database_now()})
    turn = TenantTurn.objects.select_for_update(skip_locked=True).filter(pk=tenant_id).first()
    running = IngestJob.objects.filter(tenant_id=tenant_id, state=JobState.RUNNING)
    if source_id is not None:
        running = running.filter(source_id=source_id)
    if but is not None:
        running = running.exclude(pk=but)
    return turn is not None and not running.exists()


def delete_points(shelf: Shelf, doomed: set[UUID]) -> None:
    """Delete points by their ids, some hundreds at a time."""
    ids = list(doomed)
    for at in range(0, len(ids), 500):
        selector = PointSelector(point_ids=ids[at : at + 500])
        shelf.store.delete(shelf.space, shelf.tenant_id, selector)


_STEPS: Mapping[str, Callable[[], int]] = {
    "stored files without a document": lambda: remove_orphans(_UPLOAD),
    "expired idempotency records": lambda: sweep_expired(),
    "logins that are over": lambda: sweep_logins(),
    "points of jobs that broke off": sweep_leftovers,
    "indexes that are not needed": sweep_indexes,
    "tenants whose index is empty": empty_indexes,
}
