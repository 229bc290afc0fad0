"""Paths below ``/v1/``."""

from __future__ import annotations

from django.urls import path

from sources.api import (
    SourceDocumentsView,
    SourceIngestView,
    SourcesView,
    SourceUploadView,
    SourceView,
)
from sources.document_api import (
    ChunkView,
    DocumentChunksView,
    DocumentFileView,
    DocumentView,
)

urlpatterns = [
    path("sources", SourcesView.as_view(), name="sources"),
    path("sources/<str:source_id>", SourceView.as_view(), name="source"),
    path("sources/<str:source_id>/ingest", SourceIngestView.as_view(), name="source-ingest"),
    path("sources/<str:source_id>/upload", SourceUploadView.as_view(), name="source-upload"),
    path(
        "sources/<str:source_id>/documents",
        SourceDocumentsView.as_view(),
        name="source-documents",
    ),
    path("documents/<str:document_id>", DocumentView.as_view(), name="document"),
    path("documents/<str:document_id>/file", DocumentFileView.as_view(), name="document-file"),
    path(
        "documents/<str:document_id>/chunks", DocumentChunksView.as_view(), name="document-chunks"
    ),
    path("chunks/<str:chunk_id>", ChunkView.as_view(), name="chunk"),
]
