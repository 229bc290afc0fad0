"""An OpenAI-compatible server over raw sockets, so that faults can be scripted to the byte.

``python -m tests.doubles.openai_server --port 9009`` runs it by itself. A request's fault is the
one scripted for its key, else the one its model is named after (``fault-429``, ``fault-eof-2``;
see ``tests.doubles.openai_faults``). It keeps its own meter: what a client was really charged.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from minirag.providers.fakes import hashed_vector, words
from tests.doubles import openai_faults as faults
from tests.doubles.openai_faults import Connection

DIMENSIONS = 48


@dataclass(slots=True)
class Meter:
    """Tokens charged to one key."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any

    @property
    def key(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass(slots=True)
class OpenAIDouble:
    """The server on a thread of its own. Use as a context manager."""

    port: int = 0
    history: list[Seen] = field(default_factory=list)
    meters: dict[str, Meter] = field(default_factory=lambda: defaultdict(Meter))
    by_key: dict[str, str] = field(default_factory=dict)
    open_sockets: int = 0
    hung_up: threading.Event = field(default_factory=threading.Event)
    idle: threading.Event = field(default_factory=threading.Event)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def script(self, key: str, fault: str) -> None:
        """Every request with this key meets this fault, whatever its model."""
        self.by_key[key] = fault

    def __enter__(self) -> OpenAIDouble:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(5)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        assert self._thread is not None
        self._thread.join(5)

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(self.listen())
        ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open_sockets += 1
        self.idle.clear()
        try:
            seen = await _read(reader)
            self.history.append(seen)
            await self._answer(seen, Connection(reader, writer, self.hung_up.set))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            self.hung_up.set()
        finally:
            writer.close()
            self.open_sockets -= 1
            if not self.open_sockets:
                self.idle.set()

    async def _answer(self, seen: Seen, connection: Connection) -> None:
        path = seen.path.partition("?")[0]
        if seen.method == "GET" and path.endswith("/models"):
            await connection.reply(
                200, {"object": "list", "data": [{"id": "m", "object": "model"}]}
            )
        elif not isinstance(seen.body, dict):
            await connection.reply(400, {"error": {"message": "no JSON"}})
        elif path.endswith("/embeddings"):
            await self._embeddings(seen, connection)
        elif path.endswith("/chat/completions"):
            await self._chat(seen, connection)
        else:
            await connection.reply(404, {"error": {"message": "no such path"}})

    def _fault(self, seen: Seen) -> str:
        scripted = self.by_key.get(seen.key)
        return scripted or str(seen.body.get("model", "")).partition("fault-")[2]

    async def _chat(self, seen: Seen, connection: Connection) -> None:
        body = seen.body
        texts = [str(turn["content"]) for turn in body["messages"]]
        prompt = sum(len(words(text)) for text in texts)
        pieces = [piece + " " for piece in f"You asked: {texts[-1]}".split()]
        wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        plan = faults.Plan(pieces, prompt, bool(body.get("stream")), wants_usage, seen.key)
        sent = await faults.chat(self._fault(seen), connection, plan)
        if sent is not None:
            self._charge(seen.key, prompt, sent)

    async def _embeddings(self, seen: Seen, connection: Connection) -> None:
        given = seen.body["input"]
        texts = [given] if isinstance(given, str) else list(given)
        size = int(seen.body.get("dimensions") or DIMENSIONS)
        vectors = [hashed_vector(text, size) for text in texts]
        encoded = seen.body.get("encoding_format") == "base64"
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": base64.b64encode(vector.tobytes()).decode()
                if encoded
                else [float(x) for x in vector],
            }
            for index, vector in enumerate(vectors)
        ]
        prompt = sum(len(words(text)) for text in texts)
        if await faults.embeddings(self._fault(seen), connection, data, prompt, seen.key):
            self._charge(seen.key, prompt, 0)

    def _charge(self, key: str, prompt: int, output: int) -> None:
        meter = self.meters[key]
        meter.calls += 1
        meter.input_tokens += prompt
        meter.output_tokens += output


async def _read(reader: asyncio.StreamReader) -> Seen:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ", 2)
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    raw = await reader.readexactly(int(headers.get("content-length", "0")))
    try:
        body = json.loads(raw) if raw else None
    except ValueError:
        body = raw
    return Seen(method, path, headers, body)


async def _serve_forever(port: int) -> None:
    server = await OpenAIDouble(port=port).listen()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9009)
    asyncio.run(_serve_forever(parser.parse_args().port))
