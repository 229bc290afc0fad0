"""A tenant's indexes, and whether rows and points are equal; "check now" looks again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from ingestion.checking import schedule_check
from ingestion.models import BUILD_STATES, IndexBuild, IndexCheck
from tenants.console import NOTHING, DomainAdmin, bar, pill, register, told_error
from tenants.context import AuthContext
from tenants.models import Tenant, TokenScope

# What a check counts, in words.
_COUNTS = {
    "rows": "chunks",
    "points": "points",
    "missing": "missing",
    "doubles": "doubles",
    "orphans": "orphans",
    "waiting": "kept for a running job or a retry",
    "wrong_payloads": "wrong payloads",
    "wrong_vectors": "wrong vectors",
}


@register(IndexBuild)
class IndexBuildAdmin(DomainAdmin):
    empty_words = (
        "The tenant still answers from its first index. Another one is built beside it when its "
        "embedding model is changed or all of it is made anew."
    )
    list_display = (
        "model", "version", "shown_state", "progress", "kept_until", "problem", "created_at",
    )  # fmt: skip
    list_filter = ("state",)
    fields = (
        "model", "version", "dimensions", "shown_state", "progress", "problem", "kept_until",
        "created_at", "updated_at",
    )  # fmt: skip

    @admin.display(description="state", ordering="state")
    def shown_state(self, row: IndexBuild) -> str:
        return pill(row.state, active=row.state in BUILD_STATES)

    @admin.display(description="progress")
    def progress(self, row: IndexBuild) -> str:
        if not row.total:
            return NOTHING
        words = f"{row.done} of {row.total} passages"
        return bar(row.done, row.total, words) if row.state in BUILD_STATES else words

    @admin.display(description="problem")
    def problem(self, row: IndexBuild) -> str:
        return told_error(row.error)


@register(IndexCheck)
class IndexCheckAdmin(DomainAdmin):
    """The newest check stands on top; the button queues another one."""

    change_list_template = "admin/index_checks.html"
    empty_words = "Not checked yet. Start a check above; it takes seconds for most tenants."
    list_display = ("created_at", "shown_state", "verdict", "figures", "problem")
    fields = (
        "shown_state", "verdict", "figures", "collection", "other_indexes", "problem",
        "created_at", "finished_at",
    )  # fmt: skip

    def get_urls(self) -> list[Any]:
        now = self.admin_site.admin_view(require_POST(self.check_now))
        return [path("check/", now, name="ingestion_indexcheck_now"), *super().get_urls()]

    def check_now(self, request: HttpRequest) -> HttpResponse:
        """Queue a check: of the operator's own tenant, or of all on the platform's site."""
        if not self._may(request, TokenScope.WRITE):
            raise PermissionDenied
        self.each(request, self._tenants(request), _check, "Checks queued")
        return HttpResponseRedirect(reverse(f"{self._route()}_changelist"))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        context = {"may_check": self._may(request, TokenScope.WRITE), **(extra_context or {})}
        return super().changelist_view(request, context)

    def _tenants(self, request: HttpRequest) -> QuerySet[Tenant] | Sequence[Tenant]:
        return list(Tenant.objects.order_by("created_at"))

    def tenant_of(self, row: Any) -> Any:
        return row.pk if isinstance(row, Tenant) else row.tenant_id

    @admin.display(description="state", ordering="state")
    def shown_state(self, row: IndexCheck) -> str:
        return pill(row.state, active=row.finished_at is None)

    @admin.display(description="verdict")
    def verdict(self, row: IndexCheck) -> str:
        clean = (row.result or {}).get("clean")
        if clean is None:
            return NOTHING
        return "clean" if clean else "NOT CLEAN: run manage.py fsck_vectors --repair"

    @admin.display(description="figures")
    def figures(self, row: IndexCheck) -> SafeString | str:
        found = row.result or {}
        counts = [(found[name], words) for name, words in _COUNTS.items() if name in found]
        return format_html_join(", ", "{} {}", counts) or NOTHING

    @admin.display(description="collection")
    def collection(self, row: IndexCheck) -> str:
        return str((row.result or {}).get("collection") or NOTHING)

    @admin.display(description="other indexes")
    def other_indexes(self, row: IndexCheck) -> SafeString | str:
        others = (row.result or {}).get("other_indexes", [])
        lines = [(o["collection"], o["state"], o["points"], o["strays"]) for o in others]
        text = "<code>{}</code> ({}): {} points, {} of them strays"
        return format_html_join("; ", text, lines) or NOTHING

    @admin.display(description="problem")
    def problem(self, row: IndexCheck) -> str:
        return told_error(row.error)


def _check(auth: AuthContext, tenant: Tenant) -> None:
    schedule_check(auth)
