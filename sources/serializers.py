"""Sources, documents and chunks as clients write and read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from minirag.api.serializers import StrictSerializer
from sources.models import (
    Chunk,
    Document,
    DocumentStatus,
    Refresh,
    Source,
    SourceStatus,
    SourceType,
)
from sources.options import check_options, shown
from sources.validation import clean_name


class RowErrorSerializer(serializers.Serializer[Any]):
    """Why something failed: a code of the closed list, and words."""

    code = serializers.CharField()
    message = serializers.CharField()


class CountsSerializer(serializers.Serializer[Any]):
    """What a source holds now."""

    documents = serializers.IntegerField()
    chunks = serializers.IntegerField()
    tokens = serializers.IntegerField()
    failed = serializers.IntegerField()


class OptionsSerializer(serializers.Serializer[Any]):
    """Options as they act; each type has its own."""

    include = serializers.ListField(child=serializers.CharField(), required=False)
    exclude = serializers.ListField(child=serializers.CharField(), required=False)
    depth = serializers.IntegerField(required=False)
    max_pages = serializers.IntegerField(required=False)
    other_sites = serializers.BooleanField(required=False)
    prune = serializers.BooleanField(required=False)
    password_set = serializers.BooleanField(
        required=False, help_text="Whether a password for files that need one is kept."
    )


class SourceOptions(serializers.Serializer[Any]):
    """Changes of the options. A type takes its own only; null takes one back to its default.

    `sitemap`: include, exclude, max_pages, other_sites, prune, password. `crawl`: include, exclude,
    depth, max_pages, prune, password. `file`: prune (entries of an archive), password. `url`:
    password. `text`: none.
    """

    include = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        allow_null=True,
        help_text="Globs on the path with its query, such as `/docs/*`; empty takes every page.",
    )
    exclude = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        allow_null=True,
        help_text="As include; what one of these matches is not taken.",
    )
    depth = serializers.IntegerField(
        required=False, allow_null=True, help_text="Links from the first page to the last."
    )
    max_pages = serializers.IntegerField(required=False, allow_null=True)
    other_sites = serializers.BooleanField(
        required=False, allow_null=True, help_text="Take pages of other hosts that it names."
    )
    prune = serializers.BooleanField(
        required=False, allow_null=True, help_text="Remove what is gone upstream (default true)."
    )
    password = serializers.CharField(
        required=False,
        allow_null=True,
        write_only=True,
        help_text="For files that need one; kept encrypted, never read back.",
    )


@extend_schema_field(SourceOptions)
class OptionsField(serializers.DictField):
    """An object; what may stand in it depends on the source's type, so the service judges."""

    @staticmethod
    def as_written(shown: Mapping[str, Any]) -> dict[str, Any]:
        """What is read that may be written: all but whether there is a password."""
        known = SourceOptions().fields
        return {name: value for name, value in shown.items() if name in known}


class SourceUpdate(StrictSerializer):
    """Changes of a source. Its type stands for good."""

    rules = {"name": clean_name, "options": check_options}

    name = serializers.CharField(max_length=200, required=False)
    content = serializers.CharField(
        required=False,
        allow_blank=True,
        allow_null=True,
        trim_whitespace=False,
        help_text="Of a text source.",
    )
    url = serializers.CharField(
        required=False,
        allow_blank=True,
        allow_null=True,
        help_text="Of a url, sitemap or crawl source.",
    )
    options = OptionsField(required=False)
    refresh = serializers.ChoiceField(
        choices=Refresh.choices,
        required=False,
        help_text="How often a url, sitemap or crawl source is read again by itself.",
    )
    metadata = serializers.DictField(
        required=False, help_text="A flat object of strings, numbers and booleans."
    )


class SourceCreate(SourceUpdate):
    """A new source."""

    name = serializers.CharField(max_length=200)
    type = serializers.ChoiceField(choices=SourceType.choices)


class SourceSerializer(serializers.ModelSerializer[Source]):
    """A source with what it holds."""

    type = serializers.ChoiceField(choices=SourceType.choices)
    status = serializers.ChoiceField(choices=SourceStatus.choices)
    error = RowErrorSerializer(allow_null=True)
    counts = serializers.SerializerMethodField()
    content = serializers.SerializerMethodField(
        help_text="Of a text source; null in a list where it is longer than 10,000 characters."
    )
    url = serializers.SerializerMethodField()
    options = serializers.SerializerMethodField()
    refresh = serializers.ChoiceField(choices=Refresh.choices)
    next_refresh_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        model = Source
        fields = (
            "id",
            "name",
            "type",
            "content",
            "url",
            "options",
            "metadata",
            "refresh",
            "next_refresh_at",
            "status",
            "error",
            "counts",
            "last_ingested_at",
            "created_at",
            "updated_at",
        )

    def get_content(self, source: Any) -> str | None:
        listed = "content" in source.get_deferred_fields()
        text: str | None = source.short_content if listed else source.content
        return text or None

    def get_url(self, source: Source) -> str | None:
        return source.url or None

    @extend_schema_field(OptionsSerializer)
    def get_options(self, source: Source) -> dict[str, Any]:
        return shown(source)

    @extend_schema_field(CountsSerializer)
    def get_counts(self, source: Any) -> dict[str, int]:
        return {
            "documents": source.count_documents,
            "chunks": source.count_chunks,
            "tokens": source.count_tokens,
            "failed": source.count_failed,
        }


class DocumentSerializer(serializers.ModelSerializer[Document]):
    """A document without its text."""

    url = serializers.SerializerMethodField()
    status = serializers.ChoiceField(choices=DocumentStatus.choices)
    error = RowErrorSerializer(allow_null=True)
    chunk_count = serializers.SerializerMethodField()

    class Meta:
        model = Document
        fields: tuple[str, ...] = (
            "id",
            "source_id",
            "container_id",
            "key",
            "title",
            "url",
            "mime_type",
            "text_length",
            "content_hash",
            "status",
            "error",
            "metadata",
            "chunk_count",
            "created_at",
            "updated_at",
        )

    def get_url(self, document: Document) -> str | None:
        return document.url or None

    def get_chunk_count(self, document: Any) -> int:
        return int(document.chunk_count)


class DocumentDetailSerializer(DocumentSerializer):
    """A document with its normalised text."""

    class Meta(DocumentSerializer.Meta):
        fields = (*DocumentSerializer.Meta.fields, "text")


class UploadedSerializer(serializers.Serializer[Any]):
    """What an upload answers."""

    documents = DocumentSerializer(many=True)


class UploadForm(StrictSerializer):
    """One or more files under the repeated name ``file``."""

    file = serializers.ListField(child=serializers.FileField(allow_empty_file=True), min_length=1)


class ChunkSerializer(serializers.ModelSerializer[Chunk]):
    """A passage: ``document.text[start:end] == text``, in Unicode code points."""

    class Meta:
        model = Chunk
        fields = (
            "id",
            "document_id",
            "ordinal",
            "text",
            "start",
            "end",
            "page",
            "heading_path",
            "token_count",
            "enabled",
            "qdrant_point_id",
        )


class ChunkUpdate(StrictSerializer):
    """Whether answers may use a passage."""

    enabled = serializers.BooleanField()
