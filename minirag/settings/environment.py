"""How the environment is read, and where we are: folders, mode, secrets, hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent.parent


class _NamedEnv(environ.Env):  # type: ignore[misc]  # has no types
    """Refuses a value that cannot be read with the name of its variable."""

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().get_value(var, *args, **kwargs)
        except ValueError as error:
            raise ImproperlyConfigured(f"{var} cannot be read: {error}.") from error


env = _NamedEnv()

MINIRAG_DATA_DIR = Path(env.str("MINIRAG_DATA_DIR", default=str(BASE_DIR / "var"))).resolve()
# `make demo` keeps its secrets here, so that a bare manage.py in the same folder finds its data.
# What the environment says already stands.
_env_file = MINIRAG_DATA_DIR / "env"
if _env_file.is_file():
    environ.Env.read_env(str(_env_file))

MINIRAG_ENV = env.str("MINIRAG_ENV", default="production")
if MINIRAG_ENV not in ("production", "development"):
    raise ImproperlyConfigured("MINIRAG_ENV must be 'production' or 'development'.")
DEVELOPMENT = MINIRAG_ENV == "development"
DEBUG = env.bool("DEBUG", default=False)
if DEBUG and not DEVELOPMENT:
    raise ImproperlyConfigured("DEBUG must be off where MINIRAG_ENV is production.")


def _secret(name: str, *, least: int) -> str:
    """A secret from the environment, long enough and not one that everybody knows."""
    value = str(env.str(name, default=""))
    if not value:
        raise ImproperlyConfigured(f"{name} is missing. See docs/settings.md.")
    if len(value) < least or len(set(value)) < 8 or "insecure" in value or "change" in value:
        raise ImproperlyConfigured(
            f"{name} is too short or a known default: {least}+ random characters."
        )
    return value


SECRET_KEY = _secret("SECRET_KEY", least=40)
# Masters for credentials at rest, newest first: 32 random bytes each, URL-safe base64.
MINIRAG_ENCRYPTION_KEYS: list[str] = env.list("MINIRAG_ENCRYPTION_KEYS", default=[])

_hosts: list[str] = env.list("ALLOWED_HOSTS", default=[])
if not DEVELOPMENT and (not _hosts or "*" in _hosts):
    raise ImproperlyConfigured("ALLOWED_HOSTS must name the hosts (not '*') in production.")
# Health probes come from the machine itself, by its own name.
ALLOWED_HOSTS = [*_hosts, "127.0.0.1", "localhost", "[::1]"]
MINIRAG_PUBLIC_URL = env.str("MINIRAG_PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
# Where nobody names it, the server's own address stands in (minirag.embedded).
PUBLIC_URL_IS_NAMED = bool(env.str("MINIRAG_PUBLIC_URL", default=""))
MINIRAG_TRUSTED_PROXIES: list[str] = env.list("MINIRAG_TRUSTED_PROXIES", default=[])
CSRF_TRUSTED_ORIGINS = [MINIRAG_PUBLIC_URL]
