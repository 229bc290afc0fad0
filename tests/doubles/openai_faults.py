"""How the double misbehaves. Each fault is a word, some with a number: ``eof-2``, ``bytes-310``."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

STATUSES = (
    "400",
    "401",
    "402",
    "403",
    "404",
    "408",
    "413",
    "422",
    "429",
    "500",
    "502",
    "503",
    "529",
)
RETRY_AFTER = {
    "429-retry": "7",
    "429-absurd": "99999999999999999999",
    "429-negative": "-5",
    "429-garbage": "soon",
    "429-date": "Wed, 21 Oct 2015 07:28:00 GMT",
    "503-retry": "11",
}
ELSEWHERE = "http://localhost:9/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer that would be given if nothing went wrong."""

    pieces: list[str]
    prompt_tokens: int
    stream: bool
    usage: bool
    key: str


@dataclass(slots=True)
class Connection:
    """One client's socket. The body is delimited by its end, so that a clean EOF cuts it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    on_hang_up: Callable[[], None]

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, status: int, kind: str, extra: dict[str, str] | None = None) -> None:
        lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in (extra or {}).items()]
        await self.send("\r\n".join([*lines, "", ""]).encode())

    async def reply(self, status: int, body: Any, extra: dict[str, str] | None = None) -> None:
        await self.head(status, "application/json", extra)
        await self.send(json.dumps(body).encode())

    async def hang(self) -> None:
        """Say nothing until the client goes away."""
        await self.reader.read()
        self.on_hang_up()

    def reset(self) -> None:
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def _chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "double",
        "choices": [choice],
        **more,
    }


def _usage(plan: Plan, output: int) -> dict[str, int]:
    total = plan.prompt_tokens + output
    return {
        "prompt_tokens": plan.prompt_tokens,
        "completion_tokens": output,
        "total_tokens": total,
    }


def _line(event: Any) -> bytes:
    return b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n"


def events(fault: str, plan: Plan) -> list[bytes]:
    """The stream of an answer, one entry per event."""
    pieces = plan.pieces
    if fault == "empty-answer":
        pieces = []
    elif fault == "big-chunk":
        pieces = ["x" * 1_000_000]
    elif fault == "tiny-chunks":
        pieces = ["---"] * 1500
    elif fault == "split-utf8":
        pieces = ["Zürich ", "日本語 ", "👩‍👩‍👧"]
    elif fault == "tags":
        pieces = ["<s>", "<|im_end|>", " </s>", "<think>a</think>", "<|"]
    body = [_line(_chunk({"role": "assistant", "content": ""}))]
    body += [_line(_chunk({"content": piece})) for piece in pieces]
    words = {
        "length": "length",
        "filter": "content_filter",
        "tools": "tool_calls",
        "failed": "error",
    }
    final = _line(_chunk({}, words.get(fault, "stop")))
    if fault != "no-finish":
        body += [final] * (2 if fault == "duplicate-final" else 1)
    if fault not in ("no-usage",) and plan.usage:
        counts = _usage(plan, len(pieces))
        if fault == "zero-usage":
            counts = dict.fromkeys(counts, 0)
        elif fault == "odd-usage":
            counts = dict.fromkeys(counts, "many")  # type: ignore[arg-type]
        body.append(_line({**_chunk({}), "choices": [], "usage": counts}))
    if fault == "only-usage":
        body = body[-1:]
    return [*body, b"data: [DONE]\n\n"]


async def _refused(fault: str, connection: Connection, key: str) -> bool:
    """Faults that come instead of any answer. The error's text holds the key, as some do."""
    name, _, _ = fault.partition("-")
    if name in STATUSES:
        extra = {"Retry-After": RETRY_AFTER[fault]} if fault in RETRY_AFTER else {}
        error = {"message": f"Incorrect API key: {key} in /srv/keys", "code": name}
        await connection.reply(int(name), {"error": error}, extra)
    elif fault == "redirect":
        await connection.reply(307, {}, {"Location": ELSEWHERE})
    elif fault == "html":
        await connection.head(200, "text/html; charset=utf-8")
        await connection.send(b"<html><body>Sign in to the hotel's network</body></html>")
    elif fault == "hang-headers":
        await connection.hang()
    elif fault == "reset-headers":
        connection.reset()
    elif fault == "nothing":
        pass
    elif fault == "garbage":
        await connection.send(b"\x16\x03\x01 not HTTP at all\r\n\r\n")
    else:
        return False
    return True


async def chat(fault: str, connection: Connection, plan: Plan) -> int | None:
    """Play ``fault``; returns the tokens charged for the output, None where none were."""
    if await _refused(fault, connection, plan.key):
        return None
    if not plan.stream:
        text = "".join(plan.pieces)
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = _usage(plan, len(plan.pieces))
        whole = {**_chunk({}), "object": "chat.completion", "choices": [choice], "usage": usage}
        await connection.reply(200, whole)
        return len(plan.pieces)
    await connection.head(200, "text/event-stream")
    sent = events(fault, plan)
    if await _broken(fault, connection, sent, plan.key):
        return None
    for event in sent:
        half = len(event) // 2 if fault == "split-utf8" else len(event)
        for part in (event[:half], event[half:]) if half < len(event) else (event,):
            await connection.send(part)
    return len(sent) - 4


async def _broken(fault: str, connection: Connection, sent: list[bytes], key: str) -> bool:
    """Faults inside the stream."""
    name, _, number = fault.rpartition("-")
    if name == "eof":
        await connection.send(b"".join(sent[: int(number)]))
    elif name == "bytes":
        await connection.send(b"".join(sent)[: int(number)])
    elif fault == "hang-mid":
        await connection.send(b"".join(sent[:3]))
        await connection.hang()
    elif fault == "hang-end":
        await connection.send(b"".join(sent[:-2]))
        await connection.hang()
    elif fault in ("reset", "reset-end"):
        await connection.send(b"".join(sent[:3] if fault == "reset" else sent[:-2]))
        await asyncio.sleep(0.02)  # let the bytes leave before the reset overtakes them
        connection.reset()
    elif fault == "half-json":
        await connection.send(
            b"".join(sent[:2]) + b'data: {"id": "x", "choi\n\n' + b"".join(sent[2:])
        )
    elif fault == "error-frame":
        frame = {
            "error": {"message": f"overloaded, key {key}", "type": "server_error", "code": 503}
        }
        await connection.send(b"".join(sent[:3]) + _line(frame))
    elif fault == "endless":
        while not connection.writer.is_closing():
            await connection.send(sent[1] * 50)
    elif fault == "comments":
        while not connection.writer.is_closing():
            await connection.send(b": still thinking\n\n")
            await asyncio.sleep(0.02)
    else:
        return False
    return True


async def embeddings(
    fault: str, connection: Connection, data: list[dict[str, Any]], prompt: int, key: str
) -> bool:
    """Play ``fault`` on an embedding call; whether it was charged."""
    if await _refused(fault, connection, key):
        return False
    body: dict[str, Any] = {"object": "list", "model": "double", "data": data}
    if fault != "no-usage":
        body["usage"] = {"prompt_tokens": prompt, "total_tokens": prompt}
    if fault == "short":
        body["data"] = data[:-1]
    elif fault == "reversed":
        body["data"] = data[::-1]
    elif fault == "zeros":
        data[0]["embedding"] = [0.0] * len(data[0]["embedding"])
    elif fault == "ragged":
        data[0]["embedding"] = data[0]["embedding"][:-1]
    elif fault == "nan":
        data[0]["embedding"][0] = float("nan")
    if fault == "half-json":
        await connection.head(200, "application/json")
        await connection.send(json.dumps(body).encode()[:-20])
        return False
    await connection.reply(200, body)
    return True
