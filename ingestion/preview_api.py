"""The endpoint of a look ahead at an ingest."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ingestion.preview import Preview, preview_source
from ingestion.preview.results import Fate
from ingestion.serializers import ErrorFieldSerializer
from minirag.api.serializers import NoBody
from minirag.errors import ErrorCode
from sources.selectors import access_source
from tenants.api_base import TenantView
from tenants.models import TokenScope
from usage.money import usd


class PreviewCountsSerializer(serializers.Serializer[Any]):
    """Documents by what an ingest would make of them."""

    added = serializers.IntegerField()
    changed = serializers.IntegerField()
    moved = serializers.IntegerField()
    removed = serializers.IntegerField()
    waiting = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    failed = serializers.IntegerField()


class PreviewDocumentSerializer(serializers.Serializer[Any]):
    """One document; ``tokens`` are those of its new chunks."""

    key = serializers.CharField()
    title = serializers.CharField()
    change = serializers.ChoiceField(choices=[str(fate) for fate in Fate])
    chunks = serializers.IntegerField()
    new_chunks = serializers.IntegerField()
    tokens = serializers.IntegerField()
    error = ErrorFieldSerializer(allow_null=True)


class PreviewChunkSerializer(serializers.Serializer[Any]):
    """A chunk as it would be; offsets are in the text of the document ``key`` as it would be."""

    key = serializers.CharField()
    text = serializers.CharField(source="chunk.text")
    start = serializers.IntegerField(source="chunk.start")
    end = serializers.IntegerField(source="chunk.end")
    page = serializers.IntegerField(source="chunk.page", allow_null=True)
    heading_path = serializers.ListField(source="chunk.heading_path", child=serializers.CharField())
    token_count = serializers.IntegerField(source="chunk.token_count")


class PreviewSerializer(serializers.Serializer[Any]):
    """What an ingest would do now. ``new_chunks`` and ``tokens`` are what would be embedded.

    ``complete`` is false where a limit ended the look; the figures are then of what was seen.
    ``cost_usd`` is null where the price is unknown, ``minutes`` where nothing was measured yet.
    """

    complete = serializers.BooleanField()
    counts = PreviewCountsSerializer()
    chunks = serializers.IntegerField()
    new_chunks = serializers.IntegerField()
    tokens = serializers.IntegerField()
    cost_usd = serializers.SerializerMethodField()
    minutes = serializers.FloatField(allow_null=True)
    documents = PreviewDocumentSerializer(many=True)
    first_chunks = PreviewChunkSerializer(source="samples", many=True)

    def get_cost_usd(self, found: Preview) -> str | None:
        return usd(found.cost_nano)


class SourcePreviewView(TenantView):
    """Reads the source as an ingest would. Where a limit ends the look, `complete` is false."""

    scopes: ClassVar = {"POST": TokenScope.WRITE}
    actions: ClassVar = {"POST": "source.preview"}
    failures: ClassVar = {"POST": (ErrorCode.UNREADABLE_SOURCE, ErrorCode.ADDRESS_REFUSED)}
    path_objects: ClassVar = {"source_id": access_source}
    rate = "chat"

    @extend_schema(
        operation_id="sources_preview",
        summary="What an ingest would change and cost; nothing is written or embedded",
        request=NoBody,
        responses=PreviewSerializer,
    )
    def post(self, request: Request, **_: Any) -> Response:
        self.body(NoBody)
        found = preview_source(self.auth, self.object("source_id"))
        return Response(PreviewSerializer(found).data)
