"""Endpoints of documents and chunks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from typing import IO, Any, ClassVar

from asgiref.sync import sync_to_async
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ingestion.parsing.archives import extract, list_entries
from ingestion.serializers import IngestJobSerializer
from ingestion.services import schedule_document_delete
from minirag.api.serializers import PageParams, page_of
from minirag.errors import ErrorCode, NotFound, UnreadableSource
from minirag.types import RawDocument
from sources.models import Document
from sources.options import password_of
from sources.selectors import access_chunk, access_document, list_chunks
from sources.serializers import ChunkSerializer, ChunkUpdate, DocumentDetailSerializer
from sources.services import set_chunk_enabled
from sources.uploads import download_type
from tenants.api_base import TenantView
from tenants.models import TokenScope

_BLOCK = 64 * 1024


class DocumentView(TenantView):
    """One document."""

    scopes: ClassVar = {"GET": TokenScope.READ, "DELETE": TokenScope.WRITE}
    actions: ClassVar = {"DELETE": "document.delete"}
    path_objects: ClassVar = {"document_id": access_document}

    @extend_schema(
        operation_id="documents_retrieve",
        summary="One document with its normalised text",
        responses=DocumentDetailSerializer,
    )
    def get(self, request: Request, **_: Any) -> Response:
        return Response(DocumentDetailSerializer(self.object("document_id")).data)

    @extend_schema(
        operation_id="documents_delete",
        summary="Delete a document: unfindable at once, its index is cleared by the job",
        responses={202: IngestJobSerializer},
    )
    def delete(self, request: Request, **_: Any) -> Response:
        """From this answer on no search or chat returns its text. An archive's files go too."""
        job = schedule_document_delete(self.auth, self.object("document_id"))
        return Response(IngestJobSerializer(job).data, status=202)


class DocumentFileView(TenantView):
    """The original of an uploaded document; others have none and are not found."""

    scopes: ClassVar = {"GET": TokenScope.READ}
    failures: ClassVar = {"GET": (ErrorCode.UNREADABLE_SOURCE, ErrorCode.UNAVAILABLE)}
    path_objects: ClassVar = {"document_id": access_document}

    @extend_schema(
        operation_id="documents_file",
        summary="The original, as an attachment",
        responses={
            (200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, "The file.")
        },
    )
    def get(self, request: Request, **_: Any) -> HttpResponseBase:
        document: Document = self.object("document_id")
        file = _entry(document) if document.container_id else _open(document)
        return StreamingHttpResponse(
            _blocks(file),
            content_type=download_type(document),
            headers={
                "Content-Disposition": content_disposition_header(True, document.key) or "",
                "Content-Length": str(file.size),
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "sandbox; default-src 'none'",
                "Cache-Control": "private, no-store",
            },
        )


def _open(document: Document) -> Any:
    """The stored original, of the live version where there is one. Raises ``NotFound``."""
    name = document.upload or document.pending_upload
    if not name:
        raise NotFound
    try:
        return default_storage.open(name)
    except FileNotFoundError as error:
        raise NotFound from error


def _entry(document: Document) -> File[bytes]:
    """The file inside the archive that it came in, taken out in the parser's child.

    Raises ``NotFound`` where the archive has no such file (any more).
    """
    archives = Document.objects.select_related("source")
    archive = archives.filter(pk=document.container_id).first()
    if archive is None:
        raise NotFound
    with closing(_open(archive)) as stored:
        raw = RawDocument(
            archive.key,
            stored.read(),
            archive.mime_type,
            password=password_of(archive.source),
        )
    for entry in list_entries(raw):
        if entry.name == document.key:
            (found,) = extract(raw, [entry.index])
            if isinstance(found, UnreadableSource):
                raise found
            return ContentFile(found.content)
    raise NotFound


async def _blocks(file: IO[bytes]) -> AsyncIterator[bytes]:
    try:
        while block := await sync_to_async(file.read)(_BLOCK):
            yield block
    finally:
        await sync_to_async(file.close)()


class DocumentChunksView(TenantView):
    """A document's passages, in the order of its text."""

    scopes: ClassVar = {"GET": TokenScope.READ}
    path_objects: ClassVar = {"document_id": access_document}

    @extend_schema(
        operation_id="documents_chunks_list",
        summary="Chunks of a document by their ordinal",
        parameters=[PageParams],
        responses=page_of(ChunkSerializer),
    )
    def get(self, request: Request, **_: Any) -> Response:
        return self.page(list_chunks(self.auth, self.object("document_id")), ChunkSerializer)


class ChunkView(TenantView):
    """A passage that is not `enabled` stands in no answer, also after the next ingest."""

    scopes: ClassVar = {"PATCH": TokenScope.WRITE}
    actions: ClassVar = {"PATCH": "chunk.update"}
    path_objects: ClassVar = {"chunk_id": access_chunk}

    def present_values(self, data: Any) -> Mapping[str, Any]:
        """A chunk has no address to be read at: its page is the refusal of a GET."""
        return {"enabled": self.object("chunk_id").enabled}

    @extend_schema(
        operation_id="chunks_update",
        summary="Take a passage out of every answer, or let it in again",
        request=ChunkUpdate,
        responses=ChunkSerializer,
    )
    def patch(self, request: Request, **_: Any) -> Response:
        enabled = self.body(ChunkUpdate)["enabled"]
        chunk = set_chunk_enabled(self.auth, self.object("chunk_id"), enabled)
        return Response(ChunkSerializer(chunk).data)
