"""Paths below ``/v1/``."""

from __future__ import annotations

from django.urls import path

from ingestion.api import (
    IngestJobCancelView,
    IngestJobRetryView,
    IngestJobsView,
    IngestJobView,
)

urlpatterns = [
    path("ingest-jobs", IngestJobsView.as_view(), name="ingest-jobs"),
    path("ingest-jobs/<str:job_id>", IngestJobView.as_view(), name="ingest-job"),
    path(
        "ingest-jobs/<str:job_id>/cancel", IngestJobCancelView.as_view(), name="ingest-job-cancel"
    ),
    path("ingest-jobs/<str:job_id>/retry", IngestJobRetryView.as_view(), name="ingest-job-retry"),
]
