"""Any history of reserving, settling, releasing and dying leaves ledger, meter and cap equal."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from minirag.errors import QuotaExceeded
from minirag.types import TokenUsage
from tenants.models import Tenant
from tenants.scope import PlatformScope, close_scope, open_scope
from usage.ledger import release, release_abandoned, reserve, settle
from usage.models import MonthlySpend, UsageEvent, UsageKind
from usage.pricing import price

MODELS = ("gpt-4o-mini", "nobody/knows", "local/extractive")
CAP = 40_000
counts = st.integers(0, 60)
picks = st.integers(0, 30)


@dataclass
class Call:
    model: str
    usage: TokenUsage
    state: str = "reserved"

    @property
    def cost(self) -> int:
        known = price(self.model)
        return known.cost(self.usage) if known else 0


@dataclass
class Book:
    """The plain model that the ledger is compared with."""

    calls: dict[UUID, Call] = field(default_factory=dict)

    @property
    def spent(self) -> int:
        return sum(call.cost for call in self.calls.values() if call.state != "released")


class Ledger(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.scope = open_scope(PlatformScope("tests"))
        UsageEvent.objects.all().delete()
        MonthlySpend.objects.all().delete()
        Tenant.objects.all().delete()
        self.tenant = Tenant.objects.create(name="T", slug="t", monthly_cost_limit_nano=CAP)
        self.book = Book()

    def teardown(self) -> None:
        close_scope(self.scope)

    def pick(self, index: int) -> UUID | None:
        ids = list(self.book.calls)
        return ids[index % len(ids)] if ids else None

    @rule(model=st.sampled_from(MODELS), asked=counts, answered=counts)
    def reserve_a_call(self, model: str, asked: int, answered: int) -> None:
        call = Call(model, TokenUsage(asked, answered))
        fits = not call.cost or self.book.spent + call.cost <= CAP
        try:
            call_id = reserve(
                tenant_id=self.tenant.pk,
                kind=UsageKind.GENERATION,
                model=model,
                estimate=call.usage,
            )
        except QuotaExceeded:
            assert not fits
        else:
            assert fits
            self.book.calls[call_id] = call

    @rule(index=picks, asked=counts, answered=counts)
    def settle_a_call(self, index: int, asked: int, answered: int) -> None:
        if (call_id := self.pick(index)) is None:
            return
        settle(call_id, TokenUsage(asked, answered))
        call = self.book.calls[call_id]
        if call.state == "reserved":
            call.usage, call.state = TokenUsage(asked, answered), "settled"

    @rule(index=picks)
    def release_a_call(self, index: int) -> None:
        if (call_id := self.pick(index)) is None:
            return
        release(call_id)
        call = self.book.calls[call_id]
        if call.state == "reserved":
            call.usage, call.state = TokenUsage(0), "released"

    @rule()
    def sweep(self) -> None:
        release_abandoned(timedelta(seconds=-60))
        for call in self.book.calls.values():
            if call.state == "reserved":
                call.state = "settled"

    @invariant()
    def ledger_equals_book(self) -> None:
        rows = {event.call_id: event for event in UsageEvent.objects.all()}
        assert rows.keys() == self.book.calls.keys()
        for call_id, call in self.book.calls.items():
            row = rows[call_id]
            assert row.status == call.state
            assert (row.input_tokens, row.output_tokens) == (
                call.usage.input_tokens,
                call.usage.output_tokens,
            )
        assert sum(MonthlySpend.objects.values_list("spent_nano", flat=True)) == self.book.spent


# The machine runs inside Django's test database, each history in a transaction of its own.
class LedgerHistories(TestCase, Ledger.TestCase):  # type: ignore[misc, valid-type]
    """Every history that hypothesis finds worth trying."""

    settings = settings(  # type: ignore[assignment]
        max_examples=40,
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
