"""A process with the whole platform imported, which forks once for each part that is asked of it.

A cold worker takes seconds to start, a forked one a tenth of one, and it is as much a process of
its own: it has its own connections, and ``kill -9`` ends it and nothing else.

``python -m tests.services.kill_points.zygote SOCKET``. Over each connection to the socket: one JSON
line ``Order``, answered by one line with the pid; the next line sets the part going.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

import django

django.setup()

from celery.beat import Service  # noqa: E402
from celery.worker import WorkController  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connections  # noqa: E402

from ingestion.chunking import chunk_text  # noqa: E402
from ingestion.parsing import sandbox  # noqa: E402
from minirag.celery import app  # noqa: E402
from minirag.egress.clients import tls_context  # noqa: E402
from minirag.providers.litellm_adapter import vendor  # noqa: E402
from minirag.sparse import encode_documents  # noqa: E402
from minirag.types import RawDocument  # noqa: E402
from minirag.vectorstores import qdrant_wire  # noqa: E402, F401 - else imported at the first call
from tests.services.kill_points import clerk  # noqa: E402
from tests.services.kill_points.order import Order  # noqa: E402
from usage.pricing import price  # noqa: E402

# Kept over each fork, where a sandbox lets go of its own end.
_parsers: socket.socket


def _move(order: Order) -> None:
    """Before the first connection: where everything is."""
    for database in (settings.DATABASES["default"], connections.settings["default"]):
        database.update(NAME=order.database, PORT=order.database_port)
    settings.QDRANT_URL = order.qdrant_url
    settings.MEDIA_ROOT = Path(order.folder) / "uploads"
    app.conf.update(
        broker_url=order.redis_url,
        broker_transport_options={
            "visibility_timeout": 3600,
            "global_keyprefix": order.redis_prefix,
        },
    )
    # The parsers' own process is older than this one and serves all of them.
    sandbox._sandbox._control, sandbox._sandbox._owner = _parsers, os.getpid()


def _worker(order: Order, line: IO[str]) -> None:
    WorkController(
        app=app,
        pool_cls="solo",
        concurrency=1,
        without_heartbeat=True,
        without_mingle=True,
        without_gossip=True,
        loglevel="WARNING",
    ).start()


def _beat(order: Order, line: IO[str]) -> None:
    app.conf.beat_schedule = {"sweep": app.conf.beat_schedule["sweep"]}
    Service(app, schedule_filename=str(Path(order.folder) / "beat")).start()


def _clerk(order: Order, line: IO[str]) -> None:
    clerk.serve(line)


PARTS: Mapping[str, Callable[[Order, IO[str]], None]] = {
    "worker": _worker,
    "beat": _beat,
    "clerk": _clerk,
}


def _play(peer: socket.socket) -> None:
    line = peer.makefile("rw", encoding="utf-8")
    asked = line.readline()
    if not asked:  # somebody only looked whether there is a zygote yet
        return
    order = Order(**json.loads(asked))
    _move(order)
    line.write(f"{os.getpid()}\n")
    line.flush()
    if line.readline():
        PARTS[order.part](order, line)


def main() -> None:
    """Fork for each connection; the children are reaped as they end."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(sys.argv[1])
        listener.listen(64)
        _warm_up()
        while True:
            peer, _ = listener.accept()
            _reap()
            if os.fork() == 0:
                listener.close()
                try:
                    _play(peer)
                except BaseException:  # noqa: BLE001 - a child never comes back into this loop
                    traceback.print_exc()
                finally:
                    os._exit(0)
            peer.close()


def _warm_up() -> None:
    """What a worker loads with its first document: a fork finds it there."""
    global _parsers
    vendor.litellm()
    sandbox._sandbox = sandbox.Sandbox(idle_seconds=86_400)
    parsed = sandbox.parse(RawDocument("warm.md", b"# Warm", "text/markdown"))
    assert sandbox._sandbox._control is not None
    _parsers = sandbox._sandbox._control.dup()
    chunk_text(parsed, size=32, overlap=0)
    encode_documents(["warm"])
    price("openai/warm")
    tls_context()
    _load_application()
    gc.collect()
    gc.freeze()


def _load_application() -> None:
    """The worker's own modules, and its tasks."""
    app.finalize()
    app.loader.import_default_modules()


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


if __name__ == "__main__":
    main()
