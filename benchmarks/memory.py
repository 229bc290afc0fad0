"""Resident memory of a server with local models: ``python -m benchmarks.memory``.

The embedded server and its parser child: ready, while it ingests Markdown with the local model
(highest value seen), and afterwards. The sum counts shared pages twice. Aim: less than 400 MB in
sum once ready and after work. ``--remote`` adds the first chat over a provider's double, which
imports the providers' library. ``--bodies`` measures instead what large bodies leave behind in the
server: small requests, uploads of 8 MB, JSON of 7 MB (larger is refused), and a rest, twice over.
Nothing is ingested.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from benchmarks.chat_ttft import MODEL, make_bot
from benchmarks.figures import table
from benchmarks.neighbours import pages
from benchmarks.surroundings import bench, data_folder, settings_for

_PAUSE = 0.1
_REST = 5.0


def resident(pid: int) -> dict[str, float]:
    """MB by process: the server's first, then those of its descendants."""
    found = {"server": _rss(pid)}
    for child in _descendants(pid):
        found[f"child {len(found)}"] = _rss(child)
    return found


def _rss(pid: int) -> float:
    return _status(pid, "VmRSS")


def _status(pid: int, name: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(one.split()[1]) / 1024 for one in lines if one.startswith(f"{name}:")), 0.0)


def _descendants(pid: int) -> list[int]:
    found = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in tasks.read_text().split():
            found += [int(child), *_descendants(int(child))]
    return found


class Peak:
    """The highest sum seen while the block lasts."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = threading.Event()
        self.most = 0.0

    def __enter__(self) -> Peak:
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_PAUSE):
            try:
                self.most = max(self.most, sum(resident(self._pid).values()))
            except OSError:
                continue  # a child ended while it was looked at


def bodies() -> None:
    """Resident memory of the server after each kind of load; the second round shows growth."""
    rows: list[list[str]] = []
    with data_folder() as folder, bench(settings_for(folder), folder) as running:
        pid = running.serve().popen.pid

        def note(name: str) -> None:
            rows.append([name, f"{_status(pid, 'VmRSS'):.0f}", f"{_status(pid, 'RssAnon'):.0f}"])

        note("ready")
        headers = {"Authorization": f"Bearer {running.token}"}
        address = f"http://127.0.0.1:{running.port}/v1/"
        with httpx.Client(base_url=address, headers=headers, timeout=120) as client:
            for turn in ("first", "second"):
                _small(client)
                note(f"{turn}: 300 requests, 16 at once")
                _uploads(client)
                note(f"{turn}: 8 uploads of 8 MB, 4 at once")
                _json_bodies(client)
                note(f"{turn}: 8 JSON bodies of 7 MB, 4 at once")
                time.sleep(_REST)
                note(f"{turn}: after {_REST:.0f} s of rest")
        table(["server", "resident MB", "anonymous MB"], rows)


def _small(client: httpx.Client) -> None:
    def ask(number: int) -> None:
        client.get("sources", params={"limit": number % 200 + 1}).raise_for_status()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, range(300)))


def _uploads(client: httpx.Client) -> None:
    source = client.post("sources", json={"name": "Large", "type": "file"}).json()["id"]
    text = b"A line of a large upload, as long as any other.\n" * (8 * 1024 * 1024 // 48)

    def send(number: int) -> None:
        files = {"file": (f"{number}.txt", text)}
        client.post(f"sources/{source}/upload", files=files).raise_for_status()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, range(8)))


def _json_bodies(client: httpx.Client) -> None:
    """Half are one long text, half are many small values: both are parsed, then refused or kept."""
    long_text = {"name": "Long", "type": "text", "content": "word " * 1_500_000}
    many = {"name": "Many", "type": "text", "content": [str(n) for n in range(700_000)]}
    sent = [json.dumps(body).encode() for body in (long_text, many)]

    def send(number: int) -> None:
        kind = {"Content-Type": "application/json"}
        client.post("sources", content=sent[number % 2], headers=kind)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, range(8)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--remote", action="store_true")
    parser.add_argument("--bodies", action="store_true")
    options = parser.parse_args()
    if options.bodies:
        bodies()
        return
    rows: list[list[str]] = []

    def note(name: str, parts: dict[str, float]) -> None:
        each = ", ".join(f"{key} {value:.0f}" for key, value in parts.items())
        rows.append([name, f"{sum(parts.values()):.0f} MB", each])

    with data_folder() as folder, bench(settings_for(folder), folder) as running:
        process = running.serve()
        pid, api = process.popen.pid, running.api()
        note("ready", resident(pid))
        api.call("PATCH", "tenants/me", json={"embedding_model": "local/minilm-l6-v2"})
        source = api.make_source("Pages", pages(16, 32))
        with Peak(pid) as peak:
            api.finish(api.ingest(source), 300)
        rows.append(["while ingesting", f"{peak.most:.0f} MB", "highest sum"])
        api.post("search", query="kettles", source_ids=[source], top_k=5)
        time.sleep(3)
        note("afterwards", resident(pid))
        if options.remote:
            bot = make_bot(running, "local/minilm-l6-v2", running.provider(), MODEL)
            api.post("chat", bot_profile_id=bot, message="How long is the kettle's warranty?")
            note("after a remote chat", resident(pid))
        table(["server and parser", "sum", "resident MB"], rows)


if __name__ == "__main__":
    main()
