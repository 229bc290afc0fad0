"""Turns and reads per second: ``python -m benchmarks.throughput``.

Clients that ask one after the other: whole chat turns (retrieval, an instant answer of 50 tokens,
stored and metered), then lists and single objects of the API. Beside them the same client on the
provider's double, and on ``/healthz``, which is the server without authentication or rows. Floors:
8 turns a second; 80 reads a second with p95 at 150 ms or less.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
from collections.abc import Awaitable, Callable

from benchmarks.chat_ttft import QUESTION, make_bot
from benchmarks.clients import Tally, closed_loop, open_loop, request
from benchmarks.figures import median, ms, percentile, table
from benchmarks.surroundings import Bench, bench, data_folder, settings_for

MODEL = "paced-50-0"
Ask = Callable[[], Awaitable[int]]


def row(name: str, tally: Tally) -> list[str]:
    times = tally.times or [0.0]
    figures = [f"{tally.rate:.1f} /s", ms(median(times)), ms(percentile(times, 0.95))]
    return [name, *figures, str(tally.failed)]


def measure(running: Bench, provider: str, options: argparse.Namespace) -> None:
    bot = make_bot(running, options.embedding, provider, MODEL)
    port, token = running.port, running.token
    provider_port = int(provider.rsplit(":", 1)[1].split("/")[0])
    ours = {"bot_profile_id": bot, "message": QUESTION}
    plain = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": QUESTION}]}
    reads = itertools.cycle(["chats?limit=20", "sources", "bot-profiles", f"bot-profiles/{bot}"])

    def turn() -> Awaitable[int]:
        return request(port, "POST", "/v1/chat", token, ours)

    def direct() -> Awaitable[int]:
        return request(provider_port, "POST", "/v1/chat/completions", "sk-direct", plain)

    def read() -> Awaitable[int]:
        return request(port, "GET", f"/v1/{next(reads)}", token)

    def health() -> Awaitable[int]:
        return request(port, "GET", "/healthz", token)

    def closed(ask: Ask) -> Tally:
        return asyncio.run(closed_loop(ask, options.clients, options.seconds))

    closed(turn)  # the provider's library, the caches
    rows = [
        row("provider directly", closed(direct)),
        row("chat turns", closed(turn)),
        row("GET /healthz", closed(health)),
        row("reads", closed(read)),
        row(f"reads at {options.rate} /s", asyncio.run(open_loop(read, options.rate, 10))),
    ]
    table([f"{options.clients} clients", "", "p50", "p95", "failed"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, default=80)
    parser.add_argument("--embedding", default="fake/embedder")
    options = parser.parse_args()
    with data_folder() as folder, bench(settings_for(folder), folder) as running:
        provider = running.provider()
        running.serve()
        measure(running, provider, options)


if __name__ == "__main__":
    main()
