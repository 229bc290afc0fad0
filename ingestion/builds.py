"""A tenant's indexes: building another one, going back, giving up. In the tenant's open scope."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet

from ingestion.clock import database_now
from ingestion.endings import settle_build
from ingestion.models import (
    BUILD_STATES,
    BuildState,
    IndexBuild,
    IngestJob,
    JobKind,
    JobState,
)
from ingestion.services import queue_job, stop_job
from minirag.errors import Conflict, Invalid
from minirag.providers.catalog import provider_of
from minirag.types import Credentials
from sources.selectors import tenant_has_chunks
from tenants import audit
from tenants.context import AuthContext
from tenants.models import Tenant
from tenants.services.tenancy import check_embedding, set_embedding


@dataclass(frozen=True, slots=True)
class Wanted:
    """The embedding model that a tenant is on its way to, or has; ``build`` while on its way."""

    model: str
    credentials: Credentials
    build: IndexBuild | None

    @property
    def progress(self) -> float | None:
        """0 to 1 while an index is being built, else None."""
        if self.build is None:
            return None
        return min(1.0, self.build.done / self.build.total) if self.build.total else 0.0


def active_build() -> IndexBuild | None:
    """The index that is being built for the tenant."""
    found: IndexBuild | None = IndexBuild.objects.filter(state__in=BUILD_STATES).first()
    return found


def wanted_embedding(tenant: Tenant) -> Wanted:
    """What the tenant asked for last."""
    build = active_build()
    if build is None:
        return Wanted(tenant.embedding_model, tenant.embedding_credentials, None)
    return Wanted(build.model, build.credentials, build)


def held_credentials(tenant: Tenant, model: str) -> Credentials | None:
    """What the tenant has given for this very model; None where it has or keeps no index of it."""
    wanted = wanted_embedding(tenant)
    if model == wanted.model:
        return wanted.credentials
    if model == tenant.embedding_model:
        found: Credentials = tenant.embedding_credentials
        return found
    kept = _kept().filter(model=model).first()
    return None if kept is None else kept.credentials


def credentials_for(tenant: Tenant, model: str) -> Credentials:
    """What a change that names only the model goes on with.

    Raises ``Invalid`` where that would be a key of another provider: it must not travel there.
    """
    held = held_credentials(tenant, model)
    if held is not None:
        return held
    wanted = wanted_embedding(tenant)
    provider = provider_of(model, "embedding")
    if provider is None or not wanted.credentials:
        return Credentials()
    if provider != provider_of(wanted.model, "embedding"):
        words = "The stored credentials are another provider's: send this one's, or null."
        raise Invalid.field("embedding_credentials", words)
    return wanted.credentials


@transaction.atomic
def change_embedding(
    auth: AuthContext, tenant: Tenant, *, model: str, credentials: Credentials
) -> Tenant:
    """Set the embedding model and its credentials; empty credentials clear them.

    Where the tenant has chunks, another model begins a build beside the present index. The present
    model again gives the build up; a third one takes its place. Raises ``Invalid``.
    """
    check_embedding(model, credentials)
    tenant = Tenant.objects.select_for_update().get(pk=tenant.pk)
    build = active_build()
    if build is not None and build.model == model:
        build.credentials = credentials
        build.save(update_fields=["credentials", "updated_at"])
        _record(auth, tenant, "tenant.update", build, len(credentials.values))
        return tenant
    if build is not None:
        _give_up(build)
    if model == tenant.embedding_model or not tenant_has_chunks():
        return set_embedding(auth, tenant, model=model, credentials=credentials, has_chunks=False)
    build = _reusable(model) or _fresh(tenant, model)
    _begin(auth, build, credentials)
    _record(auth, tenant, "tenant.update", build, len(credentials.values))
    return tenant


@transaction.atomic
def schedule_rebuild(
    auth: AuthContext, tenant: Tenant, *, copies: bool = False
) -> IngestJob | None:
    """Queue the tenant's whole index of the same model anew, beside the present one.

    With ``copies`` vectors are copied, not made: a compact collection at no provider's cost. Joins
    a build that is on its way. None where there is nothing to index.
    """
    tenant = Tenant.objects.select_for_update().get(pk=tenant.pk)
    build = active_build()
    if build is not None:
        return _job_of(auth, build)
    if tenant.index_dimensions is None or not tenant_has_chunks():
        return None
    model = tenant.embedding_model
    given_up = IndexBuild.objects.filter(
        model=model, was_live=False, copies=copies, version__gt=tenant.index_version,
        state__in=(BuildState.FAILED, BuildState.CANCELLED),
    )  # fmt: skip
    build = given_up.order_by("-version").first()
    build = build or _fresh(tenant, model)
    build.copies = copies
    job = _begin(auth, build, tenant.embedding_credentials)
    _record(auth, tenant, "tenant.reindex", build, 0)
    return job


@transaction.atomic
def schedule_rollback(auth: AuthContext, tenant: Tenant) -> IngestJob:
    """Queue the way back to the index that answered last; what it missed is made up first.

    Raises ``Conflict`` where none is kept, or another build is on its way.
    """
    tenant = Tenant.objects.select_for_update().get(pk=tenant.pk)
    if active_build() is not None:
        raise Conflict("An index is being built. Cancel that first; the live one is untouched.")
    build = _kept().first()
    if build is None:
        raise Conflict("No former index is kept any more.")
    job = _begin(auth, build)
    _record(auth, tenant, "tenant.rollback", build, 0)
    return job


def _kept() -> QuerySet[IndexBuild]:
    """Former indexes that can answer again, the latest first."""
    rows = IndexBuild.objects.filter(state=BuildState.KEPT, kept_until__gt=database_now())
    return rows.order_by("-kept_until")


def _begin(
    auth: AuthContext, build: IndexBuild, credentials: Credentials | None = None
) -> IngestJob:
    """``credentials`` to be tried: those of a kept index come back if the build fails."""
    job = queue_job(auth, JobKind.REINDEX, source_id=None)
    if build.state == BuildState.KEPT:
        build.put_credentials_aside()
    if credentials is not None:
        build.credentials = credentials
    build.state, build.job_id, build.error = BuildState.BUILDING, job.pk, None
    build.done = build.total = 0
    build.save()
    return job


def _job_of(auth: AuthContext, build: IndexBuild) -> IngestJob:
    """The job that builds it. It waits or runs: a build has no longer a life than its job."""
    found: IngestJob = IngestJob.objects.get(pk=build.job_id)
    return found


def _give_up(build: IndexBuild) -> None:
    """The job ends at once or within seconds; from now on the build is nobody's."""
    job = IngestJob.objects.select_for_update().get(pk=build.job_id)
    stop_job(job)
    settle_build(job, JobState.CANCELLED, None)


def _reusable(model: str) -> IndexBuild | None:
    """An index of this model that stands in part: kept for a rollback, or given up half-way."""
    rows = IndexBuild.objects.filter(model=model, state__in=(BuildState.KEPT, BuildState.CANCELLED))
    found: IndexBuild | None = rows.order_by("-updated_at").first()
    return found


def _fresh(tenant: Tenant, model: str) -> IndexBuild:
    """Of a version that no index of this model has had."""
    had = list(IndexBuild.objects.filter(model=model).values_list("version", flat=True))
    if tenant.embedding_model == model:
        had.append(tenant.index_version)
    return IndexBuild(tenant=tenant, model=model, version=max(had, default=0) + 1)


def _record(
    auth: AuthContext, tenant: Tenant, action: str, build: IndexBuild, secrets: int
) -> None:
    detail = {
        "embedding_model": build.model,
        "index_version": build.version,
        "job": str(build.job_id),
        "credential_keys_set": secrets,
    }
    audit.record(auth, action, tenant, detail=detail)
