"""Endpoints of the ledger."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from minirag.api.serializers import page_of
from tenants.api_base import TenantView
from tenants.models import TokenScope
from usage.export import csv_lines
from usage.selectors import COLUMN, GroupBy, list_events, sum_usage, total_usage
from usage.serializers import (
    EventParams,
    UsageEventSerializer,
    UsageParams,
    UsageReportSerializer,
    UsageSumSerializer,
    bounded,
    period_of,
)


class UsageView(TenantView):
    """Settled calls added up; without `from`, those of the last 30 days. Days are UTC."""

    scopes: ClassVar = {"GET": TokenScope.READ}

    @extend_schema(
        operation_id="usage_retrieve",
        summary="Sums by day, bot, model or kind",
        parameters=[UsageParams],
        responses=UsageReportSerializer,
    )
    def get(self, request: Request) -> Response:
        params = self.params(UsageParams)
        period, group_by = bounded(period_of(params)), GroupBy(params["group_by"])
        sums = sum_usage(self.auth, period, group_by)
        column = {"column": COLUMN[group_by]}
        return Response(
            {
                "from": period.start,
                "to": period.end,
                "group_by": group_by.value,
                "results": [UsageSumSerializer(one, context=column).data for one in sums],
                "total": UsageSumSerializer(total_usage(self.auth, period)).data,
            }
        )


class UsageEventsView(TenantView):
    """One row for each call of a model, local ones included."""

    scopes: ClassVar = {"GET": TokenScope.READ}

    @extend_schema(
        operation_id="usage_events_list",
        summary="Every call, newest first, in pages, or all of them as CSV",
        parameters=[EventParams],
        responses={
            (200, "application/json"): page_of(UsageEventSerializer),
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, "All rows that match."),
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        params: dict[str, Any] = self.params(EventParams)
        events = list_events(
            self.auth,
            period_of(params),
            kind=params.get("kind"),
            model=params.get("model"),
            bot_profile_id=params.get("bot_profile_id"),
        )
        if params["format"] == "json":
            return self.page(events, UsageEventSerializer)
        return StreamingHttpResponse(
            csv_lines(events),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="usage-events.csv"'},
        )
