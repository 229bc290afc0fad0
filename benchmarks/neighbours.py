"""What one tenant's work does to another's stream: ``python -m benchmarks.neighbours``.

Tenant B reads one answer at 20 tokens a second, again and again, while tenant A ingests Markdown
with the local embedding model and searches without pause, all in the one embedded process. Shown:
B's gaps between tokens, beside the same with A at rest. Floor: the longest gap is 750 ms; target
400 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.chat_ttft import QUESTION, make_bot
from benchmarks.figures import ms, percentile, table
from benchmarks.streams import RATE, listen
from benchmarks.surroundings import Bench, bench, data_folder, settings_for
from tests.api_client import Api

_KIB = 1024
_random = random.Random(5)


def pages(count: int, size: int) -> dict[str, str]:
    """Markdown of ``size`` KiB each, no two alike."""
    words = [f"{stem}{end}" for stem in ("ket", "lan", "mor", "sil", "tav") for end in range(400)]
    made = {}
    for place in range(count):
        lines = [f"# Page {place}"]
        while sum(map(len, lines)) < size * _KIB:
            lines.append(f"## Part {len(lines)}\n\n{' '.join(_random.choices(words, k=120))}.")
        made[f"page-{place}.md"] = "\n\n".join(lines)
    return made


@contextmanager
def at_work(running: Bench, token: str, megabytes: int) -> Iterator[None]:
    """Tenant A ingests and searches while the block lasts."""
    api = Api(running.port, token)
    source = api.make_source("Much", pages(megabytes * 8, 128))
    api.ingest(source)
    over = threading.Event()

    def search() -> None:
        own = Api(running.port, token)
        while not over.is_set():
            own.post("search", query="kettles and lanterns", source_ids=[source], top_k=5)

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def gaps(running: Bench, bot: str, rounds: int) -> list[float]:
    body = {"bot_profile_id": bot, "message": QUESTION, "stream": True}
    found: list[float] = []
    for _ in range(rounds):
        heard = asyncio.run(
            listen(running.port, "/v1/chat", running.token, body, b"event: delta", b"event: done")
        )
        if not heard.whole:
            raise SystemExit("tenant B's stream broke")
        found += heard.gaps
    return found


def row(name: str, found: list[float]) -> list[str]:
    return [name, ms(percentile(found, 0.5)), ms(percentile(found, 0.99)), ms(max(found))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    with data_folder() as folder, bench(settings_for(folder), folder) as running:
        provider = running.provider()
        running.serve()
        bot = make_bot(running, "fake/embedder", provider, f"paced-{5 * RATE}-{1000 // RATE}")
        gaps(running, bot, 1)
        who = ("--name", "Busy", "--email", "busy@example.test", "--json")
        busy = json.loads(running.children.manage("bootstrap_tenant", *who))["api_token"]
        rows = [row("A at rest", gaps(running, bot, options.rounds))]
        with at_work(running, busy, options.megabytes):
            rows.append(row("A ingests and searches", gaps(running, bot, options.rounds)))
        table(["tenant B's stream", "gap p50", "gap p99", "longest gap"], rows)


if __name__ == "__main__":
    main()
