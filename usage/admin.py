"""The ledger's pages: to be read, never to be changed."""

from __future__ import annotations

from django.contrib import admin

from tenants.console import DomainAdmin, register
from usage.models import MonthlySpend, UsageEvent
from usage.money import usd


@register(UsageEvent)
class UsageEventAdmin(DomainAdmin):
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

    @admin.display(description="cost (USD)", ordering="cost_nano")
    def cost(self, row: UsageEvent) -> str:
        return usd(row.cost_nano) or "price unknown"


@register(MonthlySpend)
class MonthlySpendAdmin(DomainAdmin):
    list_display = ("month", "spent")

    @admin.display(description="spent (USD)", ordering="spent_nano")
    def spent(self, row: MonthlySpend) -> str:
        return usd(row.spent_nano) or "0"
