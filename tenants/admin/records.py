"""The audit record: to be read only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.safestring import SafeString

from tenants.admin.audit_targets import name_targets, object_of
from tenants.admin.audit_words import DeedFilter, deed, sentence, told_detail, who
from tenants.console import Crumb, DomainAdmin, crumbs_of, register
from tenants.context import ActorKind
from tenants.models import AuditEvent, Tenant, TokenScope


def record_platform_act(
    request: HttpRequest, action: str, row: Model | None = None, *, detail: Mapping[str, Any]
) -> None:
    """An act of the platform's operator on what belongs to no tenant."""
    AuditEvent.objects.create(
        tenant_id=None,
        actor_kind=ActorKind.USER,
        actor_id=str(request.user.pk),
        actor=getattr(request.user, "email", ""),
        action=action,
        object_type=row._meta.model_name or "" if row is not None else "",
        object_id=str(row.pk) if row is not None else "",
        detail=dict(detail),
        ip=getattr(request, "client_ip", None),
        request_id=getattr(request, "request_id", ""),
    )


@register(AuditEvent)
class AuditEventAdmin(DomainAdmin):
    view_scope = TokenScope.ADMIN
    list_display = ("created_at", "who", "did", "target", "shown_outcome", "address")
    list_filter = (("action", DeedFilter), "outcome", "actor_kind", "created_at")
    fields = (
        "created_at", "who", "did", "target", "shown_outcome", "told", "address", "action",
        "object_type", "object_id", "request_id",
    )  # fmt: skip
    search_fields = ("actor", "object_id", "request_id")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup == "object_id__exact" or super().lookup_allowed(lookup, value, request)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Of one object only, it is that object's history."""
        row = object_of(request, self.admin_site)
        if row is None:
            return super().changelist_view(request, extra_context)
        more = {"title": "History", "trail": crumbs_of(self.admin_site, type(row), row)}
        return super().changelist_view(request, {**more, "subtitle": str(row)})

    def trail(self, row: Any = None) -> list[Crumb]:
        crumbs = super().trail(row)
        return crumbs if row is None else [crumbs[0], crumbs[-1]._replace(words=sentence(row))]

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **more: Any
    ) -> Any:
        context["subtitle"] = sentence(context["original"])
        return super().render_change_form(request, context, *args, **more)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        shown = super().get_changelist_instance(request)
        name_targets(request, self.admin_site, shown.result_list)
        held = {event.tenant_id for event in shown.result_list}
        names = dict(Tenant.objects.filter(pk__in=held).values_list("pk", "name"))
        for event in shown.result_list:
            event.__dict__["of_tenant"] = names.get(event.tenant_id)
        return shown

    def get_list_display(self, request: HttpRequest) -> Any:
        shown = super().get_list_display(request)
        return shown if self.in_console else [shown[0], "tenant", *shown[1:]]

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        event = super().get_object(request, *args, **kwargs)
        if event is not None:
            name_targets(request, self.admin_site, [event])
        return event

    @admin.display(description="tenant")
    def tenant(self, row: Any) -> Any:
        return row.of_tenant

    @admin.display(description="who", ordering="actor")
    def who(self, row: AuditEvent) -> str:
        return who(row)

    @admin.display(description="did", ordering="action")
    def did(self, row: AuditEvent) -> str:
        return deed(row)

    @admin.display(description="to what")
    def target(self, row: Any) -> SafeString | str:
        words: SafeString | str = row.target
        return words

    @admin.display(description="outcome", ordering="outcome")
    def shown_outcome(self, row: AuditEvent) -> str:
        return "done" if row.outcome == "ok" else f"refused: {row.outcome}"

    @admin.display(description="address", ordering="ip")
    def address(self, row: AuditEvent) -> str | None:
        return row.ip

    @admin.display(description="more")
    def told(self, row: AuditEvent) -> str:
        return told_detail(row)
