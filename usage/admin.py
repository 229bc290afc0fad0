"""The ledger's pages: to be read, never to be changed."""

from __future__ import annotations

from django.contrib import admin

from tenants.console import DomainAdmin, register
from usage.models import MonthlySpend, UsageEvent
from usage.money import usd


@register(UsageEvent)
class UsageEventAdmin(DomainAdmin):
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
    list_filter = ("kind", "status", "estimated", "created_at")
    search_fields = ("model", "bot_profile_id", "message_id", "ingest_job_id")
    fields = (
        "created_at", "kind", "model", "input_tokens", "output_tokens", "cost", "estimated",
        "status", "settled_at", "bot_profile_id", "message_id", "ingest_job_id",
    )  # fmt: skip

    @admin.display(description="cost (USD)", ordering="cost_nano")
    def cost(self, row: UsageEvent) -> str:
        return usd(row.cost_nano) or "price unknown"


@register(MonthlySpend)
class MonthlySpendAdmin(DomainAdmin):
    empty_words = "Nothing spent yet. Calls that cost money are summed here by month."
    fields = ("shown_month", "spent")
    list_display = ("shown_month", "spent")

    @admin.display(description="month", ordering="month")
    def shown_month(self, row: MonthlySpend) -> str:
        return f"{row.month:%B %Y}"

    @admin.display(description="spent (USD)", ordering="spent_nano")
    def spent(self, row: MonthlySpend) -> str:
        return usd(row.spent_nano) or "0"
