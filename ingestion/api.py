"""Endpoints of ingest jobs."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ingestion.selectors import access_job, list_jobs
from ingestion.serializers import IngestJobSerializer, JobFilters
from ingestion.services import cancel_job, retry_job
from minirag.api.serializers import NoBody, page_of
from minirag.errors import ErrorCode
from tenants.api_base import TenantView
from tenants.models import TokenScope


class IngestJobsView(TenantView):
    """Ingests, reindexes and deletions. `waiting_for` says in plain words what keeps a job."""

    scopes: ClassVar = {"GET": TokenScope.READ}

    @extend_schema(
        operation_id="ingest_jobs_list",
        summary="Jobs, newest first",
        parameters=[JobFilters],
        responses=page_of(IngestJobSerializer),
    )
    def get(self, request: Request) -> Response:
        wanted = self.params(JobFilters)
        rows = list_jobs(self.auth, source_id=wanted.get("source_id"), state=wanted.get("state"))
        return self.page(rows, IngestJobSerializer)


class IngestJobView(TenantView):
    """One job."""

    scopes: ClassVar = {"GET": TokenScope.READ}
    path_objects: ClassVar = {"job_id": access_job}

    @extend_schema(
        operation_id="ingest_jobs_retrieve", summary="One job", responses=IngestJobSerializer
    )
    def get(self, request: Request, **_: Any) -> Response:
        return Response(IngestJobSerializer(self.object("job_id")).data)


class IngestJobCancelView(TenantView):
    """A job that has ended, and a deletion, which cannot be taken back, are a `conflict`."""

    scopes: ClassVar = {"POST": TokenScope.WRITE}
    actions: ClassVar = {"POST": "ingest_job.cancel"}
    failures: ClassVar = {"POST": (ErrorCode.CONFLICT,)}
    path_objects: ClassVar = {"job_id": access_job}

    @extend_schema(
        operation_id="ingest_jobs_cancel",
        summary="Cancel a job: at once while it is queued, within seconds while it runs",
        request=NoBody,
        responses=IngestJobSerializer,
    )
    def post(self, request: Request, **_: Any) -> Response:
        self.body(NoBody)
        job = cancel_job(self.auth, self.object("job_id"))
        return Response(IngestJobSerializer(job).data)


class IngestJobRetryView(TenantView):
    """The same job, as if it had not begun; what was embedded a short while ago is not paid again.

    One that has not ended, or has succeeded, is a `conflict`. Where the same work waits already,
    the answer is that job.
    """

    scopes: ClassVar = {"POST": TokenScope.WRITE}
    actions: ClassVar = {"POST": "ingest_job.retry"}
    path_objects: ClassVar = {"job_id": access_job}
    idempotent = True
    atomic = True

    @extend_schema(
        operation_id="ingest_jobs_retry",
        summary="Queue a failed, partial or cancelled job again; it goes on where it was",
        request=NoBody,
        responses={202: IngestJobSerializer},
    )
    def post(self, request: Request, **_: Any) -> Response:
        self.body(NoBody)
        job = retry_job(self.auth, self.object("job_id"))
        return Response(IngestJobSerializer(job).data, status=202)
