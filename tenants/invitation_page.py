"""The page behind an invitation's link: one form, no script."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from minirag.api.context import info_of
from minirag.api.errors import plain_answer
from minirag.errors import Invalid, MiniRAGError, NotFound
from tenants.services import accept_invitation
from tenants.services.invitations import find_invitation
from tenants.session import remember_tenant

_BACKEND = "django.contrib.auth.backends.ModelBackend"


class InvitationForm(forms.Form):
    password = forms.CharField(max_length=1024, strip=False, widget=forms.PasswordInput)


@never_cache
@sensitive_post_parameters("password")
@sensitive_variables("raw")
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, raw: str) -> HttpResponse:
    """Shows who invites; a POST with the password makes the person a member and logs in."""
    try:
        membership = find_invitation(raw)
    except NotFound as error:
        return plain_answer(request, error, "Invitation")
    form = InvitationForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _accept(request, raw, form):
        return HttpResponseRedirect("/console/")
    context: dict[str, Any] = {
        "form": form,
        "tenant": membership.tenant,
        "email": membership.user.email,
    }
    return render(request, "api/invitation.html", context, status=400 if form.errors else 200)


def _accept(request: HttpRequest, raw: str, form: InvitationForm) -> bool:
    info = info_of(request)
    try:
        membership = accept_invitation(
            request, raw, form.cleaned_data["password"], ip=info.ip, request_id=info.request_id
        )
    except Invalid as error:
        for text in (error.fields or {}).get("password", [error.message]):
            form.add_error("password", text)
        return False
    except MiniRAGError as error:
        form.add_error(None, error.message)
        return False
    login(request, membership.user, backend=_BACKEND)
    remember_tenant(request, membership.tenant_id)
    return True
