"""Ending a running turn from outside, at any moment, without losing what it has so far."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum

from minirag.errors import ProviderUnavailable


class Ending(StrEnum):
    """Why a turn ends before its answer does."""

    STOPPED = "stopped"
    INTERRUPTED = "interrupted"


class EndedError(Exception):
    """Raised inside a turn that was ended from outside."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(str(ending))
        self.ending = ending


class Control:
    """One turn's switch. ``end`` is called in the turn's event loop; the first call counts."""

    def __init__(self) -> None:
        self.ending: Ending | None = None
        self._timeout: asyncio.Timeout | None = None

    def end(self, ending: Ending) -> None:
        if self.ending is None:
            self.ending = ending
            self._expire()

    def check(self) -> None:
        """Raises ``EndedError`` where the turn was ended."""
        if self.ending is not None:
            raise EndedError(self.ending)

    def extend(self, seconds: float) -> None:
        """Give the guarded wait ``seconds`` from now; an ended turn gets no more."""
        if self._timeout is not None and self.ending is None and not self._timeout.expired():
            self._timeout.reschedule(asyncio.get_running_loop().time() + seconds)

    @asynccontextmanager
    async def guard(self, seconds: float) -> AsyncIterator[None]:
        """A wait that ``end`` cuts short. Raises ``EndedError``; ``ProviderUnavailable`` late."""
        self.check()
        try:
            async with asyncio.timeout(seconds) as self._timeout:
                yield
        except TimeoutError:
            self.check()
            raise ProviderUnavailable("The model provider took too long.") from None
        finally:
            self._timeout = None

    def _expire(self) -> None:
        if self._timeout is not None and not self._timeout.expired():
            self._timeout.reschedule(asyncio.get_running_loop().time())
