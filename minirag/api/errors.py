"""Renders every failure in the one error body of the contract."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions as drf
from rest_framework.response import Response

from minirag.api.context import info_of
from minirag.api.error_pages import page_of, site_of
from minirag.disk import keeps_nothing
from minirag.errors import (
    BadRequest,
    ErrorCode,
    Forbidden,
    Invalid,
    MiniRAGError,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

log = logging.getLogger("minirag.api")
# Answers below these paths are JSON always, also where no view was found.
API_PREFIXES = ("/v1", "/openai", "/widget", "/mcp")
_DEFAULT_RETRY_AFTER = 5
# A database that only reads at the moment: a standby before it takes over, a disk being saved.
_READ_ONLY = "25006"

METHOD_NOT_ALLOWED = MiniRAGError(
    "This method is not allowed here.", code=ErrorCode.METHOD_NOT_ALLOWED
)
_FROM_DRF: Mapping[type[Exception], tuple[ErrorCode, str]] = {
    drf.ParseError: (ErrorCode.BAD_REQUEST, "The body could not be parsed."),
    drf.NotAuthenticated: (ErrorCode.UNAUTHENTICATED, Unauthenticated.default_message),
    drf.AuthenticationFailed: (ErrorCode.UNAUTHENTICATED, Unauthenticated.default_message),
    drf.MethodNotAllowed: (METHOD_NOT_ALLOWED.code, METHOD_NOT_ALLOWED.message),
    drf.UnsupportedMediaType: (
        ErrorCode.UNSUPPORTED_MEDIA_TYPE,
        "This content type is not supported here.",
    ),
    drf.NotAcceptable: (ErrorCode.BAD_REQUEST, "None of the accepted types can be produced."),
    drf.Throttled: (ErrorCode.RATE_LIMITED, "Too many requests."),
    drf.NotFound: (ErrorCode.NOT_FOUND, NotFound.default_message),
    Http404: (ErrorCode.NOT_FOUND, NotFound.default_message),
    RequestDataTooBig: (ErrorCode.TOO_LARGE, TooLarge.default_message),
    TooManyFieldsSent: (ErrorCode.TOO_LARGE, TooLarge.default_message),
    TooManyFilesSent: (
        ErrorCode.TOO_LARGE,
        f"A request may hold {settings.DATA_UPLOAD_MAX_NUMBER_FILES} files at most.",
    ),
    SuspiciousOperation: (ErrorCode.BAD_REQUEST, BadRequest.default_message),
    OperationalError: (ErrorCode.UNAVAILABLE, Unavailable.default_message),
    InterfaceError: (ErrorCode.UNAVAILABLE, Unavailable.default_message),
}


def flatten(detail: Any, prefix: str = "") -> dict[str, list[str]]:
    """DRF's nested error detail as flat ``{"widget.theme": ["…"]}``.

    What is wrong with the items of a list is said of the list: a client knows its field by name.
    """
    if isinstance(detail, Mapping):
        return _joined(flatten(inner, _path(prefix, name)) for name, inner in detail.items())
    texts = [detail] if isinstance(detail, str) else list(detail)
    if texts and all(not isinstance(text, str) for text in texts):
        return _joined(flatten(inner, prefix) for inner in texts if inner)
    return {prefix or "non_field_errors": [str(text) for text in texts]}


def _path(prefix: str, name: Any) -> str:
    if isinstance(name, int) or name == "non_field_errors":
        return prefix or "non_field_errors"
    return f"{prefix}.{name}" if prefix else str(name)


def _joined(parts: Iterable[dict[str, list[str]]]) -> dict[str, list[str]]:
    """All of them, each text once per field."""
    flat: dict[str, list[str]] = {}
    for part in parts:
        for name, texts in part.items():
            kept = flat.setdefault(name, [])
            kept.extend(text for text in texts if text not in kept)
    return flat


def as_error(exc: Exception) -> MiniRAGError | None:
    """The contract's failure for an exception, or None where it is a fault of ours."""
    if isinstance(exc, MiniRAGError):
        return exc
    if isinstance(exc, drf.ValidationError):
        return Invalid(fields=flatten(exc.detail))
    if isinstance(exc, InternalError) and getattr(exc.__cause__, "sqlstate", "") == _READ_ONLY:
        return Unavailable()
    if keeps_nothing(exc):
        return Unavailable()
    for kind, (code, message) in _FROM_DRF.items():
        if isinstance(exc, kind):
            return MiniRAGError(message, code=code, retry_after=getattr(exc, "wait", None))
    if isinstance(exc, drf.PermissionDenied | PermissionDenied):
        # DRF's own words here are about CSRF, which the person in front of a form should read.
        detail = getattr(exc, "detail", "")
        return Forbidden(str(detail) if "CSRF" in str(detail) else None)
    return None


def error_body(error: MiniRAGError, request_id: str) -> dict[str, Any]:
    """The JSON body of a failure."""
    body: dict[str, Any] = {"code": str(error.code), "message": error.message}
    if error.code is ErrorCode.INVALID:
        body["fields"] = error.fields or {}
    return {"error": {**body, "request_id": request_id}}


def error_headers(error: MiniRAGError) -> dict[str, str]:
    """``Retry-After`` in whole seconds where the status asks for it; the 401's challenge."""
    if error.status in (429, 503):
        seconds = _DEFAULT_RETRY_AFTER if error.retry_after is None else error.retry_after
        return {"Retry-After": str(max(1, math.ceil(seconds)))}
    if error.status == 401:
        return {"WWW-Authenticate": 'Bearer realm="minirag"'}
    return {}


def known_error(exc: Exception, request_id: str) -> MiniRAGError:
    """``as_error``, and ``internal`` for the rest, whose text goes to the log only."""
    error = as_error(exc)
    if error is None:
        log.error("request %s failed", request_id, exc_info=exc)
        return MiniRAGError()
    if error.code in (ErrorCode.INTERNAL, ErrorCode.UNAVAILABLE):
        log.warning("request %s: %s", request_id, error.code, exc_info=exc)
    return error


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's hook: any exception of a view to its answer."""
    request_id = info_of(context.get("request")).request_id
    error = known_error(exc, request_id)
    return Response(
        error_body(error, request_id), status=error.status, headers=error_headers(error)
    )


def error_response(error: MiniRAGError, request: HttpRequest) -> JsonResponse:
    """A failure as a plain Django answer, for code outside DRF."""
    body = error_body(error, info_of(request).request_id)
    return JsonResponse(body, status=error.status, headers=error_headers(error))


def _wants_json(request: HttpRequest) -> bool:
    under_api = any(
        request.path == prefix or request.path.startswith(prefix + "/") for prefix in API_PREFIXES
    )
    accepted = request.META.get("HTTP_ACCEPT", "")
    if site_of(request):
        return "application/json" in accepted
    return under_api or "text/html" not in accepted


def plain_answer(request: HttpRequest, error: MiniRAGError, title: str) -> HttpResponse:
    """A failure as JSON or as a page, by who asks."""
    if _wants_json(request):
        return error_response(error, request)
    page = page_of(request, error, title, info_of(request).request_id)
    return HttpResponse(page, status=error.status, headers=error_headers(error))


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A request that Django itself refused (host, headers, size)."""
    return plain_answer(request, as_error(exception) or BadRequest(), "Bad request")


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    return plain_answer(request, Forbidden(), "Not allowed")


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    return plain_answer(request, NotFound(), "Not found")


def handler500(request: HttpRequest) -> HttpResponse:
    """A failure of a page. One that will pass (a full disk, a database away) says so."""
    failure = sys.exc_info()[1]
    error = as_error(failure) if isinstance(failure, Exception) else None
    if error is not None and error.status == 503:
        return plain_answer(request, error, "Not possible at the moment")
    return plain_answer(request, MiniRAGError(), "Something went wrong")


def not_to_be_opened(request: HttpRequest) -> HttpResponse:
    """For who opens the address of a button."""
    answer = plain_answer(request, METHOD_NOT_ALLOWED, "Not to be opened")
    answer["Allow"] = "POST"
    return answer


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without its token; ``reason`` is Django's and goes to the log."""
    log.info("request %s: %s", info_of(request).request_id, reason)
    return plain_answer(
        request,
        Forbidden("The form has expired. Reload the page and send it again."),
        "Not allowed",
    )


def unknown_path(request: HttpRequest, *args: Sequence[Any], **kwargs: Any) -> HttpResponse:
    """Any path below the API that no view has: route it last, so that it is JSON always."""
    return error_response(NotFound(), request)


# Forms are posted by people: no CSRF page may come before the 404.
unknown_path.csrf_exempt = True  # type: ignore[attr-defined]
