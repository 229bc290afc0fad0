"""The ledger's pages: to be read, never to be changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from tenants.console import DomainAdmin, link_by_id, register
from usage.models import MonthlySpend, UsageEvent
from usage.money import usd
from usage.selectors import UsageSum, sum_of

# What a call was for: the field that holds its id, and the kind of row.
_FOR = {"bot_profile_id": "botprofile", "message_id": "message", "ingest_job_id": "ingestjob"}


def told_sum(total: UsageSum) -> Mapping[str, Any]:
    """Figures for people. What has no price is counted beside the money, not left out of it."""
    return {
        "calls": f"{total.calls:,}",
        "asked": f"{total.input_tokens:,}",
        "answered": f"{total.output_tokens:,}",
        "cost": usd(total.known_cost_nano),
        "unpriced": total.unpriced,
        "guessed": total.estimated,
    }


@register(UsageEvent)
class UsageEventAdmin(DomainAdmin):
    change_list_template = "admin/usage.html"
    empty_words = "Nothing used yet. Every call of a model is written down here."
    list_display = (
        "created_at",
        "kind",
        "model",
        "input_tokens",
        "output_tokens",
        "cost",
        "status",
    )
    list_filter = ("kind", "model", "status", "estimated", "created_at")
    search_fields = ("model", "bot_profile_id", "message_id", "ingest_job_id")
    fields = (
        "created_at", "kind", "model", "input_tokens", "output_tokens", "cost", "estimated",
        "status", "settled_at", "of_bot", "of_message", "of_job",
    )  # fmt: skip

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        row = super().get_object(request, *args, **kwargs)
        if row is not None:
            row.__dict__["links"] = {
                kind: link_by_id(request, self.admin_site, kind, getattr(row, name))
                for name, kind in _FOR.items()
            }
        return row

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """With the sums of all that the filters let through, on whichever page."""
        shown = super().changelist_view(request, extra_context)
        changes = getattr(shown, "context_data", None) or {}
        if "cl" in changes and changes["cl"].result_count:
            changes["total"] = told_sum(sum_of(changes["cl"].queryset))
        return shown

    @admin.display(description="cost (USD)", ordering="cost_nano")
    def cost(self, row: UsageEvent) -> str:
        return usd(row.cost_nano) or "price unknown"

    @admin.display(description="bot")
    def of_bot(self, row: Any) -> SafeString | str:
        link: SafeString | str = row.links["botprofile"]
        return link

    @admin.display(description="message")
    def of_message(self, row: Any) -> SafeString | str:
        link: SafeString | str = row.links["message"]
        return link

    @admin.display(description="job")
    def of_job(self, row: Any) -> SafeString | str:
        link: SafeString | str = row.links["ingestjob"]
        return link


@register(MonthlySpend)
class MonthlySpendAdmin(DomainAdmin):
    empty_words = "Nothing spent yet. Calls that cost money are summed here by month."
    list_words = "Calls whose price is unknown are not in these sums."
    fields = ("shown_month", "spent")
    list_display = ("shown_month", "spent")

    @admin.display(description="month", ordering="month")
    def shown_month(self, row: MonthlySpend) -> str:
        return f"{row.month:%B %Y}"

    @admin.display(description="spent (USD)", ordering="spent_nano")
    def spent(self, row: MonthlySpend) -> str:
        return usd(row.spent_nano) or "0"
