"""Usage exactly once: reserve, settle, release, and the monthly cap under pressure."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from threading import Barrier
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from minirag.errors import AnswerLost, ProviderUnavailable, QuotaExceeded
from minirag.types import TokenUsage
from tenants.models import Tenant
from tenants.scope import ScopeError, platform_scope, tenant_scope
from usage.ledger import LARGEST_COUNT, metered, release, release_abandoned, reserve, settle
from usage.models import MonthlySpend, UsageEvent, UsageKind, UsageStatus

PAID = "gpt-4o-mini"  # 150 nano dollars per input token, 600 per output token
ESTIMATE = TokenUsage(100, 10, estimated=True)
ESTIMATE_NANO = 100 * 150 + 10 * 600


def reserve_one(tenant: Tenant, model: str = PAID, estimate: TokenUsage = ESTIMATE) -> UsageEvent:
    call_id = reserve(
        tenant_id=tenant.pk, kind=UsageKind.GENERATION, model=model, estimate=estimate
    )
    event: UsageEvent = UsageEvent.objects.get(call_id=call_id)
    return event


def spent() -> int:
    return sum(MonthlySpend.objects.values_list("spent_nano", flat=True))


def test_a_reservation_holds_the_estimate_and_the_price(in_tenant: Tenant) -> None:
    event = reserve_one(in_tenant)
    assert event.status == UsageStatus.RESERVED and event.estimated
    assert (event.input_price_nano, event.output_price_nano) == (150_000_000, 600_000_000)
    assert event.cost_nano == spent() == ESTIMATE_NANO


def test_settling_puts_the_providers_numbers_in_place_of_the_estimate(in_tenant: Tenant) -> None:
    event = settle(reserve_one(in_tenant).call_id, TokenUsage(7, 3))
    assert event.status == UsageStatus.SETTLED and not event.estimated
    assert event.cost_nano == spent() == 7 * 150 + 3 * 600
    event.refresh_from_db()
    assert (event.input_tokens, event.output_tokens) == (7, 3)
    assert event.settled_at is not None


def test_a_second_settle_changes_nothing(
    in_tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    call_id = reserve_one(in_tenant).call_id
    settle(call_id, TokenUsage(7, 3))
    with caplog.at_level(logging.WARNING, "usage.ledger"):
        assert settle(call_id, TokenUsage(7, 3)).cost_nano == spent()
        assert not caplog.records
        again = settle(call_id, TokenUsage(9, 9))
    assert (again.input_tokens, again.output_tokens) == (7, 3)
    assert spent() == 7 * 150 + 3 * 600
    assert len(caplog.records) == 1


def test_a_release_gives_everything_back_and_is_final(
    in_tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    event = reserve_one(in_tenant)
    release(event.call_id)
    release(event.call_id)
    settle(event.call_id, TokenUsage(5, 5))
    event.refresh_from_db()
    assert event.status == UsageStatus.RELEASED
    assert (event.input_tokens, event.output_tokens, event.cost_nano) == (0, 0, 0)
    assert spent() == 0
    assert "released already" in caplog.text


def test_a_release_after_the_settle_takes_nothing_back(in_tenant: Tenant) -> None:
    event = reserve_one(in_tenant)
    settle(event.call_id, TokenUsage(7, 3))
    release(event.call_id)
    event.refresh_from_db()
    assert event.status == UsageStatus.SETTLED
    assert spent() == 7 * 150 + 3 * 600


def test_an_unknown_price_is_null_and_counts_nothing(in_tenant: Tenant) -> None:
    in_tenant.monthly_cost_limit_nano = 0
    in_tenant.save()
    event = settle(reserve_one(in_tenant, "nobody/knows").call_id, TokenUsage(7, 3))
    assert event.cost_nano is None and event.input_price_nano is None
    assert spent() == 0


def test_local_models_cost_nothing_and_pass_a_cap_of_nothing(in_tenant: Tenant) -> None:
    in_tenant.monthly_cost_limit_nano = 0
    in_tenant.save()
    assert reserve_one(in_tenant, "local/extractive").cost_nano == 0
    with pytest.raises(QuotaExceeded):
        reserve_one(in_tenant)


def test_a_refused_reservation_leaves_no_row_and_says_when_to_come_back(in_tenant: Tenant) -> None:
    in_tenant.monthly_cost_limit_nano = ESTIMATE_NANO * 2 - 1
    in_tenant.save()
    reserve_one(in_tenant)
    with pytest.raises(QuotaExceeded) as refused:
        reserve_one(in_tenant)
    assert refused.value.retry_after is not None and 1 <= refused.value.retry_after <= 31 * 86_400
    assert UsageEvent.objects.count() == 1
    assert spent() == ESTIMATE_NANO


def test_settling_below_the_estimate_frees_room_under_the_cap(in_tenant: Tenant) -> None:
    in_tenant.monthly_cost_limit_nano = ESTIMATE_NANO + 150
    in_tenant.save()
    call_id = reserve_one(in_tenant).call_id
    with pytest.raises(QuotaExceeded):
        reserve_one(in_tenant)
    settle(call_id, TokenUsage(1, 0))
    reserve_one(in_tenant)


def test_last_months_spend_does_not_count(in_tenant: Tenant) -> None:
    in_tenant.monthly_cost_limit_nano = ESTIMATE_NANO
    in_tenant.save()
    MonthlySpend.objects.create(tenant=in_tenant, month="2020-01-01", spent_nano=10**15)
    reserve_one(in_tenant)


def test_a_correction_goes_to_the_month_of_the_reservation(in_tenant: Tenant) -> None:
    event = reserve_one(in_tenant)
    MonthlySpend.objects.all().delete()
    january = MonthlySpend.objects.create(
        tenant=in_tenant, month="2020-01-01", spent_nano=ESTIMATE_NANO
    )
    UsageEvent.objects.update(created_at=datetime(2020, 1, 31, 23, 59, tzinfo=UTC))
    settle(event.call_id, TokenUsage(0, 0))
    january.refresh_from_db()
    assert january.spent_nano == 0


@pytest.mark.parametrize("count", [-1, LARGEST_COUNT + 1, 10**30])
def test_numbers_that_cannot_be_are_cut_and_flagged(in_tenant: Tenant, count: int) -> None:
    event = settle(reserve_one(in_tenant).call_id, TokenUsage(count, 1))
    event.refresh_from_db()
    assert event.estimated
    assert 0 <= event.input_tokens <= LARGEST_COUNT


def test_an_unknown_call_is_an_error(in_tenant: Tenant) -> None:
    with pytest.raises(UsageEvent.DoesNotExist):
        settle(uuid4(), TokenUsage(1))
    with pytest.raises(UsageEvent.DoesNotExist):
        release(uuid4())


def test_another_tenants_call_does_not_exist(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(other_tenant.pk):
        foreign = reserve_one(other_tenant).call_id
    with tenant_scope(tenant.pk):
        with pytest.raises(UsageEvent.DoesNotExist):
            settle(foreign, TokenUsage(1))
        with pytest.raises(ScopeError):
            reserve_one(other_tenant)


def test_metered_settles_what_was_reported(in_tenant: Tenant) -> None:
    with metered(
        tenant_id=in_tenant.pk, kind=UsageKind.REWRITE, model=PAID, estimate=ESTIMATE
    ) as meter:
        meter.report(TokenUsage(1, 2))
    event = UsageEvent.objects.get(call_id=meter.call_id)
    assert (event.status, event.input_tokens, event.output_tokens) == ("settled", 1, 2)


def test_metered_without_a_report_settles_the_estimate(in_tenant: Tenant) -> None:
    with metered(
        tenant_id=in_tenant.pk, kind=UsageKind.REWRITE, model=PAID, estimate=TokenUsage(4, 2)
    ) as meter:
        pass
    event = UsageEvent.objects.get(call_id=meter.call_id)
    assert (event.status, event.input_tokens, event.estimated) == ("settled", 4, True)


@pytest.mark.parametrize("reported", [None, TokenUsage(6, 1, estimated=True)])
def test_metered_failure_is_released_unless_something_was_used(
    in_tenant: Tenant, reported: TokenUsage | None
) -> None:
    def call() -> None:
        with metered(
            tenant_id=in_tenant.pk, kind=UsageKind.GENERATION, model=PAID, estimate=ESTIMATE
        ) as meter:
            if reported:
                meter.report(reported)
            raise ProviderUnavailable

    with pytest.raises(ProviderUnavailable):
        call()
    event = UsageEvent.objects.get()
    assert event.status == ("settled" if reported else "released")
    assert spent() == (6 * 150 + 600 if reported else 0)


def test_an_answer_that_was_lost_counts_as_estimated(in_tenant: Tenant) -> None:
    """The provider charges for it, as far as anybody knows."""
    with (
        pytest.raises(AnswerLost),
        metered(tenant_id=in_tenant.pk, kind=UsageKind.GENERATION, model=PAID, estimate=ESTIMATE),
    ):
        raise AnswerLost
    event = UsageEvent.objects.get()
    assert (event.status, event.estimated) == ("settled", True)
    assert (event.input_tokens, event.output_tokens) == (
        ESTIMATE.input_tokens,
        ESTIMATE.output_tokens,
    )
    assert spent() == event.cost_nano > 0


def test_what_a_dead_process_left_is_settled_as_estimated(in_tenant: Tenant) -> None:
    old, young = reserve_one(in_tenant), reserve_one(in_tenant)
    done = settle(reserve_one(in_tenant).call_id, TokenUsage(1, 1))
    hours_ago = timezone.now() - timedelta(hours=3)
    UsageEvent.objects.exclude(pk=young.pk).update(created_at=hours_ago)
    with platform_scope("tests"):
        assert release_abandoned(timedelta(hours=1)) == 1
        assert release_abandoned(timedelta(hours=1)) == 0
    for event in (old, young, done):
        event.refresh_from_db()
    assert (old.status, old.estimated, old.cost_nano) == ("settled", True, ESTIMATE_NANO)
    assert young.status == "reserved"
    assert (done.input_tokens, done.estimated) == (1, False)


@pytest.mark.django_db(transaction=True)
def test_a_budget_for_k_lets_exactly_k_of_fifty_pass(tenant: Tenant) -> None:
    budget = 13
    with platform_scope("tests"):
        Tenant.objects.update(monthly_cost_limit_nano=ESTIMATE_NANO * budget + 1)
    start = Barrier(10)

    def burst() -> int:
        passed = 0
        try:
            start.wait()
            for _ in range(5):
                try:
                    reserve_one(tenant)
                    passed += 1
                except QuotaExceeded:
                    pass
        finally:
            connection.close()
        return passed

    with tenant_scope(tenant.pk), ThreadPoolExecutor(10) as pool:
        futures = [pool.submit(copy_context().run, burst) for _ in range(10)]
        assert sum(future.result() for future in futures) == budget
        assert UsageEvent.objects.count() == budget
        assert spent() == ESTIMATE_NANO * budget


@pytest.mark.django_db(transaction=True)
def test_closing_one_call_in_parallel_counts_it_once(tenant: Tenant) -> None:
    with tenant_scope(tenant.pk):
        call_ids = [reserve_one(tenant).call_id for _ in range(6)]
    start = Barrier(6)

    def close_all(worker: int) -> None:
        try:
            start.wait()
            for call_id in call_ids:
                if worker % 3 == 2:
                    release(call_id)
                else:
                    settle(call_id, TokenUsage(worker, 0))
        finally:
            connection.close()

    with tenant_scope(tenant.pk), ThreadPoolExecutor(6) as pool:
        for future in [pool.submit(copy_context().run, close_all, n) for n in range(6)]:
            future.result()
        assert spent() == sum(UsageEvent.objects.values_list("cost_nano", flat=True))
        assert not UsageEvent.objects.filter(status=UsageStatus.RESERVED).exists()
