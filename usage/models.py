"""The ledger: what every provider call cost, exactly once. Money is integers of 10^-9 US dollar."""

from __future__ import annotations

import uuid

from django.db import models

from tenants.models import TenantOwned


class UsageKind(models.TextChoices):
    REWRITE = "rewrite"
    EMBEDDING = "embedding"
    RERANK = "rerank"
    GENERATION = "generation"


class UsageStatus(models.TextChoices):
    RESERVED = "reserved"
    SETTLED = "settled"
    RELEASED = "released"


class UsageEvent(TenantOwned):
    """One provider call. Reserved before it with an estimate, settled after it with its numbers.

    The rows it speaks of are named by id only: the ledger outlives bots, messages and jobs.
    """

    call_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=10, choices=UsageKind.choices)
    model = models.CharField(max_length=200)
    bot_profile_id = models.UUIDField(null=True, blank=True, db_index=True)
    message_id = models.UUIDField(null=True, blank=True, db_index=True)
    ingest_job_id = models.UUIDField(null=True, blank=True, db_index=True)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    # Billionths of a dollar per million tokens, as used for this row; null: price unknown.
    input_price_nano = models.PositiveBigIntegerField(null=True, blank=True)
    output_price_nano = models.PositiveBigIntegerField(null=True, blank=True)
    cost_nano = models.PositiveBigIntegerField(null=True, blank=True)
    estimated = models.BooleanField(default=False)
    status = models.CharField(
        max_length=10, choices=UsageStatus.choices, default=UsageStatus.RESERVED
    )
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantOwned.Meta):
        verbose_name = "model call"

    def __str__(self) -> str:
        return f"{self.kind} {self.model} {self.status}"


class MonthlySpend(TenantOwned):
    """What a tenant has reserved and settled in a calendar month (UTC); its cap is checked here."""

    month = models.DateField()
    spent_nano = models.PositiveBigIntegerField(default=0)

    class Meta(TenantOwned.Meta):
        verbose_name = "month's cost"
        verbose_name_plural = "costs by month"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "month"], name="one_spend_row_per_month")
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}: {self.spent_nano}"
