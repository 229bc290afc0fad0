"""The shape of a job outside."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ingestion.models import IngestJob, JobKind, JobState
from ingestion.selectors import QueueView
from minirag.api.serializers import PageParams
from minirag.types import Stage


class ProgressSerializer(serializers.Serializer[Any]):
    """How far a job is; counted in chunks, ``total`` grows while documents are found."""

    stage = serializers.ChoiceField(choices=[str(stage) for stage in Stage], allow_null=True)
    done = serializers.IntegerField()
    total = serializers.IntegerField()


class ErrorFieldSerializer(serializers.Serializer[Any]):
    """Why something failed."""

    code = serializers.CharField()
    message = serializers.CharField()


class IngestJobSerializer(serializers.ModelSerializer[IngestJob]):
    """A job as clients see it."""

    kind = serializers.ChoiceField(choices=[JobKind.INGEST, JobKind.REINDEX, JobKind.DELETE])
    waiting_for = serializers.SerializerMethodField()
    expected_finish_at = serializers.SerializerMethodField()
    progress = serializers.SerializerMethodField()
    error = ErrorFieldSerializer(allow_null=True)

    class Meta:
        model = IngestJob
        fields = (
            "id", "source_id", "kind", "state", "waiting_for", "expected_finish_at", "progress",
            "error", "attempts", "created_at", "started_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_waiting_for(self, job: IngestJob) -> str | None:
        return self._queue(job).waiting_for(job) if job.finished_at is None else None

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_expected_finish_at(self, job: IngestJob) -> str | None:
        if job.finished_at is not None:
            return None
        at = self._queue(job).expected_finish_at(job)
        # To the second: it is no more exact than that.
        return (
            None
            if at is None
            else serializers.DateTimeField().to_representation(at.replace(microsecond=0))
        )

    def _queue(self, job: IngestJob) -> QueueView:
        """One look at the queue for a whole page of jobs."""
        view: QueueView | None = self.context.get("queue")
        if view is None:
            view = self.context["queue"] = QueueView(job.tenant_id)
        return view

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, job: IngestJob) -> dict[str, Any]:
        return {"stage": job.stage or None, "done": job.done, "total": job.total}


class JobFilters(PageParams):
    """Which jobs to list."""

    source_id = serializers.UUIDField(required=False)
    state = serializers.ChoiceField(choices=JobState.choices, required=False)
