"""Members of a tenant, and (for the platform) people as such."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse

from tenants.admin.records import record_platform_act
from tenants.admin.shown_once import ShownOnce
from tenants.console import DomainAdmin, DomainForm, register
from tenants.context import AuthContext
from tenants.models import Membership, Role, TokenScope, User
from tenants.services.invitations import invite
from tenants.services.members import change_role, remove_member


class MembershipForm(DomainForm):
    email = forms.EmailField(
        label="E-mail",
        help_text="You get a link to hand over; no mail is sent from here.",
    )

    role = forms.ChoiceField(
        choices=Role.explained(), widget=forms.RadioSelect, initial=Role.VIEWER
    )

    class Meta:
        model = Membership
        fields = ("role",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            del self.fields["email"]


@register(Membership)
class MembershipAdmin(ShownOnce, DomainAdmin):
    form = MembershipForm
    view_scope = add_scope = change_scope = delete_scope = TokenScope.ADMIN
    empty_words = "Nobody yet."
    delete_words = "The person loses access to this tenant at once."
    list_display = ("person", "role", "joined", "created_at")
    list_filter = ("role",)
    list_select_related = ("user",)
    search_fields = ("user__email",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["person", "role", "joined"] if obj else ["email", "role"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("person", "joined") if obj else ()

    @admin.display(description="person", ordering="user__email")
    def person(self, row: Membership) -> str:
        return f"{row.user.name} <{row.user.email}>" if row.user.name else row.user.email

    @admin.display(
        description="joined", ordering="accepted_at", empty_value="invited, not yet here"
    )
    def joined(self, row: Membership) -> Any:
        return row.accepted_at

    def create(self, auth: AuthContext, form: Any) -> models.Model:
        made = invite(auth, email=form.cleaned_data["email"], role=form.cleaned_data["role"])
        return self.hand_over(made.membership, made.link)

    def change(self, auth: AuthContext, row: Any, form: DomainForm) -> models.Model:
        return change_role(auth, row, form.cleaned_data["role"])

    def remove(self, auth: AuthContext, row: Any) -> None:
        remove_member(auth, row)

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        words = f"For {obj.user.email}. It works once, and is not shown again."
        return self.show_once(request, "Hand over this link", self.handed_over(obj), words)


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
        detail = {"fields": sorted(form.changed_data)}
        record_platform_act(request, "platform.user.update", row, detail=detail)
        person: models.Model = row
        return person
