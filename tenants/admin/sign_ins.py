"""Who was refused and who came in, as django-axes writes it down; for platform operators."""

from __future__ import annotations

from typing import Any

from axes.models import AccessAttempt, AccessLog
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.http import HttpRequest
from django.utils import timezone

from tenants.admin.records import record_platform_act
from tenants.console import DomainAdmin, pill
from tenants.models import TokenScope


def _call(model: Any, one: str, more: str, **fields: str) -> None:
    """Names that people read. Migrations go by the class's own, which stay."""
    model._meta.verbose_name, model._meta.verbose_name_plural = one, more
    names = {"username": "account", "ip_address": "address", "user_agent": "browser", **fields}
    for name, words in names.items():
        model._meta.get_field(name).verbose_name = words


apps.get_app_config("axes").verbose_name = "Sign-in protection"
_call(
    AccessAttempt, "refused sign-in", "refused sign-ins",
    attempt_time="last tried", path_info="where", failures_since_start="wrong passwords",
)  # fmt: skip
_call(
    AccessLog, "sign-in", "sign-ins",
    attempt_time="signed in", logout_time="signed out", path_info="where",
)  # fmt: skip


@admin.register(AccessAttempt)
class RefusedSignInAdmin(DomainAdmin):
    """Counters, which lock an account for one address when they are full."""

    empty_words = "No wrong passwords lately. Who gives too many is locked out for a while."
    list_display = (
        "username", "ip_address", "failures_since_start", "shown_state", "attempt_time",
    )  # fmt: skip
    search_fields = ("username", "ip_address")
    fields = (*list_display, "path_info", "user_agent")
    actions = ("let_in",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccessAttempt]:
        """With what counts: the tries of all browsers at one address, and lately."""
        lately = timezone.now() - settings.AXES_COOLOFF_TIME
        same = AccessAttempt.objects.filter(
            username=OuterRef("username"),
            ip_address=OuterRef("ip_address"),
            attempt_time__gt=lately,
        )
        summed = same.order_by().values("username").annotate(tries=Sum("failures_since_start"))
        rows = super().get_queryset(request)
        counted: QuerySet[AccessAttempt] = rows.annotate(tries=Subquery(summed.values("tries")))
        return counted

    @admin.display(description="state")
    def shown_state(self, row: Any) -> str:
        left = settings.AXES_FAILURE_LIMIT - (row.tries or 0)
        return f"locked after {left} more" if left > 0 else pill("locked")

    def has_platform_permission(self, request: HttpRequest) -> bool:
        """For the action below."""
        return self._may(request, TokenScope.ADMIN)

    @admin.action(description="Let in again", permissions=["platform"])
    def let_in(self, request: HttpRequest, queryset: QuerySet[AccessAttempt]) -> None:
        for row in queryset:
            same = AccessAttempt.objects.filter(username=row.username, ip_address=row.ip_address)
            if not same.delete()[0]:  # let in with another row of theirs
                continue
            detail = {"account": row.username, "address": row.ip_address}
            record_platform_act(request, "platform.sign_in.unlock", detail=detail)
        self.message_user(request, "They may try again.")


@admin.register(AccessLog)
class SignInAdmin(DomainAdmin):
    empty_words = "Nobody has signed in yet."
    list_display = ("username", "ip_address", "attempt_time", "logout_time")
    list_filter = ("attempt_time",)
    search_fields = ("username", "ip_address")
    fields = (*list_display, "path_info", "user_agent")
