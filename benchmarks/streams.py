"""Many streams at once: ``python -m benchmarks.streams --streams 100``.

N concurrent SSE answers at 20 tokens a second each, read by one client. Shown: how many broke,
and the gap between two pieces at its 50th and 99th percentile, beside the same client reading as
many streams of the provider's double directly. The client, the server and the double share the
machine, so the baseline says how much of the jitter is the machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from dataclasses import dataclass, field

from benchmarks.chat_ttft import QUESTION, make_bot
from benchmarks.figures import ms, percentile, table
from benchmarks.surroundings import bench, data_folder, settings_for

RATE = 20


@dataclass(slots=True)
class Heard:
    """What one stream gave: gaps in seconds between pieces, and whether it ended as it should."""

    gaps: list[float] = field(default_factory=list)
    whole: bool = False


async def listen(port: int, path: str, token: str, body: object, mark: bytes, end: bytes) -> Heard:
    """Post ``body`` over a bare socket, and time the lines that start with ``mark``."""
    heard = Heard()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        "Connection: close\r\n\r\n"
    )
    writer.write(head.encode() + content)
    last = 0.0
    try:
        while line := await reader.readline():
            if mark in line:
                now = time.perf_counter()
                if last:
                    heard.gaps.append(now - last)
                last = now
            heard.whole = heard.whole or end in line
    except ConnectionError:
        heard.whole = False
    finally:
        writer.close()
    return heard


async def many(streams: int, port: int, path: str, token: str, body: object, ours: bool) -> str:
    """All at once, started over half a second; a row of the table."""
    mark, end = (b"event: delta", b"event: done") if ours else (b'"content": "w', b"[DONE]")

    async def one(place: int) -> Heard:
        await asyncio.sleep(0.5 * place / streams)
        return await listen(port, path, token, body, mark, end)

    heard = await asyncio.gather(*[one(place) for place in range(streams)])
    gaps = [gap for each in heard for gap in each.gaps]
    broken = sum(not each.whole for each in heard)
    if not gaps:
        return f"{broken}|none|none"
    return f"{broken}|{ms(percentile(gaps, 0.5))}|{ms(percentile(gaps, 0.99))}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, nargs="+", default=[20, 100])
    parser.add_argument("--seconds", type=int, default=6)
    options = parser.parse_args()
    model = f"paced-{options.seconds * RATE}-{1000 // RATE}"
    with data_folder() as folder, bench(settings_for(folder), folder) as running:
        provider = running.provider()
        running.serve()
        bot = make_bot(running, "fake/embedder", provider, model)
        body = {"bot_profile_id": bot, "message": QUESTION, "stream": True}
        plain = {
            "model": model,
            "messages": [{"role": "user", "content": QUESTION}],
            "stream": True,
        }
        provider_port = int(provider.rsplit(":", 1)[1].split("/")[0])
        # The first chat of a process imports the provider's library: seconds, once.
        asyncio.run(many(1, running.port, "/v1/chat", running.token, body, True))
        rows = []
        for streams in options.streams:
            base = asyncio.run(
                many(streams, provider_port, "/v1/chat/completions", "sk-direct", plain, False)
            )
            ours = asyncio.run(many(streams, running.port, "/v1/chat", running.token, body, True))
            rows.append([str(streams), "provider directly", *base.split("|")])
            rows.append([str(streams), "through MiniRAG", *ours.split("|")])
        table(["streams", "", "broken", "gap p50", "gap p99"], rows)


if __name__ == "__main__":
    main()
