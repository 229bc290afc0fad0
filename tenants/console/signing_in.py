"""The forms that people sign in with: what is wrong, in words, alike for every account."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError


class SignInForm(AuthenticationForm):
    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "E-mail or password is wrong.",
        "locked": "Too many wrong passwords. Wait %(minutes)d minutes, or ask the platform's "
        "operator to let you in again.",
    }

    def get_invalid_login_error(self) -> ValidationError:
        """With too many wrong passwords the right one is refused too, which has to be said."""
        if not getattr(self.request, "axes_locked_out", False):
            return super().get_invalid_login_error()
        minutes: Any = settings.AXES_COOLOFF_TIME.total_seconds() // 60
        return ValidationError(self.error_messages["locked"], params={"minutes": minutes})


class PlatformSignInForm(SignInForm, AdminAuthenticationForm):
    """For platform operators only; who is none is refused as with a wrong password."""

    error_messages = {**AdminAuthenticationForm.error_messages, **SignInForm.error_messages}
