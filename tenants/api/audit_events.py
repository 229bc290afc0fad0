"""``/audit-events``: read-only."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from minirag.api.moments import bounds
from minirag.api.serializers import page_of
from tenants.api_base import TenantView
from tenants.models import TokenScope
from tenants.selectors import list_audit_events
from tenants.serializers import AuditEventSerializer, AuditParams


class AuditEvents(TenantView):
    """Changes, refused ones included: `outcome` is `ok` or the code of the refusal."""

    scopes = {"GET": TokenScope.ADMIN}

    @extend_schema(
        operation_id="audit_events_list",
        summary="Who did what, newest first",
        parameters=[AuditParams],
        responses=page_of(AuditEventSerializer),
    )
    def get(self, request: Request) -> Response:
        wanted = self.params(AuditParams)
        since, until = bounds(wanted)
        rows = list_audit_events(
            self.auth,
            actor=wanted.get("actor", ""),
            action=wanted.get("action", ""),
            since=since,
            until=until,
        )
        return self.page(rows, AuditEventSerializer)
