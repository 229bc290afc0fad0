"""Sources with upload and ingest, documents and chunks."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from ingestion.pages import PreviewPage
from ingestion.services import schedule_delete, schedule_document_delete, schedule_ingest
from minirag.counts import count_of
from sources import services
from sources.admin.forms import OPTION_FIELDS, TYPES, SourceForm, option_changes, option_field
from sources.models import Chunk, Document, Refresh, Source, SourceStatus, SourceType
from sources.options import PASSWORD, keys_of
from tenants.console import (
    NOTHING,
    DomainAdmin,
    DomainForm,
    ScopedInline,
    many,
    pill,
    register,
    told_error,
)
from tenants.context import AuthContext
from tenants.models import TokenScope

# Documents that are shown on the page of their source.
MOST_INLINE = 100
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
    fields = ("opened", "title", "shown_status", "problem", "updated_at")
    ordering = ("key",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        rows = super().get_queryset(request).filter(deleted_at__isnull=True)
        shown: QuerySet[Document] = rows.defer("text", "links")
        return shown

    @admin.display(description="key")
    def opened(self, row: Document) -> str:
        return self.linked(row, row.key)

    @admin.display(description="status")
    def shown_status(self, row: Document) -> str:
        return pill(row.status)

    @admin.display(description="problem")
    def problem(self, row: Document) -> str:
        return told_error(row.error)


@register(Source)
class SourceAdmin(PreviewPage):
    form = SourceForm
    add_scope = change_scope = delete_scope = TokenScope.WRITE
    empty_words = (
        "No sources yet. A source is what bots answer from: a text, files, a web page, or a site."
    )
    delete_words = (
        "The source goes with its documents, passages and files. No answer uses them from now on; "
        "it cannot be taken back."
    )
    list_display = (
        "name", "shown_type", "shown_status", "document_count", "problem", "last_ingested_at",
    )  # fmt: skip
    list_filter = ("type", "status", "refresh", "created_at")
    search_fields = ("name", "url")
    actions = ("ingest_now",)
    inlines = (DocumentInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Source]:
        rows: QuerySet[Source] = super().get_queryset(request).filter(deleted_at__isnull=True)
        live = Document.objects.filter(deleted_at__isnull=True)
        return rows.annotate(documents_held=count_of(live, "source")).defer("content")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        state = ("shown_status", "problem", "held", "last_ingested_at", "next_refresh_at")
        return ("shown_type", *state) if obj else ()

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        """Documents of a source that has some; of very many the link to their list is enough."""
        few = obj is not None and 0 < obj.documents_held <= MOST_INLINE
        return super().get_inlines(request, obj) if few else []

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Of a source that exists, only what its type has."""
        if obj is None:
            main = ["name", "type", "content", "url", "uploads", "refresh", "ingest_now"]
            more = [*OPTION_FIELDS, "metadata"]
            sets = [
                (None, {"fields": main}),
                ("Options", {"fields": more, "classes": ["collapse"]}),
            ]
        else:
            own = [option_field(name) for name in keys_of(obj.type)]
            if PASSWORD in keys_of(obj.type) and obj.__dict__["secrets"]:
                own.append("option_clear_password")
            state = ["shown_status", "problem", "held", "last_ingested_at"]
            if "refresh" in _OWN[obj.type]:
                state.append("next_refresh_at")
            main = ["name", "shown_type", *_OWN[obj.type], "ingest_now"]
            groups = [("State", state), (None, main), ("Options", [*own, "metadata"])]
            sets = [
                (name, {"fields": self.readable(request, obj, group)}) for name, group in groups
            ]
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

    @admin.display(description="type", ordering="type")
    def shown_type(self, row: Source) -> str:
        return TYPES[row.type]

    @admin.display(description="status", ordering="status")
    def shown_status(self, row: Source) -> str:
        active = row.status in (SourceStatus.QUEUED, SourceStatus.PROCESSING)
        return pill(row.status, active=active)

    @admin.display(description="documents")
    def held(self, row: Any) -> str:
        documents = many(row.documents_held, "document", "documents")
        lists = [
            (reverse(f"{self.admin_site.name}:{name}_changelist"), key, row.pk, words)
            for name, key, words in (
                ("sources_document", "source__id__exact", documents),
                ("ingestion_ingestjob", "source_id__exact", "jobs of this source"),
            )
        ]
        return format_html_join(" · ", '<a href="{}?{}={}">{}</a>', lists)

    @admin.display(description="documents", ordering="documents_held")
    def document_count(self, row: Any) -> int:
        return int(row.documents_held)

    @admin.display(description="problem")
    def problem(self, row: Source) -> str:
        kept = row.error and row.last_ingested_at and row.status == SourceStatus.PARTIAL
        words = "What was read before goes on answering." if kept else ""
        return format_html("{} {}", told_error(row.error), words)


@register(Document)
class DocumentAdmin(DomainAdmin):
    belongs_to = "source"
    delete_scope = TokenScope.WRITE
    empty_words = "No documents yet. They come from sources: add one, and let it be read."
    delete_words = (
        "The document goes with its passages. A source that still holds it brings it back when it "
        "is read again."
    )
    list_display = (
        "key", "title", "source", "shown_status", "chunk_count", "problem", "updated_at",
    )  # fmt: skip
    list_filter = ("status", ("source", admin.RelatedOnlyFieldListFilter), "updated_at")
    list_select_related = ("source",)
    search_fields = ("key", "title")
    fields = (
        "key", "title", "source", "container", "url", "mime_type", "shown_status", "problem",
        "passages", "text", "metadata",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        rows: QuerySet[Document] = super().get_queryset(request)
        live = rows.filter(deleted_at__isnull=True, source__deleted_at__isnull=True)
        counted = live.annotate(chunks_held=count_of(Chunk.objects.all(), "document"))
        return counted.defer("text", "links", "source__content")

    @transaction.atomic
    def remove(self, auth: AuthContext, row: Any) -> None:
        services.retire_document(auth, row)
        schedule_document_delete(auth, row)

    @admin.display(description="status", ordering="status")
    def shown_status(self, row: Document) -> str:
        return pill(row.status)

    @admin.display(description="passages")
    def passages(self, row: Any) -> str:
        route = reverse(f"{self.admin_site.name}:sources_chunk_changelist")
        words = many(row.chunks_held, "passage", "passages")
        return format_html('<a href="{}?document__id__exact={}">{}</a>', route, row.pk, words)

    @admin.display(description="passages", ordering="chunks_held")
    def chunk_count(self, row: Any) -> int:
        return int(row.chunks_held)

    @admin.display(description="problem")
    def problem(self, row: Document) -> str:
        return told_error(row.error)


@register(Chunk)
class ChunkAdmin(DomainAdmin):
    belongs_to = "document"
    change_scope = TokenScope.WRITE
    empty_words = "No passages yet. Documents are cut into them when a source is read."
    list_display = ("beginning", "document", "ordinal", "page", "token_count", "enabled")
    list_filter = ("enabled", ("source", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("document",)
    search_fields = ("text",)
    fields = ("enabled", "document", "ordinal", "headings", "page", "text", "token_count")
    readonly_fields = ("document", "ordinal", "headings", "page", "text", "token_count")
    actions = ("disable", "enable")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Chunk]:
        live = {"document__deleted_at__isnull": True, "source__deleted_at__isnull": True}
        rows: QuerySet[Chunk] = super().get_queryset(request).filter(**live)
        return rows.defer("document__text", "document__links")

    def change(self, auth: AuthContext, row: Any, form: DomainForm) -> models.Model:
        return services.set_chunk_enabled(auth, row, form.cleaned_data["enabled"])

    @admin.action(description="Take out of every answer", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Chunk]) -> None:
        self.each(request, queryset, lambda a, c: services.set_chunk_enabled(a, c, False), "Out")

    @admin.action(description="Let into answers again", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Chunk]) -> None:
        self.each(request, queryset, lambda a, c: services.set_chunk_enabled(a, c, True), "In")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup == "document__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description="headings")
    def headings(self, row: Chunk) -> str:
        return " › ".join(row.heading_path) or NOTHING

    @admin.display(description="text")
    def beginning(self, row: Chunk) -> str:
        return row.text[:100] + ("…" if len(row.text) > 100 else "")
