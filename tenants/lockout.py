"""How django-axes counts and answers wrong logins, wherever they happen."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from minirag.api.errors import plain_answer
from minirag.errors import RateLimited
from tenants.models import User


def username_of(request: HttpRequest | None, credentials: Any) -> str:
    """The account as it is counted: the spelling of an e-mail gives no fresh attempts."""
    # Django's signal says "username"; axes itself uses the name of the user model's field.
    given = (credentials or {}).get("username") or (credentials or {}).get(User.USERNAME_FIELD)
    if given is None and request is not None:
        given = request.POST.get("username")
    return User.objects.clean_email(str(given or ""))[:254]


def locked_out(request: HttpRequest, *_: Any) -> HttpResponse:
    """The answer to one wrong login too many (axes passes more arguments, by mode and version)."""
    error = RateLimited(
        "Too many wrong logins. Try again later.",
        retry_after=settings.AXES_COOLOFF_TIME.total_seconds(),
    )
    return plain_answer(request, error, "Too many wrong logins")
