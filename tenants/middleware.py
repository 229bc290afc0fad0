"""No scope survives its request."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

from django.http import HttpRequest

from minirag.middleware import BothModesMiddleware
from tenants.scope import drop_scope

log = logging.getLogger("minirag.scope")


class ScopeGuardMiddleware(BothModesMiddleware):
    """Each request begins and ends without a scope, whatever ran before on its thread or task."""

    def before(self, request: HttpRequest) -> Any:
        if (left := drop_scope()) is not None:
            log.error("a scope was left open by an earlier request: %r", left)

    def finish(self, state: Any) -> None:
        left = drop_scope()
        # Of a request that was given up the thread still works, inside its scope: no fault.
        if left is not None and not isinstance(sys.exception(), asyncio.CancelledError):
            log.error("a scope was left open by this request: %r", left)
