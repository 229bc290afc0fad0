"""The sites. Every view of theirs runs inside a scope, its template included."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from django.contrib import admin
from django.contrib.admin.actions import delete_selected
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse

from minirag.api.errors import not_to_be_opened
from tenants.console.overview import overview
from tenants.console.signing_in import PlatformSignInForm, SignInForm
from tenants.credentials import context_of
from tenants.models import Membership, Role, Tenant, User
from tenants.scope import platform_scope, tenant_scope
from tenants.session import active_membership, forget_tenant, memberships_of

# In the order of work: what answers come from, who answers, what was said, what runs, who may.
_ORDER = ("sources", "bots", "chat", "ingestion", "usage", "tenants")
_FIRST = (
    "Source", "Document", "Chat", "Message", "IngestJob", "UsageEvent", "Tenant", "Membership",
    "User", "ApiToken",
)  # fmt: skip


def _place(name: str, order: tuple[str, ...]) -> int:
    return order.index(name) if name in order else len(order)


@admin.action(description="Delete the selected %(verbose_name_plural)s", permissions=["delete"])
def remove_selected(page: Any, request: HttpRequest, rows: QuerySet[Any]) -> Any:
    """Django's own, with the page's words of what goes; a refusal leaves the others going."""
    if request.POST.get("post"):
        return page.each(request, rows, page.remove, "Deleted")
    asked: Any = delete_selected(page, request, rows)
    asked.context_data |= {"delete_words": page.delete_words, "trail": page.trail()}
    return asked


class ScopedSite(admin.AdminSite):
    """A site whose views run, and render, inside the scope that ``scope_of`` gives."""

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.add_action(remove_selected, "delete_selected")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        apps = super().get_app_list(request, app_label)
        for app in apps:
            app["models"].sort(key=lambda model: _place(model["object_name"], _FIRST))
        return sorted(apps, key=lambda app: _place(app["app_label"], _ORDER))

    def app_index(
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        section = {app["app_label"]: app["name"] for app in self.get_app_list(request, app_label)}
        more = {"title": section.get(app_label, ""), **(extra_context or {})}
        return super().app_index(request, app_label, more)

    def scope_of(self, request: HttpRequest) -> AbstractContextManager[None]:
        """The scope of this request; ``has_permission`` was true before it is asked."""
        raise PermissionError("A scoped site must say whose rows it shows.")

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        def scoped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            with self.scope_of(request):
                response: HttpResponseBase = view(request, *args, **kwargs)
                if isinstance(response, TemplateResponse) and not response.is_rendered:
                    response.render()  # lazily it would query outside the scope
            return not_to_be_opened(request) if response.status_code == 405 else response

        return super().admin_view(scoped, cacheable)


class ConsoleSite(ScopedSite):
    """For tenant operators: the domain's models, their own tenant's rows only."""

    site_header = "MiniRAG console"
    site_title = "MiniRAG console"
    index_title = "Overview"
    login_form = SignInForm
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        return self.membership(request) is not None

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if request.method == "POST":
            forget_tenant(request)
        return super().login(request, extra_context)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        membership = self.membership(request)
        may_write = membership is not None and membership.role != Role.VIEWER
        tenant = membership.tenant if membership is not None else None
        return super().index(request, {**overview(tenant, may_write), **(extra_context or {})})

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """A list of one's own tenant is a list of one: its settings are what is looked for."""
        apps = super().get_app_list(request, app_label)
        membership = self.membership(request)
        for entry in (entry for app in apps for entry in app["models"]):
            if entry["model"] is Tenant and membership is not None:
                entry["name"] = "Tenant settings"
                route = f"{self.name}:tenants_tenant_change"
                entry["admin_url"] = reverse(route, args=[membership.tenant_id])
        return apps

    def membership(self, request: HttpRequest) -> Membership | None:
        """The membership this request works under, looked up once."""
        if not hasattr(request, "minirag_membership"):
            request.minirag_membership = active_membership(request)  # type: ignore[attr-defined]
        return request.minirag_membership  # type: ignore[attr-defined,no-any-return]

    def scope_of(self, request: HttpRequest) -> AbstractContextManager[None]:
        membership = self.membership(request)
        if membership is None:
            raise PermissionError("The console was entered without a membership.")
        request.minirag_auth = context_of(  # type: ignore[attr-defined]
            membership,
            ip=getattr(request, "client_ip", None),
            request_id=getattr(request, "request_id", ""),
        )
        return tenant_scope(membership.tenant_id)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        membership = self.membership(request)
        if membership is not None and isinstance(request.user, User):
            context["active_membership"] = membership
            context["memberships"] = memberships_of(request.user)
        return context


class PlatformSite(ScopedSite):
    """For platform operators: all tenants."""

    site_header = "MiniRAG platform"
    login_form = PlatformSignInForm
    site_title = "MiniRAG platform"
    index_title = "All tenants"

    def scope_of(self, request: HttpRequest) -> AbstractContextManager[None]:
        return platform_scope("platform admin")


console_site = ConsoleSite(name="console")
