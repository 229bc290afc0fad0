"""The record of truth of background work. Celery only wakes a worker; what to do stands here."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from minirag.fields import EncryptedCredentialsField
from minirag.types import VectorSpace
from tenants.models import TenantOwned
from tenants.scope import ScopedManager


class JobKind(models.TextChoices):
    INGEST = "ingest"
    REINDEX = "reindex"
    DELETE = "delete"
    # Beside a running embedded server only; the API does not show it.
    CHECK = "check"


class JobState(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


ACTIVE_STATES = (JobState.QUEUED, JobState.RUNNING)
# What a run that has not begun has to show.
NOTHING_DONE = {"stage": "", "done": 0, "total": 0, "documents_read": 0, "embedded": 0}


class IngestJob(TenantOwned):
    """One piece of work on one source, or on the tenant's whole index (``source_id`` null).

    A worker holds a job by ``run_token`` until ``lease_until`` (database time) and renews it by a
    heartbeat; every write of a worker names its token, so a late worker writes nothing.
    """

    # No foreign key: the job of a deletion outlives its source.
    source_id = models.UUIDField(null=True, db_index=True)
    document_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=10, choices=JobKind.choices, default=JobKind.INGEST)
    state = models.CharField(max_length=10, choices=JobState.choices, default=JobState.QUEUED)
    stage = models.CharField(max_length=10, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    waiting_for = models.CharField(max_length=300, blank=True)
    error = models.JSONField(null=True, blank=True)
    # What a check was asked for and what it found.
    result = models.JSONField(null=True, blank=True, editable=False)
    attempts = models.PositiveIntegerField(default=0)
    # Workers that died over it while no document was under way.
    crashes = models.PositiveIntegerField(default=0, editable=False)
    worker = models.CharField(max_length=100, blank=True, editable=False)
    run_token = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    # Of a queued job: from when on it waits for a worker, where that is not its creation.
    not_before = models.DateTimeField(null=True, editable=False)
    cancel_requested = models.BooleanField(default=False, editable=False)
    # Keys of the documents that are under way, written before anything is done with them; and how
    # often a worker died over each. See ``ingestion.suspects``.
    under_way = models.JSONField(default=list, blank=True, editable=False)
    suspects = models.JSONField(default=dict, blank=True, editable=False)
    # This run's own begin, and from where its present rate is measured.
    run_started_at = models.DateTimeField(null=True, editable=False)
    pace_at = models.DateTimeField(null=True, editable=False)
    pace_done = models.PositiveIntegerField(default=0, editable=False)
    # Documents that this run has begun to read, and chunks that it has embedded.
    documents_read = models.PositiveIntegerField(default=0, editable=False)
    embedded = models.PositiveIntegerField(default=0, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantOwned.Meta):
        verbose_name = "job"
        indexes = [
            *TenantOwned.Meta.indexes,
            models.Index(fields=["state", "not_before", "created_at"]),
            models.Index(fields=["tenant", "state", "created_at"]),
            models.Index(fields=["tenant", "kind", "state", "created_at"]),
        ]
        constraints = [
            # One live piece of work of a kind for a source: a second request joins the first.
            models.UniqueConstraint(
                fields=["source_id", "kind"],
                condition=models.Q(state="queued") & models.Q(document_id__isnull=True),
                name="one_queued_job_per_source_and_kind",
            ),
            # In SQL two nulls are not alike: what works on the whole index has a rule of its own.
            models.UniqueConstraint(
                fields=["tenant", "kind"],
                condition=models.Q(state="queued")
                & models.Q(source_id__isnull=True)
                & models.Q(document_id__isnull=True),
                name="one_queued_job_per_tenant_and_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.created_at:%Y-%m-%d %H:%M} ({self.state})"


class CheckManager(ScopedManager["IndexCheck"]):
    """Jobs that are checks."""

    def get_queryset(self) -> models.QuerySet[IndexCheck]:
        return super().get_queryset().filter(kind=JobKind.CHECK)


class IndexCheck(IngestJob):
    """A check of a tenant's index, as the console shows it: a job with what it found."""

    objects: ClassVar[CheckManager] = CheckManager()

    class Meta:
        proxy = True
        verbose_name = "index check"
        base_manager_name = "objects"
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"check of {self.created_at:%Y-%m-%d %H:%M} ({self.state})"


class BuildState(models.TextChoices):
    BUILDING = "building"
    SWITCHING = "switching"
    LIVE = "live"
    KEPT = "kept"
    SWEPT = "swept"
    FAILED = "failed"
    CANCELLED = "cancelled"


BUILD_STATES = (BuildState.BUILDING, BuildState.SWITCHING)


class IndexBuild(TenantOwned):
    """One index of a tenant beside or after the live one, in a collection of its own.

    A chunk's point has the same id in each of them, so the switch changes the tenant's row only.
    While ``switching`` no worker takes the tenant's jobs. The old index is ``kept`` for a rollback.
    """

    model = models.CharField(max_length=200)
    # Those of the attempt under way, or of the index that stands.
    credentials = EncryptedCredentialsField()
    # Of an index that has answered: while another attempt is under way, what it was reached with;
    # after one that failed, what that one was asked to try.
    set_aside = EncryptedCredentialsField(sealed_as="credentials")
    # Null until the model was asked.
    dimensions = models.PositiveIntegerField(null=True, editable=False)
    version = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=10, choices=BuildState.choices, default=BuildState.BUILDING)
    # Vectors of the live index are copied instead of made anew: same model, compact collection.
    copies = models.BooleanField(default=False)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    error = models.JSONField(null=True, blank=True)
    # The job that builds it.
    job_id = models.UUIDField(null=True, editable=False, db_index=True)
    # Its points are swept after this.
    kept_until = models.DateTimeField(null=True, blank=True)
    # Whether it ever answered: then giving up a rollback keeps it.
    was_live = models.BooleanField(default=False, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantOwned.Meta):
        verbose_name = "index"
        verbose_name_plural = "indexes"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"],
                condition=models.Q(state__in=["building", "switching"]),
                name="one_build_per_tenant",
            )
        ]

    def __str__(self) -> str:
        return f"{self.model} v{self.version} ({self.state})"

    @property
    def space(self) -> VectorSpace:
        """Its collection. Only once its dimensions are known."""
        assert self.dimensions is not None
        return VectorSpace(self.model, self.dimensions, self.version)

    def put_credentials_aside(self) -> None:
        """Before others are tried. As ciphertext: they need not be readable to be kept."""
        self.__dict__["set_aside"] = self.__dict__["credentials"]


class TenantTurn(models.Model):
    """When a tenant's work was last taken: the least recently served comes first."""

    tenant = models.OneToOneField(
        "tenants.Tenant", on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    served_at = models.DateTimeField(db_index=True)

    objects: ClassVar[ScopedManager[Any]] = ScopedManager()

    class Meta:
        base_manager_name = "objects"

    def __str__(self) -> str:
        return f"{self.tenant_id} at {self.served_at}"


class CredentialPause(TenantOwned):
    """Until when a provider asked this tenant's credential to wait; for all jobs that use it.

    The credential is named by a keyed digest: nobody gets it back from here.
    """

    digest = models.CharField(max_length=64, editable=False)
    until = models.DateTimeField()
    asked_seconds = models.FloatField()

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "digest"], name="one_pause_per_credential")
        ]

    def __str__(self) -> str:
        return f"until {self.until}"
