"""The part that never dies: makes the rows of a case, looks on from the side, and reports.

Its connections go past the proxies. Commands come as JSON lines, answers go back the same way.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import IO, Any
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command

from chat.retrieval import retrieve
from ingestion import tasks
from ingestion.fsck import check_tenant
from ingestion.models import ACTIVE_STATES, IngestJob
from ingestion.services import schedule_delete, schedule_ingest
from minirag.types import Credentials
from sources.models import Document, Source, SourceType
from sources.orphans import remove_orphans
from sources.services import add_upload
from tenants.context import system_context
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope
from usage.ledger import release_abandoned
from usage.models import UsageEvent, UsageStatus

Answer = dict[str, Any]
_PAUSE = 0.02
_MOST_HITS = 100


def migrate() -> Answer:
    call_command("migrate", verbosity=0)
    return {}


def make(*, name: str, key: str, base: str, url: str, files: Mapping[str, str]) -> Answer:
    """A tenant with one source, of a page or of files; nothing is scheduled."""
    with platform_scope("tests"):
        tenant = Tenant.objects.create(
            name=name,
            slug=name,
            # A model of its own is a collection of its own: its making is part of the case.
            embedding_model=f"openai/{name}",
            embedding_credentials=Credentials({"api_key": key, "api_base": base}),
        )
    kind = SourceType.URL if url else SourceType.FILE
    with tenant_scope(tenant.pk):
        source = Source.objects.create(tenant=tenant, name="S", type=kind, url=url)
    upload(tenant=str(tenant.pk), files=files)
    return {"tenant": str(tenant.pk), "source": str(source.pk)}


def upload(*, tenant: str, files: Mapping[str, str]) -> Answer:
    with tenant_scope(UUID(tenant)):
        for key, text in files.items():
            file = ContentFile(text.encode(), name=key)
            add_upload(system_context(UUID(tenant), "tests"), Source.objects.get(), file)
    return {}


def ingest_now(*, tenant: str) -> Answer:
    """Ingest in this process, undisturbed."""
    with tenant_scope(UUID(tenant)):
        schedule_ingest(system_context(UUID(tenant), "tests"), Source.objects.get())
    while tasks.work_once():
        pass
    with tenant_scope(UUID(tenant)):
        job = IngestJob.objects.get()
        return {"state": job.state, "error": job.error}


def schedule(*, tenant: str, deed: str) -> Answer:
    """Commit the job and wake a worker."""
    do = {"ingest": schedule_ingest, "delete": schedule_delete}[deed]
    with tenant_scope(UUID(tenant)):
        job = do(system_context(UUID(tenant), "tests"), Source.objects.get())
    return {"job": str(job.pk)}


def wait_for_end(*, job: str, seconds: float) -> Answer:
    """Until the job has ended, or the time is over; nothing is done for it."""
    begun = time.monotonic()
    with platform_scope("tests"):
        while True:
            row = IngestJob.objects.get(pk=job)
            took = time.monotonic() - begun
            if row.state not in ACTIVE_STATES or took > seconds:
                return {
                    "state": row.state,
                    "took": took,
                    "error": row.error,
                    "why": row.waiting_for,
                    "crashes": row.crashes,
                }
            time.sleep(_PAUSE)


def look(*, tenant: str, source: str) -> Answer:
    """What a search finds now: the texts of each document."""
    found: dict[str, list[str]] = {}
    with tenant_scope(UUID(tenant)):
        row = Tenant.objects.get(pk=tenant)
        for passage in retrieve(row, [UUID(source)], "version part", _MOST_HITS).passages:
            found.setdefault(passage.title, []).append(passage.text)
    return {title: sorted(texts) for title, texts in found.items()}


def report(*, tenant: str, source: str) -> Answer:
    """How all stands at the end, after one round of what the clock would bring in an hour."""
    with platform_scope("tests"):
        release_abandoned(timedelta(0))
        remove_orphans(timedelta(0))
        found = check_tenant(Tenant.objects.get(pk=tenant))
        documents = list(Document.objects.filter(source_id=source).defer("text"))
        calls = UsageEvent.objects.filter(tenant_id=tenant).exclude(status=UsageStatus.RELEASED)
        return {
            "clean": found.clean,
            "points": found.points,
            "rows": found.rows,
            "stale": sum(document.stale_points for document in documents),
            "statuses": sorted(document.status for document in documents),
            "files": _files(f"{tenant}/{source}"),
            "named": sorted(d.upload or d.pending_upload for d in documents if _stored(d)),
            "calls": [[row.status, row.input_tokens, row.estimated] for row in calls],
        }


def _stored(document: Document) -> bool:
    return bool(document.upload or document.pending_upload)


def _files(folder: str) -> list[str]:
    try:
        return sorted(f"{folder}/{name}" for name in default_storage.listdir(folder)[1])
    except FileNotFoundError:
        return []


COMMANDS: Mapping[str, Callable[..., Answer]] = {
    command.__name__: command
    for command in (migrate, make, upload, ingest_now, schedule, wait_for_end, look, report)
}


def serve(line: IO[str]) -> None:
    """Answer each line until the other end closes."""
    for asked in line:
        name, arguments = json.loads(asked)
        line.write(json.dumps(COMMANDS[name](**arguments)) + "\n")
        line.flush()
