"""Django, DRF and the log."""

from __future__ import annotations

from minirag.errors import ErrorCode
from minirag.settings.environment import BASE_DIR, env

# --- apps and middleware -----------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "minirag.apps.AdminConfig",
    "rest_framework",
    "drf_spectacular",
    "axes",
    "channels",
    "minirag.apps.MiniRAGConfig",  # its runserver goes before that of staticfiles
    "django.contrib.staticfiles",
    "tenants",
    "sources",
    "usage",
    "bots",
    "ingestion",
    "chat",
]

MIDDLEWARE = [
    "minirag.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "minirag.statics.StaticFilesMiddleware",
    "minirag.middleware.SecurityHeadersMiddleware",
    "minirag.inline_middleware.InlineSession",
    "minirag.inline_middleware.InlineCommon",
    "django.middleware.csrf.CsrfViewMiddleware",
    "minirag.inline_middleware.InlineAuthentication",
    "minirag.inline_middleware.InlineMessages",
    "tenants.middleware.ScopeGuardMiddleware",
]

ROOT_URLCONF = "minirag.urls"
ASGI_APPLICATION = "minirag.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- API ---------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenants.authentication.BearerAuthentication",
        "tenants.authentication.TenantSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["tenants.permissions.ScopePermission"],
    "DEFAULT_RENDERER_CLASSES": [
        "rest_framework.renderers.JSONRenderer",
        "minirag.api.renderers.BrowsableRenderer",
    ],
    "DEFAULT_PARSER_CLASSES": [
        "minirag.api.parsers.StrictJSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_SCHEMA_CLASS": "minirag.api.openapi.Schema",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "minirag.api.renderers.Negotiation",
    "EXCEPTION_HANDLER": "minirag.api.errors.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "MiniRAG",
    "DESCRIPTION": "Multi-tenant retrieval-augmented answers with citations that hold.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "minirag.api.openapi.plain_words",
    ],
    "SCHEMA_PATH_PREFIX": r"/v1",
    # Choices of fields that share a name, each under a name of its own.
    "ENUM_NAME_OVERRIDES": {
        "DocumentStatusEnum": "sources.models.DocumentStatus",
        "ErrorCodeEnum": [code.value for code in ErrorCode],
        "MembershipStatusEnum": ["active", "invited"],
        "RoleEnum": "tenants.models.Role",
        "ScopeEnum": "tenants.models.TokenScope",
        "SourceTypeEnum": "sources.models.SourceType",
        "UsageKindEnum": "usage.models.UsageKind",
        "WidgetThemeEnum": "bots.models.WidgetTheme",
    },
}

# --- language, time, log -----------------------------------------------------------------------

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = ["minirag.dates"]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("MINIRAG_LOG_LEVEL", default="INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "httpx": {"level": "WARNING"},
        # A line per wake-up says nothing; what a job did stands in its row.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "LiteLLM": {"level": "ERROR"},
    },
}
