"""What the commands of this app share: in which process the work happens, and how it is shown."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError

from ingestion import worker
from ingestion.following import follow
from ingestion.models import IngestJob, JobState
from minirag import wiring
from minirag.server_lock import running_server
from tenants.models import Tenant
from tenants.scope import platform_scope


@contextmanager
def somebody_works() -> Iterator[None]:
    """The running server or the workers do the work; where there are none, this process."""
    if running_server() is not None or not wiring.is_embedded():
        yield
        return
    wiring.vector_store()  # held by another process? Then say so before anything is written
    with worker.drain_in_process():
        yield


def finish(job_ids: Collection[UUID], stderr: Any, *, status: int = 1) -> list[IngestJob]:
    """Follow the jobs on ``stderr``. Raises ``CommandError`` (exit ``status``) if one failed."""
    with platform_scope("a command follows its jobs"):
        jobs = follow(job_ids, stderr.write)
    failed = [job for job in jobs if job.state in (JobState.FAILED, JobState.CANCELLED)]
    if failed:
        error = failed[0].error or {"message": f"The job was {failed[0].state}."}
        words = f"{len(failed)} of {len(jobs)} jobs failed: {error['message']}"
        raise CommandError(words, returncode=status)
    return jobs


def tenant_by_slug(slug: str, *, status: int = 1) -> Tenant:
    """Raises ``CommandError`` (exit ``status``) where there is none."""
    with platform_scope("a command names a tenant"):
        tenant: Tenant | None = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise CommandError(f"There is no tenant '{slug}'.", returncode=status)
    return tenant
