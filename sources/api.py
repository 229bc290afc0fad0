"""Endpoints of sources."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpRequest
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ingestion.serializers import IngestJobSerializer
from ingestion.services import schedule_delete, schedule_ingest
from minirag.api.parsers import FileFormParser
from minirag.api.serializers import NoBody, PageParams, page_of
from minirag.errors import ErrorCode, NotFound
from sources.receiving import CappedUploadHandler
from sources.selectors import access_source, list_documents, list_sources
from sources.serializers import (
    DocumentSerializer,
    SourceCreate,
    SourceSerializer,
    SourceUpdate,
    UploadedSerializer,
    UploadForm,
)
from sources.services import add_uploads, create_source, update_source
from tenants.api_base import TenantView
from tenants.models import TokenScope


class SourcesView(TenantView):
    """The tenant's sources."""

    scopes: ClassVar = {"GET": TokenScope.READ, "POST": TokenScope.WRITE}
    actions: ClassVar = {"POST": "source.create"}
    failures: ClassVar = {"POST": (ErrorCode.ADDRESS_REFUSED,)}
    idempotent = True
    atomic = True

    @extend_schema(
        operation_id="sources_list",
        summary="Sources, newest first",
        parameters=[PageParams],
        responses=page_of(SourceSerializer),
    )
    def get(self, request: Request) -> Response:
        return self.page(list_sources(self.auth), SourceSerializer)

    @extend_schema(
        operation_id="sources_create",
        summary="Make a source; ingest it to have it answered from",
        request=SourceCreate,
        examples=[
            OpenApiExample(
                "A text",
                {"name": "Fleet handbook", "type": "text", "content": "Fuel receipts …"},
                request_only=True,
            )
        ],
        responses={201: SourceSerializer},
    )
    def post(self, request: Request) -> Response:
        """`text` needs `content`; `url`, `sitemap` and `crawl` need `url`. Nothing is read before
        an ingest is asked for.
        """
        source = create_source(self.auth, **self.body(SourceCreate))
        return Response(SourceSerializer(access_source(self.auth, source.pk)).data, status=201)


class SourceView(TenantView):
    """One source."""

    scopes: ClassVar = {
        "GET": TokenScope.READ,
        "PATCH": TokenScope.WRITE,
        "DELETE": TokenScope.WRITE,
    }
    actions: ClassVar = {"PATCH": "source.update", "DELETE": "source.delete"}
    failures: ClassVar = {"PATCH": (ErrorCode.ADDRESS_REFUSED,)}
    path_objects: ClassVar = {"source_id": access_source}

    @extend_schema(
        operation_id="sources_retrieve", summary="One source", responses=SourceSerializer
    )
    def get(self, request: Request, **_: Any) -> Response:
        return Response(SourceSerializer(self.object("source_id")).data)

    @extend_schema(
        operation_id="sources_update",
        summary="Change a source; answers change with the next ingest",
        request=SourceUpdate,
        responses=SourceSerializer,
    )
    def patch(self, request: Request, **_: Any) -> Response:
        """What is left out stays. `options` and `metadata` are merged, null takes a key back. The
        type of a source stands for good.
        """
        changes = self.body(SourceUpdate, partial=True)
        source = self.object("source_id")
        if "metadata" in changes:
            changes["metadata_changes"] = changes.pop("metadata")
        return Response(SourceSerializer(update_source(self.auth, source, **changes)).data)

    @extend_schema(
        operation_id="sources_delete",
        summary="Delete a source: unfindable at once, its index is cleared by the job",
        responses={202: IngestJobSerializer},
    )
    def delete(self, request: Request, **_: Any) -> Response:
        """From this answer on the source is not found, and no search or chat returns its text. The
        job clears the index; it cannot be cancelled.
        """
        job = schedule_delete(self.auth, self.object("source_id"))
        return Response(IngestJobSerializer(job).data, status=202)


class SourceIngestView(TenantView):
    """Answers with a job; a request while one waits joins it."""

    scopes: ClassVar = {"POST": TokenScope.WRITE}
    actions: ClassVar = {"POST": "source.ingest"}
    path_objects: ClassVar = {"source_id": access_source}
    idempotent = True
    atomic = True

    @extend_schema(
        operation_id="sources_ingest",
        summary="Read a source anew; what is unchanged costs nothing",
        request=NoBody,
        responses={202: IngestJobSerializer},
    )
    def post(self, request: Request, **_: Any) -> Response:
        self.body(NoBody)
        job = schedule_ingest(self.auth, self.object("source_id"))
        return Response(IngestJobSerializer(job).data, status=202)


class SourceUploadView(TenantView):
    """Files for a source of type `file`: all of a request are taken, or none.

    A file of a name that the source has replaces it at the next ingest; the old version answers
    until then.
    """

    scopes: ClassVar = {"POST": TokenScope.WRITE}
    actions: ClassVar = {"POST": "source.upload"}
    failures: ClassVar = {"POST": (ErrorCode.QUOTA_EXCEEDED,)}
    path_objects: ClassVar = {"source_id": access_source}
    parser_classes = [FileFormParser]
    idempotent = True

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        # Where a middleware has read the form already, the service's own check of the size stands.
        if not hasattr(request, "_files"):
            handlers = [CappedUploadHandler(request), *request.upload_handlers]
            request.upload_handlers = handlers
        return super().initialize_request(request, *args, **kwargs)

    @extend_schema(
        operation_id="sources_upload",
        summary="Store files; the next ingest reads them",
        request={"multipart/form-data": UploadForm},
        responses={201: UploadedSerializer},
    )
    def post(self, request: Request, **_: Any) -> Response:
        files = self.body(UploadForm)["file"]
        added = add_uploads(self.auth, self.object("source_id"), files)
        rows = list_documents(self.auth).in_bulk([document.pk for document in added])
        if len(rows) < len(added):
            raise NotFound  # the source was deleted meanwhile
        shown = [rows[document.pk] for document in added]
        return Response({"documents": DocumentSerializer(shown, many=True).data}, status=201)


class SourceDocumentsView(TenantView):
    """What a source holds, files of archives and pages of sites included."""

    scopes: ClassVar = {"GET": TokenScope.READ}
    path_objects: ClassVar = {"source_id": access_source}

    @extend_schema(
        operation_id="sources_documents_list",
        summary="Documents of a source, newest first, without their texts",
        parameters=[PageParams],
        responses=page_of(DocumentSerializer),
    )
    def get(self, request: Request, **_: Any) -> Response:
        return self.page(list_documents(self.auth, self.object("source_id")), DocumentSerializer)
