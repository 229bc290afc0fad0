"""Jobs: their state, progress and error at a glance; cancel and retry."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from ingestion.models import ACTIVE_STATES, IngestJob, JobState
from ingestion.selectors import QueueView
from ingestion.services import cancel_job, retry_job
from tenants.console import DomainAdmin, register
from tenants.models import TokenScope


def told(row: IngestJob, view: QueueView | None) -> str:
    """What a job waits for and when it will be done, as people read it."""
    if view is None or row.state not in ACTIVE_STATES:
        return "—"
    words = view.waiting_for(row)
    at = view.expected_finish_at(row)
    if at is None:
        return words or "—"
    done = format_html(
        'done in about <time datetime="{}">{}</time>',
        at.replace(microsecond=0).isoformat(),
        span((at - view.now).total_seconds()),
    )
    return format_html("{} {}", words, done) if words else done


def span(seconds: float) -> str:
    """``40 s``, ``3 min``, ``2 h``."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{round(minutes / 60)} h"


@register(IngestJob)
class IngestJobAdmin(DomainAdmin):
    # Rows are made by "Ingest now"; only the actions change them.
    change_scope = None
    list_display = ("created_at", "kind", "shown_state", "progress", "outlook", "problem")
    list_filter = ("state", "kind", "created_at")
    search_fields = ("id", "source_id")
    fields = (
        "kind",
        "source_id",
        "document_id",
        "shown_state",
        "progress",
        "outlook",
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

    def get_list_display(self, request: HttpRequest) -> Any:
        """With one look at each tenant's queue for the whole page."""
        views: dict[UUID, QueueView] = {}

        @admin.display(description="what it waits for")
        def outlook(row: IngestJob) -> str:
            if row.state in ACTIVE_STATES and row.tenant_id not in views:
                views[row.tenant_id] = QueueView(row.tenant_id)
            return told(row, views.get(row.tenant_id))

        shown = super().get_list_display(request)
        return [outlook if name == "outlook" else name for name in shown]

    @admin.display(description="what it waits for")
    def outlook(self, row: IngestJob) -> str:
        return told(row, QueueView(row.tenant_id) if row.state in ACTIVE_STATES else None)

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
