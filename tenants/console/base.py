"""The base of every admin page: default deny, services for every write, audit for history."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.contrib import admin, messages
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import PermissionDenied
from django.db import models
from django.forms import ModelChoiceField
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString

from minirag.errors import MiniRAGError
from tenants.console.forms import DomainForm
from tenants.console.links import link_to
from tenants.console.looks import NOTHING, PageLooks
from tenants.console.sites import ConsoleSite, console_site
from tenants.context import ActorKind, AuthContext
from tenants.models import Role, Tenant, TokenScope, User
from tenants.scope import tenant_scope

# Generic in the type stubs only.
if TYPE_CHECKING:
    _TabularInline = admin.TabularInline[Any, Any]
else:
    _TabularInline = admin.TabularInline

# From an address a pattern is work without a bound, or an error; in JSON only PostgreSQL searches.
_UNBOUNDED = frozenset({"regex", "iregex", "contains", "icontains", "contained_by"})


class DomainAdmin(PageLooks):
    """One page for both sites. A right that a subclass does not name is nobody's.

    Writes go to ``create``, ``change`` and ``remove``, which call services; the row that a service
    returns is what the page goes on with.
    """

    view_scope: ClassVar[TokenScope | None] = TokenScope.READ
    add_scope: ClassVar[TokenScope | None] = None
    change_scope: ClassVar[TokenScope | None] = None
    delete_scope: ClassVar[TokenScope | None] = None
    form = DomainForm
    list_per_page = 50
    show_full_result_count = False

    # --- what a subclass says ------------------------------------------------------------------

    def create(self, auth: AuthContext, form: DomainForm) -> models.Model:
        raise PermissionDenied

    def change(self, auth: AuthContext, row: Any, form: DomainForm) -> models.Model:
        raise PermissionDenied

    def remove(self, auth: AuthContext, row: Any) -> None:
        raise PermissionDenied

    # --- rights ---------------------------------------------------------------------------------

    @property
    def in_console(self) -> bool:
        return isinstance(self.admin_site, ConsoleSite)

    def _may(self, request: HttpRequest, scope: TokenScope | None) -> bool:
        if scope is None:
            return False
        if self.in_console:
            auth = getattr(request, "minirag_auth", None)
            return auth is not None and auth.may(scope)
        user = request.user
        return isinstance(user, User) and user.is_active and user.is_superuser

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.view_scope)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may(request, self.add_scope)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.change_scope)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.delete_scope)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        free = lookup.rpartition("__")[2] not in _UNBOUNDED
        return free and super().lookup_allowed(lookup, value, request)

    def _get_obj_does_not_exist_redirect(self, *args: Any) -> HttpResponse:
        """Another tenant's row is what does not exist, and that is a 404."""
        raise Http404

    # --- acting ---------------------------------------------------------------------------------

    @contextmanager
    def acting(self, request: HttpRequest, tenant_id: Any) -> Iterator[AuthContext]:
        """The acting credential inside its tenant's scope."""
        if self.in_console:
            yield cast(AuthContext, request.minirag_auth)  # type: ignore[attr-defined]
            return
        user = cast(User, request.user)
        with tenant_scope(tenant_id):
            yield AuthContext(
                tenant_id=tenant_id,
                kind=ActorKind.USER,
                actor_id=str(user.pk),
                actor=user.email,
                scopes=frozenset(TokenScope),
                role=Role.OWNER,
                # No member: a token that named this person as its creator would hold nothing.
                user_id=None,
                ip=getattr(request, "client_ip", None),
                request_id=getattr(request, "request_id", ""),
            )

    def tenant_of(self, row: Any) -> Any:
        """The tenant a row belongs to."""
        return row.tenant_id

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[DomainForm]:
        if not self.in_console and obj is None:
            # Rows keep their tenant: the model field is not editable, ours is put in below.
            names = kwargs.get("fields") or flatten_fieldsets(self.get_fieldsets(request, obj))
            kwargs["fields"] = [name for name in names if name != "tenant"]
        base = cast(type[DomainForm], super().get_form(request, obj, change, **kwargs))
        page = self

        class BoundForm(base):  # type: ignore[valid-type,misc]
            def apply(self) -> models.Model:
                return page._apply(request, obj, self)

        if not self.in_console and obj is None and self.add_scope and self._owned():
            BoundForm.base_fields = {
                "tenant": ModelChoiceField(queryset=Tenant.objects.all()),
                **BoundForm.base_fields,
            }
        return BoundForm

    def _owned(self) -> bool:
        return any(field.name == "tenant" for field in self.model._meta.fields)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        sets = super().get_fieldsets(request, obj)
        if not self.in_console and obj is None and self._owned():
            return [(None, {"fields": ["tenant"]}), *sets]
        return sets

    def _apply(self, request: HttpRequest, row: Any, form: DomainForm) -> models.Model:
        if row is not None:
            with self.acting(request, self.tenant_of(row)) as auth:
                return self.change(auth, row, form)
        if self.in_console:
            with self.acting(request, None) as auth:
                return self.create(auth, form)
        with self.acting(request, form.cleaned_data["tenant"].pk) as auth:
            return self.create(auth, form)

    # --- Django's write path, led to the services ------------------------------------------------

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.saved

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Nothing: the service has saved it when the form was judged."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing: relations are the service's too."""

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with self.acting(request, self.tenant_of(obj)) as auth:
            self.remove(auth, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        rows = list(objs)
        return [str(row) for row in rows], {self.opts.verbose_name_plural: len(rows)}, set(), []

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """Without Django's transaction: a service has its own, and begins anew if it breaks."""
        try:
            return self._delete_view(request, object_id, extra_context)  # type: ignore[attr-defined]
        except MiniRAGError as error:
            self.message_user(request, error.message, messages.ERROR)
            return HttpResponseRedirect(reverse(f"{self._route()}_changelist"))

    def each(
        self,
        request: HttpRequest,
        rows: Sequence[Any] | models.QuerySet[Any],
        deed: Callable[[AuthContext, Any], object],
        done: str,
    ) -> None:
        """Run an action's deed on every row; refusals are shown, the others go on."""
        count = 0
        for row in rows:
            try:
                with self.acting(request, self.tenant_of(row)) as auth:
                    deed(auth, row)
            except MiniRAGError as error:
                self.message_user(request, f"{row}: {error.message}", messages.ERROR)
            else:
                count += 1
        if count:
            self.message_user(request, f"{done}: {count}.", messages.SUCCESS)

    # --- history is the audit record -----------------------------------------------------------

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **more: Any
    ) -> Any:
        context["may_see_history"] = self._may(request, TokenScope.ADMIN)
        return super().render_change_form(request, context, *args, **more)

    def log_addition(self, *args: Any, **kwargs: Any) -> Any:
        """Nothing: Django's own log knows no tenants; services write AuditEvent rows."""

    def log_change(self, *args: Any, **kwargs: Any) -> Any:
        """Nothing, as ``log_addition``."""

    def log_deletions(self, *args: Any, **kwargs: Any) -> Any:
        """Nothing, as ``log_addition``."""

    def construct_change_message(self, *args: Any, **kwargs: Any) -> Any:
        """Nothing: it would ask formsets what they saved, and rows below are only shown."""
        return []

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        url = reverse(f"{self.admin_site.name}:tenants_auditevent_changelist")
        kind = f"object_type__exact={self.opts.model_name}"
        return HttpResponseRedirect(f"{url}?{kind}&object_id__exact={object_id}")

    def _route(self) -> str:
        return f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}"

    def get_list_display(self, request: HttpRequest) -> Any:
        shown = list(super().get_list_display(request))
        if not self.in_console and self._owned():
            shown.insert(1, "tenant")
        return shown

    def get_list_select_related(self, request: HttpRequest) -> Any:
        related = super().get_list_select_related(request)
        if self.in_console or not self._owned() or related is True:
            return related
        return [*(related or ()), "tenant"]


class ScopedInline(_TabularInline):
    """Rows below their parent, to be read only. A cell of ``linked`` leads to the row's page."""

    extra = 0
    can_delete = False
    empty_value_display = NOTHING

    def linked(self, row: Any, words: object) -> SafeString:
        """``words`` as a link to the page of ``row`` on this site."""
        return link_to(self.admin_site, row, words)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """All: times and the like are no form fields, and Django asks before it looks at rights."""
        return tuple(self.fields or ())

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # who sees the parent sees its rows

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def register(model: type[models.Model]) -> Callable[[type[DomainAdmin]], type[DomainAdmin]]:
    """Register a page on both sites."""

    def decorate(page: type[DomainAdmin]) -> type[DomainAdmin]:
        admin.site.register(model, page)
        console_site.register(model, page)
        return page

    return decorate
