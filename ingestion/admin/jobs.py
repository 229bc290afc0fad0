"""Jobs: their state, progress and error at a glance; cancel and retry."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from ingestion.models import ACTIVE_STATES, IngestJob, JobKind, JobState
from ingestion.selectors import QueueView
from ingestion.services import cancel_job, retry_job
from sources.models import Source
from tenants.console import NOTHING, DomainAdmin, bar, pill, register, told_error
from tenants.models import TokenScope


def told(row: IngestJob, view: QueueView | None) -> str:
    """What a job waits for and when it will be done, as people read it."""
    if view is None or row.state not in ACTIVE_STATES:
        return NOTHING
    words = view.waiting_for(row)
    at = view.expected_finish_at(row)
    if at is None:
        return words or NOTHING
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


# Where a job stands, in words; the API has them as load, chunk, embed, index, sweep.
_STAGES = {
    "load": "reading",
    "chunk": "cutting into passages",
    "embed": "embedding",
    "index": "writing the index",
    "sweep": "tidying up",
}


def told_progress(row: IngestJob) -> str:
    """How far a job is, and with what it is busy; of an ended one where it ended."""
    words = _STAGES.get(row.stage, row.stage)
    if not row.total:
        return words if row.state in ACTIVE_STATES and words else NOTHING
    done = row.state in (JobState.SUCCEEDED, JobState.PARTIAL)
    figures = f"{row.done} of {row.total}" if done else f"{words} {row.done} of {row.total}"
    return bar(row.done, row.total, figures.strip())


class JobPage(DomainAdmin):
    """``…/<job>/cancel/`` and ``…/retry/``: the buttons of a job's own page."""

    change_form_template = "admin/job.html"

    def get_urls(self) -> list[Any]:
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        deeds = [
            path(
                f"<path:object_id>/{deed}/",
                self.admin_site.admin_view(require_POST(getattr(self, f"{deed}_view"))),
                name=f"{name}_{deed}",
            )
            for deed in ("cancel", "retry")
        ]
        return [*deeds, *super().get_urls()]

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._do(request, object_id, cancel_job, "Asked to stop")

    def retry_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._do(request, object_id, retry_job, "Queued again")

    def _do(self, request: HttpRequest, object_id: str, deed: Any, done: str) -> HttpResponse:
        job = self.get_object(request, unquote(object_id))
        if job is None:
            raise Http404
        if not self._may(request, TokenScope.WRITE):
            raise PermissionDenied
        self.each(request, [job], deed, done)
        return HttpResponseRedirect(reverse(f"{self._route()}_change", args=[job.pk]))

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, obj: Any = None, **more: Any
    ) -> Any:
        if obj is not None and self._may(request, TokenScope.WRITE):
            context["may_cancel"] = obj.state in ACTIVE_STATES and obj.kind != JobKind.DELETE
            context["may_retry"] = obj.state not in (*ACTIVE_STATES, JobState.SUCCEEDED)
        return super().render_change_form(request, context, *args, obj=obj, **more)


@register(IngestJob)
class IngestJobAdmin(JobPage):
    # Rows are made by "Ingest now"; only the actions change them.
    change_scope = None
    empty_words = (
        "No jobs yet. One starts whenever a source is read, by hand or by its own schedule."
    )
    list_display = (
        "created_at", "of_source", "kind", "shown_state", "progress", "note",
    )  # fmt: skip
    list_filter = ("state", "kind", "created_at")
    search_fields = ("id", "source_id")
    fields = (
        "kind",
        "of_source",
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

    @admin.display(description="state", ordering="state")
    def shown_state(self, row: IngestJob) -> str:
        return pill(row.state, active=row.state in ACTIVE_STATES)

    @admin.display(description="progress")
    def progress(self, row: IngestJob) -> str:
        return told_progress(row)

    def get_list_display(self, request: HttpRequest) -> Any:
        """With one look at each tenant's queue for the whole page."""
        views: dict[UUID, QueueView] = {}

        @admin.display(description="note")
        def note(row: IngestJob) -> str:
            """What it waits for while it is under way, what went wrong when it has ended."""
            if row.state not in ACTIVE_STATES:
                return told_error(row.error)
            if row.tenant_id not in views:
                views[row.tenant_id] = QueueView(row.tenant_id)
            return told(row, views[row.tenant_id])

        shown = super().get_list_display(request)
        return [note if name == "note" else name for name in shown]

    @admin.display(description="note")
    def note(self, row: IngestJob) -> str:
        """For Django's checks; the list has its own, see ``get_list_display``."""
        return NOTHING

    @admin.display(description="what it waits for")
    def outlook(self, row: IngestJob) -> str:
        return told(row, QueueView(row.tenant_id) if row.state in ACTIVE_STATES else None)

    def get_queryset(self, request: HttpRequest) -> QuerySet[IngestJob]:
        live = Source.objects.filter(pk=OuterRef("source_id"), deleted_at__isnull=True)
        rows = super().get_queryset(request)
        named: QuerySet[IngestJob] = rows.annotate(source_name=Subquery(live.values("name")[:1]))
        return named

    @admin.display(description="source")
    def of_source(self, row: Any) -> str:
        if row.source_id is None:
            return "all sources"
        if row.source_name is None:
            return "(deleted)"
        route = reverse(f"{self.admin_site.name}:sources_source_change", args=[row.source_id])
        return format_html('<a href="{}">{}</a>', route, row.source_name)

    @admin.display(description="problem")
    def problem(self, row: IngestJob) -> str:
        return told_error(row.error)

    def has_write_permission(self, request: HttpRequest) -> bool:
        """For the actions below."""
        return self._may(request, TokenScope.WRITE)

    @admin.action(description="Cancel", permissions=["write"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[IngestJob]) -> None:
        self.each(request, queryset, cancel_job, "Asked to stop")

    @admin.action(description="Try again", permissions=["write"])
    def retry(self, request: HttpRequest, queryset: QuerySet[IngestJob]) -> None:
        self.each(request, queryset, retry_job, "Queued again")
