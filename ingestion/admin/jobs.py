"""Jobs: their state, progress and error at a glance; cancel and retry."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from ingestion.models import IngestJob, JobState
from ingestion.services import cancel_job, retry_job
from tenants.console import DomainAdmin, register
from tenants.models import TokenScope


@register(IngestJob)
class IngestJobAdmin(DomainAdmin):
    # Rows are made by "Ingest now"; only the actions change them.
    change_scope = None
    list_display = ("created_at", "kind", "shown_state", "progress", "waiting_for", "problem")
    list_filter = ("state", "kind", "created_at")
    search_fields = ("id", "source_id")
    fields = (
        "kind",
        "source_id",
        "document_id",
        "shown_state",
        "progress",
        "waiting_for",
        "problem",
        "attempts",
        "created_at",
        "started_at",
        "finished_at",
    )
    actions = ("cancel", "retry")

    class Media:
        js = ("minirag/jobs.js",)

    @admin.display(description="state", ordering="state")
    def shown_state(self, row: IngestJob) -> str:
        active = "active" if row.state in (JobState.QUEUED, JobState.RUNNING) else "ended"
        return format_html('<span class="job-state {} {}">{}</span>', active, row.state, row.state)

    @admin.display(description="progress")
    def progress(self, row: IngestJob) -> str:
        if not row.total:
            return row.stage or "—"
        return format_html(
            '<progress max="{}" value="{}"></progress> {} {}/{}',
            row.total,
            row.done,
            row.stage,
            row.done,
            row.total,
        )

    @admin.display(description="error")
    def problem(self, row: IngestJob) -> str:
        if not row.error:
            return "—"
        return format_html("<code>{}</code> {}", row.error["code"], row.error["message"])

    def has_write_permission(self, request: HttpRequest) -> bool:
        """For the actions below."""
        return self._may(request, TokenScope.WRITE)

    @admin.action(description="Cancel", permissions=["write"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[IngestJob]) -> None:
        self.each(request, queryset, cancel_job, "Cancelled")

    @admin.action(description="Try again", permissions=["write"])
    def retry(self, request: HttpRequest, queryset: QuerySet[IngestJob]) -> None:
        self.each(request, queryset, retry_job, "Queued again")
