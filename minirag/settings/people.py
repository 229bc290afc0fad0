"""Logins, sessions and tokens."""

from __future__ import annotations

from datetime import timedelta

from minirag.settings.environment import MINIRAG_PUBLIC_URL, env

AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AXES_FAILURE_LIMIT = env.int("MINIRAG_LOGIN_FAILURES", default=10)
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_ENABLE_ADMIN = False  # the platform has pages of its own for them
AXES_USERNAME_CALLABLE = "tenants.lockout.username_of"
AXES_LOCKOUT_CALLABLE = "tenants.lockout.locked_out"
SILENCED_SYSTEM_CHECKS = [
    # axes' middleware only words the refusal, which our error handler and the login form do.
    "axes.W002",
    # Our SecurityHeadersMiddleware sets X-Frame-Options, and CSP frame-ancestors with it.
    "security.W002",
    # The proxy in front redirects to https, and whether subdomains follow is its owner's choice.
    "security.W005",
    "security.W008",
    "security.W021",
]
LOGIN_URL = "/console/login/"
LOGIN_REDIRECT_URL = "/console/"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
_https = MINIRAG_PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = _https
CSRF_COOKIE_SECURE = _https
SECURE_SSL_REDIRECT = False  # the proxy in front does it; health checks come in plain
SECURE_HSTS_SECONDS = 31536000 if _https else 0
# The header of anybody but a trusted proxy is dropped by RequestContextMiddleware.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CSRF_FAILURE_VIEW = "minirag.api.errors.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

JWT_ACCESS_MINUTES = 15
JWT_REFRESH_DAYS = 7
MINIRAG_REFRESH_GRACE_SECONDS = env.int("MINIRAG_REFRESH_GRACE_SECONDS", default=30)
MINIRAG_BOOTSTRAP_TOKEN = env.str("MINIRAG_BOOTSTRAP_TOKEN", default="")
MINIRAG_OPEN_SIGNUP = env.bool("MINIRAG_OPEN_SIGNUP", default=False)
MINIRAG_METRICS_TOKEN = env.str("MINIRAG_METRICS_TOKEN", default="")
