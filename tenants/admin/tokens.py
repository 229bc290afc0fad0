"""API tokens: made here, shown once, revoked here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from tenants.admin.shown_once import ShownOnce
from tenants.console import DomainAdmin, DomainForm, register
from tenants.context import AuthContext
from tenants.models import ApiToken, TokenScope
from tenants.services.api_tokens import create_api_token, revoke_api_token


class TokenForm(DomainForm):
    scopes = forms.MultipleChoiceField(
        choices=TokenScope.explained(), widget=forms.CheckboxSelectMultiple, label="May"
    )
    days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=3650,
        label="Ends after",
        help_text="Days; empty: never.",
    )

    class Meta:
        model = ApiToken
        fields = ("name",)


@register(ApiToken)
class ApiTokenAdmin(ShownOnce, DomainAdmin):
    form = TokenForm
    view_scope = add_scope = delete_scope = TokenScope.ADMIN
    empty_words = "No tokens yet. A program needs one to use the API."
    delete_words = "The token stops working within a second, and its open streams are closed."
    list_display = ("name", "shown", "may", "last_used_at", "expires_at", "created_at")
    fields = ("name", "scopes", "days")
    search_fields = ("name", "prefix", "last_four")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        rows: QuerySet[ApiToken] = super().get_queryset(request)
        return rows.filter(revoked_at__isnull=True)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        held = ["name", "shown", "may", "created_by", "last_used_at", "expires_at"]
        return held if obj else ["name", "scopes", "days"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj) if obj else ()

    def create(self, auth: AuthContext, form: Any) -> models.Model:
        data = form.cleaned_data
        until = timezone.now() + timedelta(days=data["days"]) if data["days"] else None
        made = create_api_token(auth, name=data["name"], scopes=data["scopes"], expires_at=until)
        return self.hand_over(made.row, made.raw)

    def remove(self, auth: AuthContext, row: Any) -> None:
        revoke_api_token(auth, row)

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        words = "Keep it now: only its digest is stored, and it is not shown again."
        return self.show_once(request, f"API token {obj.name}", self.handed_over(obj), words)

    @admin.display(description="may")
    def may(self, row: ApiToken) -> str:
        return ", ".join(row.scopes)

    @admin.display(description="token")
    def shown(self, row: ApiToken) -> str:
        return f"{row.prefix}…{row.last_four}"
