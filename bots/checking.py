"""One tiny call to a bot's model: does it answer, how fast, and if not, what to change."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass

from asgiref.sync import async_to_sync
from django.conf import settings

from bots.models import BotProfile
from bots.selectors import bot_credentials
from minirag.errors import ErrorCode, ErrorField, MiniRAGError, ProviderUnavailable, QuotaExceeded
from minirag.protocols import ChatModel
from minirag.providers import build_chat_model
from minirag.types import ChatRequest, ChatTurn, Finish, TokenUsage
from tenants import audit
from tenants.context import AuthContext
from usage.ledger import metered
from usage.models import UsageKind

# Some models refuse a smaller answer.
_MOST_TOKENS = 16
_QUESTION = "Reply with the word OK."
_REQUEST = ChatRequest((ChatTurn("user", _QUESTION),), _QUESTION, max_output_tokens=_MOST_TOKENS)
_ESTIMATE = TokenUsage(20, _MOST_TOKENS, estimated=True)
_ADVICE: Mapping[ErrorCode, str] = {
    ErrorCode.PROVIDER_MISCONFIGURED: "Set the bot's credentials anew, with a key for this model.",
    ErrorCode.PROVIDER_REJECTED: "Check the name of the model and what this key may use.",
    ErrorCode.PROVIDER_UNAVAILABLE: "Check api_base, or try again later.",
    ErrorCode.ADDRESS_REFUSED: "Change api_base, or have the operator allow the address.",
    ErrorCode.INVALID: "Choose another model.",
}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """``latency_ms`` until the whole answer, or until the failure."""

    latency_ms: int
    error: ErrorField | None = None

    @property
    def ok(self) -> bool:
        return self.error is None


def check_bot(auth: AuthContext, bot: BotProfile) -> CheckResult:
    """Ask the model once, metered as any call. Raises only ``QuotaExceeded``: nothing was asked."""
    started = time.monotonic()
    error: ErrorField | None = None
    try:
        _ask(auth, bot)
    except QuotaExceeded:
        raise
    except MiniRAGError as failure:
        advice = _ADVICE.get(failure.code, "")
        error = {"code": str(failure.code), "message": f"{failure.message} {advice}".strip()}
    audit.record(auth, "bot.check", bot, outcome=error["code"] if error else "ok")
    return CheckResult(round((time.monotonic() - started) * 1000), error)


def _ask(auth: AuthContext, bot: BotProfile) -> None:
    model = build_chat_model(bot.model, bot_credentials(bot))
    with metered(
        tenant_id=auth.tenant_id,
        kind=UsageKind.GENERATION,
        model=bot.model,
        estimate=_ESTIMATE,
        bot_profile_id=bot.pk,
    ) as meter:
        try:
            meter.report(async_to_sync(_finish)(model).usage)
        except TimeoutError as error:
            meter.report(_ESTIMATE)  # the provider may well have worked for it
            raise ProviderUnavailable("The model provider did not answer in time.") from error


async def _finish(model: ChatModel) -> Finish:
    async with asyncio.timeout(settings.MINIRAG_BOT_CHECK_SECONDS):
        async with aclosing(model.stream(_REQUEST)) as answer:  # type: ignore[type-var]
            async for item in answer:
                if isinstance(item, Finish):
                    return item
    raise ProviderUnavailable
