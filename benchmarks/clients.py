"""Many requests at once over bare sockets: a client library would cost as much as the server."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Seconds of each request that was answered with success, and how many were not."""

    times: list[float] = field(default_factory=list)
    failed: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.times) / self.seconds if self.seconds else 0.0


async def request(port: int, method: str, path: str, token: str, body: object = None) -> int:
    """One request on a connection of its own, read to its end; its status."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    content = json.dumps(body).encode() if body is not None else b""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        "Connection: close\r\n\r\n"
    )
    try:
        writer.write(head.encode() + content)
        answer = await reader.read(-1)
    finally:
        writer.close()
    return int(answer[9:12] or 0)


async def closed_loop(ask: Callable[[], Awaitable[int]], clients: int, seconds: float) -> Tally:
    """``clients`` ask one after the other, for ``seconds``."""
    tally = Tally()
    begun = time.perf_counter()

    async def client() -> None:
        while time.perf_counter() - begun < seconds:
            await _one(ask, tally)

    await asyncio.gather(*[client() for _ in range(clients)])
    tally.seconds = time.perf_counter() - begun
    return tally


async def open_loop(ask: Callable[[], Awaitable[int]], rate: float, seconds: float) -> Tally:
    """One request every ``1 / rate`` seconds, whether or not the last ones were answered."""
    tally = Tally()
    begun = time.perf_counter()
    tasks = []
    for place in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, begun + place / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(_one(ask, tally)))
    await asyncio.gather(*tasks)
    tally.seconds = time.perf_counter() - begun
    return tally


async def _one(ask: Callable[[], Awaitable[int]], tally: Tally) -> None:
    begun = time.perf_counter()
    try:
        good = await ask() == 200
    except OSError:
        good = False
    if good:
        tally.times.append(time.perf_counter() - begun)
    else:
        tally.failed += 1
