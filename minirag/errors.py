"""The closed list of error codes, and the one exception that carries them.

Every failure that a client may see is a ``MiniRAGError``: an edge renders it, a job or message row
stores its ``as_field()``. Its message is for the client; what a vendor said stays in the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypedDict


class ErrorCode(StrEnum):
    """Codes of the public contract. The list is closed: a new one is a new contract version."""

    BAD_REQUEST = "bad_request"
    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    ORIGIN_REFUSED = "origin_refused"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    IDEMPOTENCY_MISMATCH = "idempotency_mismatch"
    UNREADABLE_SOURCE = "unreadable_source"
    ADDRESS_REFUSED = "address_refused"
    PROVIDER_MISCONFIGURED = "provider_misconfigured"
    PROVIDER_REJECTED = "provider_rejected"
    RATE_LIMITED = "rate_limited"
    QUOTA_EXCEEDED = "quota_exceeded"
    INTERNAL = "internal"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    RETRIEVAL_UNAVAILABLE = "retrieval_unavailable"
    UNAVAILABLE = "unavailable"


STATUS: Mapping[ErrorCode, int] = {
    ErrorCode.BAD_REQUEST: 400,
    ErrorCode.INVALID: 400,
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.ORIGIN_REFUSED: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.CONFLICT: 409,
    ErrorCode.TOO_LARGE: 413,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.IDEMPOTENCY_MISMATCH: 422,
    ErrorCode.UNREADABLE_SOURCE: 422,
    ErrorCode.ADDRESS_REFUSED: 422,
    ErrorCode.PROVIDER_MISCONFIGURED: 424,
    ErrorCode.PROVIDER_REJECTED: 424,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.QUOTA_EXCEEDED: 429,
    ErrorCode.INTERNAL: 500,
    ErrorCode.PROVIDER_UNAVAILABLE: 503,
    ErrorCode.RETRIEVAL_UNAVAILABLE: 503,
    ErrorCode.UNAVAILABLE: 503,
}

# What a client may usefully try again, unchanged.
RETRYABLE = frozenset(
    {
        ErrorCode.RATE_LIMITED,
        ErrorCode.PROVIDER_UNAVAILABLE,
        ErrorCode.RETRIEVAL_UNAVAILABLE,
        ErrorCode.UNAVAILABLE,
    }
)


class ErrorField(TypedDict):
    """The ``error`` field of a job, document, source or message."""

    code: str
    message: str


class MiniRAGError(Exception):
    """A failure with a code of the contract and a message fit for the client.

    ``retry_after`` is in seconds. ``fields`` (name to messages) goes only with ``invalid``.
    """

    code = ErrorCode.INTERNAL
    default_message = "Something went wrong on our side."

    def __init__(
        self,
        message: str | None = None,
        *,
        code: ErrorCode | None = None,
        fields: Mapping[str, Sequence[str]] | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.code = code or self.code
        self.message = message or self.default_message
        self.fields = {name: list(texts) for name, texts in fields.items()} if fields else None
        self.retry_after = retry_after
        super().__init__(f"{self.code}: {self.message}")

    @property
    def status(self) -> int:
        return STATUS[self.code]

    @property
    def retryable(self) -> bool:
        return self.code in RETRYABLE

    def as_field(self) -> ErrorField:
        return {"code": str(self.code), "message": self.message}


class BadRequest(MiniRAGError):
    code = ErrorCode.BAD_REQUEST
    default_message = "The request could not be understood."


class Invalid(MiniRAGError):
    """Refused input. ``Invalid.field("name", "…")`` names the field."""

    code = ErrorCode.INVALID
    default_message = "Some fields are not valid."

    @classmethod
    def field(cls, name: str, message: str) -> Invalid:
        return cls(fields={name: [message]})


class Unauthenticated(MiniRAGError):
    code = ErrorCode.UNAUTHENTICATED
    default_message = "A valid credential is needed."


class Forbidden(MiniRAGError):
    code = ErrorCode.FORBIDDEN
    default_message = "This credential may not do that."


class OriginRefused(MiniRAGError):
    code = ErrorCode.ORIGIN_REFUSED
    default_message = "This page's origin is not allowed."


class NotFound(MiniRAGError):
    code = ErrorCode.NOT_FOUND
    default_message = "Not found."


class Conflict(MiniRAGError):
    code = ErrorCode.CONFLICT
    default_message = "The object is busy or exists already."


class TooLarge(MiniRAGError):
    code = ErrorCode.TOO_LARGE
    default_message = "That is too large."


class UnreadableSource(MiniRAGError):
    """A file, page or text from which no text can be had; the message says why."""

    code = ErrorCode.UNREADABLE_SOURCE
    default_message = "No text could be read from it."


class AddressRefused(MiniRAGError):
    code = ErrorCode.ADDRESS_REFUSED
    default_message = "This address may not be fetched."


class ProviderMisconfigured(MiniRAGError):
    """The provider refused the credential, or the model string or credential is unusable."""

    code = ErrorCode.PROVIDER_MISCONFIGURED
    default_message = "The model provider refused the credentials."


class ProviderRejected(MiniRAGError):
    """The provider refused this request as such; repeating it is no use."""

    code = ErrorCode.PROVIDER_REJECTED
    default_message = "The model provider rejected the request."


class ProviderUnavailable(MiniRAGError):
    """Timeout, reset, overload, 5xx, or a reply cut short: worth another try."""

    code = ErrorCode.PROVIDER_UNAVAILABLE
    default_message = "The model provider is not available."


class AnswerLost(ProviderUnavailable):
    """The request went out and its answer was not read whole: the call may well have been paid."""


class RetrievalUnavailable(MiniRAGError):
    code = ErrorCode.RETRIEVAL_UNAVAILABLE
    default_message = "Search is not available at the moment."


class Unavailable(MiniRAGError):
    code = ErrorCode.UNAVAILABLE
    default_message = "The service is not available at the moment."


class RateLimited(MiniRAGError):
    code = ErrorCode.RATE_LIMITED
    default_message = "Too many requests."


class QuotaExceeded(MiniRAGError):
    code = ErrorCode.QUOTA_EXCEEDED
    default_message = "The limit for this period is used up."
