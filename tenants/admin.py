"""Tenants, people, tokens and the audit record."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from minirag.providers import allowed_credential_keys
from minirag.types import Credentials
from sources.selectors import tenant_has_chunks
from tenants.console import DomainAdmin, DomainForm, register
from tenants.context import ActorKind, AuthContext
from tenants.models import ApiToken, AuditEvent, Membership, Tenant, TokenScope, User
from tenants.services.api_tokens import create_api_token, revoke_api_token
from tenants.services.invitations import invite
from tenants.services.members import change_role, remove_member
from tenants.services.tenancy import (
    create_tenant,
    resume_tenant,
    set_embedding,
    set_limits,
    suspend_tenant,
    update_tenant,
)

# Rights hang on roles, not on Django's groups.
admin.site.unregister(Group)


class ShownOnce:
    """A page that shows a new secret in the answer to the request that made it, and nowhere else."""

    admin_site: Any

    def show_once(self, request: HttpRequest, title: str, secret: str, words: str) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "title": title}
        page = "admin/shown_once.html"
        response = TemplateResponse(request, page, context | {"secret": secret, "words": words})
        response["Cache-Control"] = "no-store"
        return response


class TenantForm(DomainForm):
    owner_email = forms.EmailField(required=False, help_text="The person who will own it.")
    api_key = forms.CharField(
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="For the embedding model. Left empty, what is stored stays.",
    )
    api_base = forms.CharField(required=False)
    monthly_cost_usd = forms.DecimalField(required=False, min_value=Decimal(0))

    class Meta:
        model = Tenant
        fields = ("name", "embedding_model", "max_documents", "max_bytes")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cap = self.instance.monthly_cost_limit_nano
        if "monthly_cost_usd" in self.fields and cap is not None:
            self.fields["monthly_cost_usd"].initial = Decimal(cap).scaleb(-9)


@register(Tenant)
class TenantAdmin(DomainAdmin, ShownOnce):
    form = TenantForm
    change_scope = TokenScope.ADMIN
    list_display = ("name", "slug", "embedding_model", "suspended_at", "created_at")
    search_fields = ("name", "slug")
    readonly_fields = ("slug", "suspended_at")
    actions = ("suspend", "resume")

    def tenant_of(self, row: Any) -> Any:
        return row.pk

    def has_add_permission(self, request: HttpRequest) -> bool:
        return not self.in_console and self._may(request, TokenScope.ADMIN)

    def has_platform_permission(self, request: HttpRequest) -> bool:
        """For suspending and resuming."""
        return not self.in_console and self._may(request, TokenScope.ADMIN)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ["name", "owner_email"]
        fields = ["name", "slug", "embedding_model", "api_key", "api_base"]
        limits = ["max_documents", "max_bytes", "monthly_cost_usd", "suspended_at"]
        return fields if self.in_console else [*fields, *limits]

    def _apply(self, request: HttpRequest, row: Any, form: DomainForm) -> models.Model:
        if row is not None:
            return super()._apply(request, row, form)
        actor = request.user.email if isinstance(request.user, User) else ""
        email = form.cleaned_data["owner_email"]
        made = create_tenant(name=form.cleaned_data["name"], email=email, actor=actor)
        form.secrets = made  # type: ignore[attr-defined]
        return made.tenant

    def change(self, auth: AuthContext, row: Any, form: DomainForm) -> models.Model:
        data = form.cleaned_data
        tenant = Tenant.objects.get(pk=row.pk)
        if "name" in form.changed_data:
            update_tenant(auth, tenant, name=data["name"])
        self._set_embedding(auth, tenant, data)
        if not self.in_console:
            set_limits(
                auth,
                tenant,
                documents=data["max_documents"],
                size=data["max_bytes"],
                monthly_cost_usd=data["monthly_cost_usd"],
            )
        return tenant

    def _set_embedding(self, auth: AuthContext, tenant: Tenant, data: dict[str, Any]) -> None:
        model = data["embedding_model"]
        given = {name: data[name] for name in ("api_key", "api_base") if data.get(name)}
        if model == tenant.embedding_model and not given:
            return
        stored = tenant.embedding_credentials.values if tenant.embedding_model == model else {}
        kept = {k: v for k, v in stored.items() if k in allowed_credential_keys(model)}
        set_embedding(
            auth,
            tenant,
            model=model,
            credentials=Credentials({**kept, **given}),
            has_chunks=tenant_has_chunks(auth),
        )

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        made = getattr(obj, "minirag_made", None)
        if made is None:
            return super().response_add(request, obj, post_url_continue)
        secret = f"{made.owner.email}  {made.password or '(has an account already)'}"
        words = f"Its first API token: {made.api_token}. Neither is shown again."
        return self.show_once(request, f"{obj.name}: its owner signs in with", secret, words)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        row = super().save_form(request, form, change)
        row.minirag_made = getattr(form, "secrets", None)
        return row

    @admin.action(description="Suspend: refuse its every credential", permissions=["platform"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> None:
        self.each(request, queryset, suspend_tenant, "Suspended")

    @admin.action(description="Resume", permissions=["platform"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> None:
        self.each(request, queryset, resume_tenant, "Resumed")


class MembershipForm(DomainForm):
    email = forms.EmailField(required=False)

    class Meta:
        model = Membership
        fields = ("role",)


@register(Membership)
class MembershipAdmin(DomainAdmin, ShownOnce):
    form = MembershipForm
    add_scope = change_scope = delete_scope = TokenScope.ADMIN
    list_display = ("user", "role", "accepted_at", "created_at")
    list_filter = ("role",)
    list_select_related = ("user",)
    search_fields = ("user__email",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["user", "role", "accepted_at"] if obj else ["email", "role"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("user", "accepted_at") if obj else ()

    def create(self, auth: AuthContext, form: Any) -> models.Model:
        made = invite(auth, email=form.cleaned_data["email"], role=form.cleaned_data["role"])
        made.membership.minirag_link = made.link
        return made.membership

    def change(self, auth: AuthContext, row: Any, form: DomainForm) -> models.Model:
        return change_role(auth, row, form.cleaned_data["role"])

    def remove(self, auth: AuthContext, row: Any) -> None:
        remove_member(auth, row)

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        words = f"For {obj.user.email}. It works once, and is not shown again."
        return self.show_once(request, "Hand over this link", obj.minirag_link, words)


class TokenForm(DomainForm):
    scopes = forms.MultipleChoiceField(
        choices=TokenScope.choices, widget=forms.CheckboxSelectMultiple
    )
    days = forms.IntegerField(
        required=False, min_value=1, max_value=3650, help_text="Days until it ends; empty: never."
    )

    class Meta:
        model = ApiToken
        fields = ("name",)


@register(ApiToken)
class ApiTokenAdmin(DomainAdmin, ShownOnce):
    form = TokenForm
    add_scope = delete_scope = TokenScope.ADMIN
    list_display = ("name", "shown", "scopes", "last_used_at", "expires_at", "created_at")
    fields = ("name", "scopes", "days")
    search_fields = ("name", "prefix", "last_four")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        rows: QuerySet[ApiToken] = super().get_queryset(request)
        return rows.filter(revoked_at__isnull=True)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        held = ["name", "shown", "scopes", "created_by", "last_used_at", "expires_at"]
        return held if obj else ["name", "scopes", "days"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj) if obj else ()

    def create(self, auth: AuthContext, form: Any) -> models.Model:
        data = form.cleaned_data
        until = timezone.now() + timedelta(days=data["days"]) if data["days"] else None
        made = create_api_token(auth, name=data["name"], scopes=data["scopes"], expires_at=until)
        made.row.minirag_raw = made.raw
        return made.row

    def remove(self, auth: AuthContext, row: Any) -> None:
        revoke_api_token(auth, row)

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        words = "Keep it now: only its digest is stored, and it is not shown again."
        return self.show_once(request, f"API token {obj.name}", obj.minirag_raw, words)

    @admin.display(description="token")
    def shown(self, row: ApiToken) -> str:
        return f"{row.prefix}…{row.last_four}"


@register(AuditEvent)
class AuditEventAdmin(DomainAdmin):
    view_scope = TokenScope.ADMIN
    list_display = ("created_at", "actor", "action", "object_type", "object_id", "outcome", "ip")
    list_filter = ("action", "outcome", "actor_kind", "created_at")
    search_fields = ("actor", "object_id", "request_id")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup == "object_id__exact" or super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]


class UserForm(DomainForm):
    class Meta:
        model = User
        fields = ("name", "is_active", "is_staff", "is_superuser")


@admin.register(User)
class UserAdmin(DomainAdmin):
    """People, for platform operators only: a user belongs to no single tenant."""

    form = UserForm
    change_scope = TokenScope.ADMIN
    list_display = ("email", "name", "is_active", "is_staff", "last_login", "created_at")
    search_fields = ("email", "name")
    fields = ("email", "name", "is_active", "is_staff", "is_superuser", "last_login", "created_at")
    readonly_fields = ("email", "last_login", "created_at")

    def _apply(self, request: HttpRequest, row: Any, form: DomainForm) -> models.Model:
        for name in form.changed_data:
            setattr(row, name, form.cleaned_data[name])
        row.save(update_fields=form.changed_data or None)
        self._record(request, row, form.changed_data)
        return row

    def _record(self, request: HttpRequest, row: User, changed: list[str]) -> None:
        actor = request.user
        AuditEvent.objects.create(
            tenant_id=None,
            actor_kind=ActorKind.USER,
            actor_id=str(actor.pk),
            actor=getattr(actor, "email", ""),
            action="platform.user.update",
            object_type="user",
            object_id=str(row.pk),
            detail={"fields": sorted(changed)},
            ip=getattr(request, "client_ip", None),
            request_id=getattr(request, "request_id", ""),
        )
