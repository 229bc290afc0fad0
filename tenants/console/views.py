"""Console pages that are no model's: choosing a tenant, taking up an invitation."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from minirag.api.errors import not_to_be_opened
from minirag.errors import MiniRAGError
from tenants.models import Role, User
from tenants.services.invitations import accept_invitation, find_invitation
from tenants.session import memberships_of, remember_tenant

_BACKEND = "django.contrib.auth.backends.ModelBackend"


@login_required
def switch(request: HttpRequest) -> HttpResponse:
    """Work in another of one's own tenants from now on."""
    if request.method != "POST":
        return not_to_be_opened(request)
    wanted = request.POST.get("tenant", "")
    if isinstance(request.user, User):
        for membership in memberships_of(request.user):
            if str(membership.tenant_id) == wanted:
                remember_tenant(request, UUID(wanted))
    return HttpResponseRedirect("/console/")


class InvitationForm(forms.Form):
    password = forms.CharField(widget=forms.PasswordInput, strip=False, max_length=256)


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, raw: str) -> HttpResponse:
    """Take up an invitation: a new person chooses a password, a known one gives theirs."""
    form = InvitationForm(request.POST or None)
    context: dict[str, Any] = {"form": form}
    try:
        membership = find_invitation(raw)
        context |= {"membership": membership, "is_new": not membership.user.has_usable_password()}
        context["may"] = Role(membership.role).may
        if request.method == "POST" and form.is_valid():
            accepted = accept_invitation(request, raw, form.cleaned_data["password"])
            login(request, accepted.user, backend=_BACKEND)
            remember_tenant(request, accepted.tenant_id)
            return HttpResponseRedirect("/console/")
    except MiniRAGError as error:
        context["problem"] = "; ".join((error.fields or {}).get("password", [error.message]))
        return render(request, "pages/invitation.html", context, status=error.status)
    return render(request, "pages/invitation.html", context)
