"""Paths below ``/v1/``."""

from __future__ import annotations

from django.urls import path

from ingestion.api import (
    IngestJobCancelView,
    IngestJobRetryView,
    IngestJobsView,
    IngestJobView,
)
from ingestion.preview_api import SourcePreviewView

urlpatterns = [
    path("sources/<str:source_id>/preview", SourcePreviewView.as_view(), name="source-preview"),
    path("ingest-jobs", IngestJobsView.as_view(), name="ingest-jobs"),
    path("ingest-jobs/<str:job_id>", IngestJobView.as_view(), name="ingest-job"),
    path(
        "ingest-jobs/<str:job_id>/cancel", IngestJobCancelView.as_view(), name="ingest-job-cancel"
    ),
    path("ingest-jobs/<str:job_id>/retry", IngestJobRetryView.as_view(), name="ingest-job-retry"),
]
