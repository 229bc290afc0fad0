"""Sources with upload and ingest, documents and chunks."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models, transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from ingestion.pages import PreviewPage
from ingestion.services import schedule_delete, schedule_document_delete, schedule_ingest
from sources import services
from sources.admin.forms import OPTION_FIELDS, SourceForm, option_changes, option_field
from sources.models import Chunk, Document, Refresh, Source, SourceType
from sources.options import PASSWORD, keys_of
from tenants.console import DomainAdmin, DomainForm, ScopedInline, register
from tenants.context import AuthContext
from tenants.models import TokenScope


def told(error: dict[str, str] | None) -> str:
    """An error field as people read it."""
    return format_html("<code>{}</code> {}", error["code"], error["message"]) if error else "—"


# What stands on the form of a source beside its name, by type.
_OWN = {
    SourceType.TEXT: ["content"],
    SourceType.FILE: ["uploads"],
    SourceType.URL: ["url", "refresh"],
    SourceType.SITEMAP: ["url", "refresh"],
    SourceType.CRAWL: ["url", "refresh"],
}


class DocumentInline(ScopedInline):
    model = Document
    fields = ("key", "title", "status", "problem", "text_length", "updated_at")
    ordering = ("key",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        rows = super().get_queryset(request).filter(deleted_at__isnull=True)
        shown: QuerySet[Document] = rows.defer("text", "links")
        return shown

    @admin.display(description="error")
    def problem(self, row: Document) -> str:
        return told(row.error)


@register(Source)
class SourceAdmin(PreviewPage):
    form = SourceForm
    add_scope = change_scope = delete_scope = TokenScope.WRITE
    list_display = ("name", "type", "status", "document_count", "problem", "last_ingested_at")
    list_filter = ("type", "status", "refresh", "created_at")
    search_fields = ("name", "url")
    actions = ("ingest_now",)
    inlines = (DocumentInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Source]:
        live = models.Q(documents__deleted_at__isnull=True)
        rows = super().get_queryset(request).filter(deleted_at__isnull=True)
        counted: QuerySet[Source] = rows.annotate(documents_held=Count("documents", filter=live))
        return counted

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("type", "status", "problem", "last_ingested_at", "next_refresh_at") if obj else ()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Of a source that exists, only what its type has."""
        if obj is None:
            main = ["name", "type", "content", "url", "uploads", "refresh", "metadata"]
            sets = [
                (None, {"fields": [*main, "ingest_now"]}),
                ("Options", {"fields": list(OPTION_FIELDS), "classes": ["collapse"]}),
            ]
        else:
            sets = [(None, {"fields": ["name", "type", *_OWN[obj.type], "metadata", "ingest_now"]})]
            if own := [option_field(name) for name in keys_of(obj.type)]:
                if PASSWORD in keys_of(obj.type) and obj.__dict__["secrets"]:
                    own.append("option_clear_password")
                sets.append(("Options", {"fields": own}))
            state = ["status", "problem", "last_ingested_at"]
            if "refresh" in _OWN[obj.type]:
                state.append("next_refresh_at")
            sets.append(("State", {"fields": state}))
        if not self.in_console and obj is None:
            sets.insert(0, (None, {"fields": ["tenant"]}))
        return sets

    @transaction.atomic
    def create(self, auth: AuthContext, form: DomainForm) -> models.Model:
        data = form.cleaned_data
        source = services.create_source(
            auth,
            name=data["name"],
            type=data["type"],
            content=data["content"],
            url=data["url"],
            metadata=data["metadata"] or {},
            options=option_changes(form),
            refresh=data["refresh"] or Refresh.OFF,
        )
        self._take(auth, source, data)
        return source

    @transaction.atomic
    def change(self, auth: AuthContext, row: Any, form: DomainForm) -> models.Model:
        names = ("name", "content", "url", "metadata", "refresh")
        changes = {name: form.cleaned_data[name] for name in names if name in form.changed_data}
        if options := option_changes(form):
            changes["options"] = options
        source = services.update_source(auth, row, **changes)
        self._take(auth, source, form.cleaned_data)
        return source

    def _take(self, auth: AuthContext, source: Source, data: dict[str, Any]) -> None:
        if data.get("uploads"):
            services.add_uploads(auth, source, data["uploads"])
        if data.get("ingest_now") and (source.type != SourceType.FILE or data.get("uploads")):
            schedule_ingest(auth, source)

    @transaction.atomic
    def remove(self, auth: AuthContext, row: Any) -> None:
        services.retire_source(auth, row)
        schedule_delete(auth, row)

    @admin.action(description="Ingest now", permissions=["change"])
    def ingest_now(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        self.each(request, queryset, schedule_ingest, "Ingest jobs queued")

    @admin.display(description="documents", ordering="documents_held")
    def document_count(self, row: Any) -> int:
        return int(row.documents_held)

    @admin.display(description="error")
    def problem(self, row: Source) -> str:
        return told(row.error)


@register(Document)
class DocumentAdmin(DomainAdmin):
    delete_scope = TokenScope.WRITE
    list_display = ("key", "title", "source", "status", "chunk_count", "problem", "updated_at")
    list_filter = ("status", ("source", admin.RelatedOnlyFieldListFilter), "updated_at")
    list_select_related = ("source",)
    search_fields = ("key", "title")
    fields = (
        "key", "title", "source", "container", "url", "mime_type", "status", "problem", "text",
        "metadata",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        rows = super().get_queryset(request)
        live = rows.filter(deleted_at__isnull=True, source__deleted_at__isnull=True)
        counted: QuerySet[Document] = live.annotate(chunks_held=Count("chunks"))
        return counted

    @transaction.atomic
    def remove(self, auth: AuthContext, row: Any) -> None:
        services.retire_document(auth, row)
        schedule_document_delete(auth, row)

    @admin.display(description="chunks", ordering="chunks_held")
    def chunk_count(self, row: Any) -> int:
        return int(row.chunks_held)

    @admin.display(description="error")
    def problem(self, row: Document) -> str:
        return told(row.error)


@register(Chunk)
class ChunkAdmin(DomainAdmin):
    change_scope = TokenScope.WRITE
    list_display = ("beginning", "document", "ordinal", "page", "token_count", "enabled")
    list_filter = ("enabled", ("source", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("document",)
    search_fields = ("text",)
    fields = ("enabled", "document", "ordinal", "heading_path", "page", "text", "token_count")
    readonly_fields = ("document", "ordinal", "heading_path", "page", "text", "token_count")
    actions = ("disable", "enable")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Chunk]:
        live = {"document__deleted_at__isnull": True, "source__deleted_at__isnull": True}
        rows: QuerySet[Chunk] = super().get_queryset(request).filter(**live)
        return rows

    def change(self, auth: AuthContext, row: Any, form: DomainForm) -> models.Model:
        return services.set_chunk_enabled(auth, row, form.cleaned_data["enabled"])

    @admin.action(description="Take out of every answer", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Chunk]) -> None:
        self.each(request, queryset, lambda a, c: services.set_chunk_enabled(a, c, False), "Out")

    @admin.action(description="Let into answers again", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Chunk]) -> None:
        self.each(request, queryset, lambda a, c: services.set_chunk_enabled(a, c, True), "In")

    @admin.display(description="text")
    def beginning(self, row: Chunk) -> str:
        return row.text[:100] + ("…" if len(row.text) > 100 else "")
