"""The OpenAI double with a hand on its pace: held embeddings, answers at so many tokens a second.

Model ``paced-<tokens>-<milliseconds>`` answers with so many tokens, one every so many
milliseconds. ``python -m tests.doubles.openai_paced --port 9009`` runs it by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import threading
from dataclasses import dataclass, field

from minirag.providers.fakes import words
from tests.doubles import openai_faults as faults
from tests.doubles.openai_faults import Connection
from tests.doubles.openai_server import OpenAIDouble, Seen

_PACED = re.compile(r"paced-(\d+)-(\d+)")


@dataclass(slots=True)
class PacedDouble(OpenAIDouble):
    """``hold_after`` embedding calls are answered, the next ones wait for ``let_go``.

    A call whose client went away while it was held is answered by nobody and charged to nobody.
    """

    hold_after: int | None = None
    holding: threading.Event = field(default_factory=threading.Event)
    _embedded: int = 0
    _open: asyncio.Event = field(default_factory=asyncio.Event)

    def __enter__(self) -> PacedDouble:
        OpenAIDouble.__enter__(self)
        return self

    def hold(self, after: int = 0) -> None:
        """From now on, hold embedding calls after ``after`` more of them."""
        self.holding.clear()
        self._open.clear()
        self._embedded = 0
        self.hold_after = after

    def let_go(self) -> None:
        """Answer what is held, and hold nothing more."""
        self.hold_after = None
        self._loop.call_soon_threadsafe(self._open.set)

    async def _embeddings(self, seen: Seen, connection: Connection) -> None:
        self._embedded += 1
        if self.hold_after is not None and self._embedded > self.hold_after:
            self.holding.set()
            if await self._client_left(connection):
                return
        await OpenAIDouble._embeddings(self, seen, connection)

    async def _client_left(self, connection: Connection) -> bool:
        """Wait for ``let_go``; True where the client hung up before it."""
        gone = asyncio.ensure_future(connection.reader.read())
        opened = asyncio.ensure_future(self._open.wait())
        done, waiting = await asyncio.wait({gone, opened}, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        return gone in done

    async def _chat(self, seen: Seen, connection: Connection) -> None:
        match = _PACED.search(str(seen.body.get("model", "")))
        if match is None:
            await OpenAIDouble._chat(self, seen, connection)
            return
        count, pause = int(match[1]), int(match[2]) / 1000
        prompt = sum(len(words(str(turn["content"]))) for turn in seen.body["messages"])
        plan = faults.Plan([f"w{at} " for at in range(count)], prompt, True, True, seen.key)
        await connection.head(200, "text/event-stream")
        await _play(connection, faults.events("", plan), pause)
        self._charge(seen.key, prompt, count)


async def _play(connection: Connection, events: list[bytes], pause: float) -> None:
    """The first token at once, each next one at its time: a late one does not delay the others."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for place, event in enumerate(events):
        due = begun + max(0, place - 1) * pause
        if pause and due > loop.time():
            await asyncio.sleep(due - loop.time())
        await connection.send(event)


async def _serve_forever(port: int) -> None:
    server = await PacedDouble(port=port).listen()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9009)
    asyncio.run(_serve_forever(parser.parse_args().port))
