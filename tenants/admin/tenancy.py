"""The tenant itself: its embedding model, its limits, its suspension."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from ingestion.builds import change_embedding, held_credentials, wanted_embedding
from ingestion.services import schedule_tenant_delete
from minirag.errors import MiniRAGError
from minirag.providers import allowed_credential_keys, lacking_credential
from minirag.types import Credentials
from tenants.admin.shown_once import ShownOnce
from tenants.console import Crumb, DomainAdmin, DomainForm, pill, register
from tenants.context import AuthContext
from tenants.models import Tenant, TokenScope, User
from tenants.services.tenancy import (
    create_tenant,
    resume_tenant,
    set_limits,
    suspend_tenant,
    update_tenant,
)


class TenantForm(DomainForm):
    owner_email = forms.EmailField(label="Owner's e-mail", help_text="The person who will own it.")
    api_key = forms.CharField(
        label="API key",
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="For the embedding model. Left empty, what is stored stays.",
    )
    api_base = forms.CharField(
        label="API address", required=False, help_text="Empty: the provider's own."
    )
    monthly_cost_usd = forms.DecimalField(
        label="Dollars per month",
        required=False,
        min_value=Decimal(0),
        help_text="What its models may cost in a calendar month. Empty: no limit.",
    )

    class Meta:
        model = Tenant
        fields = ("name", "embedding_model", "max_documents", "max_bytes")
        labels = {"max_documents": "Most documents", "max_bytes": "Most bytes"}
        help_texts = {
            "embedding_model": "Makes the index that is searched. Another one is built beside the "
            "old, which answers until the new one is whole.",
            "max_documents": "Empty: no limit.",
            "max_bytes": "Of uploaded files together. Empty: no limit.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            del self.fields["owner_email"]
        cap = self.instance.monthly_cost_limit_nano
        if "monthly_cost_usd" in self.fields and cap is not None:
            self.fields["monthly_cost_usd"].initial = Decimal(cap).scaleb(-9)

    def _show(self, error: MiniRAGError) -> None:
        """The service names ``email``, the form has ``owner_email``."""
        fields = error.fields or {}
        named = {
            "owner_email" if name == "email" else name: texts for name, texts in fields.items()
        }
        super()._show(MiniRAGError(error.message, code=error.code, fields=named))


@register(Tenant)
class TenantAdmin(ShownOnce, DomainAdmin):
    form = TenantForm
    change_scope = TokenScope.ADMIN
    list_display = (
        "name", "slug", "shown_state", "embedding_model", "created_at",
    )  # fmt: skip
    search_fields = ("name", "slug")
    readonly_fields = ("slug", "shown_state")
    actions = ("suspend", "resume")

    def tenant_of(self, row: Any) -> Any:
        return row.pk

    @admin.display(description="state", ordering="suspended_at")
    def shown_state(self, row: Tenant) -> str:
        if row.deleted_at:
            return pill("being deleted")
        return pill("suspended") if row.suspended_at else pill("active")

    def trail(self, row: Any = None) -> list[Crumb]:
        """In the console there is one tenant and no list worth going back to."""
        crumbs: list[Crumb] = super().trail(row)
        return crumbs[-1:] if self.in_console else crumbs

    def has_add_permission(self, request: HttpRequest) -> bool:
        return not self.in_console and self._may(request, TokenScope.ADMIN)

    def has_platform_permission(self, request: HttpRequest) -> bool:
        """For suspending and resuming."""
        return not self.in_console and self._may(request, TokenScope.ADMIN)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_platform_permission(request)

    def get_actions(self, request: HttpRequest) -> Any:
        """A tenant is deleted by itself, with its slug typed, and never from a list."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Asks for the tenant's slug; the deletion itself is a job."""
        tenant = self.get_object(request, unquote(str(kwargs.get("object_id") or args[0])))
        if not self.has_delete_permission(request, tenant):
            raise PermissionDenied
        if tenant is None:
            raise Http404
        wrong = request.method == "POST" and request.POST.get("slug", "").strip() != tenant.slug
        if request.method == "POST" and not wrong:
            with self.acting(request, tenant.pk) as auth:
                schedule_tenant_delete(auth, tenant)
            self.message_user(request, f"{tenant.name} is being deleted.", messages.SUCCESS)
            return HttpResponseRedirect(reverse(f"{self._route()}_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": "Delete for good",
            "subtitle": tenant.name,
            "opts": self.opts,
            "tenant": tenant,
            "wrong": wrong,
            "trail": self.trail(tenant),
        }
        return TemplateResponse(request, "admin/delete_tenant.html", context)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ["name", "owner_email"]
        fields = ["name", "slug", "embedding_model", "api_key", "api_base"]
        limits = ["max_documents", "max_bytes", "monthly_cost_usd", "shown_state"]
        return self.readable(request, obj, fields if self.in_console else [*fields, *limits])

    def _apply(self, request: HttpRequest, row: Any, form: DomainForm) -> models.Model:
        if row is not None:
            return super()._apply(request, row, form)
        actor = request.user.email if isinstance(request.user, User) else ""
        email = form.cleaned_data["owner_email"]
        made = create_tenant(name=form.cleaned_data["name"], email=email, actor=actor)
        password = made.password or "(has an account already)"
        return self.hand_over(made.tenant, f"{made.owner.email}  {password}  {made.api_token}")

    def change(self, auth: AuthContext, row: Any, form: DomainForm) -> models.Model:
        data = form.cleaned_data
        tenant: Tenant = Tenant.objects.get(pk=row.pk)
        if "name" in form.changed_data:
            update_tenant(auth, tenant, name=data["name"])
        self._set_embedding(auth, tenant, data, form.changed_data)
        if not self.in_console:
            set_limits(
                auth,
                tenant,
                documents=data["max_documents"],
                size=data["max_bytes"],
                monthly_cost_usd=data["monthly_cost_usd"],
            )
        return tenant

    def _set_embedding(
        self, auth: AuthContext, tenant: Tenant, data: dict[str, Any], form_changes: list[str]
    ) -> None:
        model = data["embedding_model"]
        given = {name: data[name] for name in ("api_key", "api_base") if data.get(name)}
        if "embedding_model" not in form_changes and not given:
            return
        stored = held_credentials(tenant, model) or Credentials()
        kept = {k: v for k, v in stored.values.items() if k in allowed_credential_keys(model)}
        change_embedding(auth, tenant, model=model, credentials=Credentials({**kept, **given}))

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        words = "E-mail, password and first API token of its owner. They are not shown again."
        return self.show_once(request, f"{obj.name} is made", self.handed_over(obj), words)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        with self.acting(request, obj.pk):
            wanted = wanted_embedding(Tenant.objects.get(pk=obj.pk))
        values = wanted.credentials.values
        if lacking := lacking_credential(wanted.model, values, "embedding"):
            needs = "an API key" if lacking == "api_key" else "an API address"
            words = f"{wanted.model} needs {needs}: until it has one, nothing new can be read."
            self.message_user(request, words, messages.WARNING)
        elif wanted.build is not None:
            words = f"The index for {wanted.model} is being built; the old one answers meanwhile."
            self.message_user(request, words)
        return super().response_change(request, obj)

    @admin.action(description="Suspend: refuse its every credential", permissions=["platform"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> None:
        self.each(request, queryset, suspend_tenant, "Suspended")

    @admin.action(description="Resume", permissions=["platform"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> None:
        self.each(request, queryset, resume_tenant, "Resumed")
