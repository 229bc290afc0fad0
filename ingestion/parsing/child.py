"""The forked child: give up every right, parse, write a JSON line per document, end."""

from __future__ import annotations

import ctypes
import fcntl
import gc
import json
import os
import resource
import signal
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from ingestion.chunking import cuts
from ingestion.parsing.document import Built, Hints
from ingestion.parsing.entries import contents, listed
from ingestion.parsing.links import page_links, sitemap_urls
from ingestion.parsing.orders import LONGEST_CUT, Order, Task
from ingestion.parsing.parsers import parse_bytes
from ingestion.parsing.sniff import detect
from minirag.errors import UnreadableSource
from minirag.formats import PLAIN
from minirag.types import Heading, ParsedDocument

EXIT_MEMORY = 77
EXIT_FAILED = 78
_OUTPUT_FD = 3
_DOCUMENT_FD = 4
# Where cutting takes a greater part of the processor time than this, the parent does it.
_CUT_SHARE = 0.25
# Characters of a text that are written together: the whole is not copied to be sent.
_PIECE = 256 * 1024
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38

libc = ctypes.CDLL(None, use_errno=True)


def run(order: Order, zygote: int, document_fd: int, output_fd: int) -> NoReturn:
    """Body of the child after the fork. Never returns into the zygote's code."""
    status = EXIT_FAILED
    try:
        _give_up_rights(order, zygote, document_fd, output_fd)
        _TASKS[order.ask.task](order, _read())
        status = 0
    except MemoryError:
        status = EXIT_MEMORY
    except BrokenPipeError:
        status = 0  # the parent stopped reading: it names the reason itself
    except Exception as error:  # noqa: BLE001 - the child's outermost edge
        _explain(error)
    finally:
        os._exit(status)


def _explain(error: Exception) -> None:
    """For the log of the parent: a parser's fault is ours to mend, so its place must be known."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "?"
    with suppress(OSError):
        _write(f"{type(error).__name__} at {place}".encode())


def _give_up_rights(order: Order, zygote: int, document_fd: int, output_fd: int) -> None:
    """Limits are set here and not in a ``preexec_fn``: this code is all that runs in the child."""
    os.setpgid(0, 0)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != zygote:
        os._exit(EXIT_FAILED)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    _keep_only(document_fd, output_fd)
    for kind, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_AS, _address_space() + order.memory_bytes),
    ):
        resource.setrlimit(kind, (value, value))
    # The soft limit sends SIGXCPU, which names the reason; a second later comes SIGKILL.
    resource.setrlimit(resource.RLIMIT_CPU, (order.cpu_seconds, order.cpu_seconds + 1))
    os.nice(5)  # answering people comes before reading files
    gc.disable()


def _address_space() -> int:
    """Bytes that the zygote's own code and tables take: they are no document's cost."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _keep_only(document_fd: int, output_fd: int) -> None:
    """No descriptor of the zygote's stays: through those, other tenants' documents travel."""
    output_copy = fcntl.fcntl(output_fd, fcntl.F_DUPFD, 10)  # out of the way of what follows
    document_copy = fcntl.fcntl(document_fd, fcntl.F_DUPFD, 10)
    os.dup2(output_copy, _OUTPUT_FD)
    os.dup2(document_copy, _DOCUMENT_FD)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.closerange(_DOCUMENT_FD + 1, 1 << 20)


def _read() -> bytes:
    with os.fdopen(_DOCUMENT_FD, "rb") as document:
        document.seek(0)
        return document.read()


def _write(answer: bytes) -> None:
    view = memoryview(answer)
    while view:
        view = view[os.write(_OUTPUT_FD, view) :]


def _answer_all(order: Order, data: bytes) -> None:
    """One line for each document, in order."""
    alone = len(order.hints) == 1
    at = 0
    for hints, size in zip(order.hints, order.sizes, strict=True):
        answer = _answer(order, hints, data[at : at + size], alone)
        if isinstance(answer, Built):
            _write_document(answer, _cuts(order, answer))
        else:
            _write(json.dumps(answer).encode())
        _write(b"\n")
        at += size


def _answer(
    order: Order, hints: Hints, data: bytes, alone: bool
) -> Built | dict[str, str] | dict[str, bool]:
    try:
        if not alone and detect(data, hints) not in PLAIN:
            return {"alone": True}
        return parse_bytes(data, hints, order.content)
    except UnreadableSource as error:
        return {"unreadable": error.message}
    except RecursionError:
        return {"unreadable": "The document is nested too deeply."}


def _cuts(order: Order, built: Built) -> list[tuple[int, int, int, tuple[str, ...]]] | None:
    """(start, end, tokens, heading path) of its chunks; None leaves them to the parent.

    That one has more memory for it, and no clock: no document fails of being cut here.
    """
    if order.ask.cut is None or len(built.text) > LONGEST_CUT:
        return None
    document = ParsedDocument(
        built.text, headings=tuple(Heading(*heading) for heading in built.headings)
    )
    signal.signal(signal.SIGPROF, _too_slow)
    try:
        signal.setitimer(signal.ITIMER_PROF, order.cpu_seconds * _CUT_SHARE)
        try:
            found = list(cuts(document, order.ask.cut))
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)  # it may still ring here
    except (TimeoutError, MemoryError):
        return None
    return [(cut.start, cut.end, cut.token_count, cut.heading_path) for cut in found]


def _too_slow(*_: object) -> None:
    raise TimeoutError


def _write_document(built: Built, places: Any) -> None:
    """``{"document": …}``, the text piece by piece."""
    rest = {field.name: getattr(built, field.name) for field in fields(built)}
    rest["cuts"] = places
    text = rest.pop("text")
    # Lone surrogates would not encode; normalised text has none, and the parent checks again.
    _write(b'{"document": {"text": "')
    for at in range(0, len(text), _PIECE):
        _write(json.dumps(text[at : at + _PIECE], ensure_ascii=False)[1:-1].encode())
    _write(b'", ' + json.dumps(rest, ensure_ascii=False)[1:].encode() + b"}")


def _list(order: Order, data: bytes) -> None:
    try:
        entries = [[entry.name, entry.index, entry.size] for entry in listed(data, order.zip)]
    except UnreadableSource as error:
        _write(json.dumps({"unreadable": error.message}).encode())
        return
    _write(json.dumps({"entries": entries}).encode())


def _extract(order: Order, data: bytes) -> None:
    """For each entry a line of JSON, then as many bytes as it says."""
    password = order.hints[0].password
    for entry, found in contents(data, order.ask.indexes, order.zip, password):
        if isinstance(found, UnreadableSource):
            _write(json.dumps({"unreadable": found.message}).encode() + b"\n")
        else:
            _write(json.dumps({"name": entry.name, "size": len(found)}).encode() + b"\n")
            _write(found)


def _discover(order: Order, data: bytes) -> None:
    """Where a page leads, or what a sitemap names."""
    find = page_links if order.ask.task == "links" else sitemap_urls
    try:
        answer = find(data, order.hints[0], order.content)
    except UnreadableSource as error:
        answer = {"unreadable": error.message}
    except RecursionError:
        answer = {"unreadable": "The page is nested too deeply."}
    _write(json.dumps(answer).encode())


_TASKS: dict[Task, Callable[[Order, bytes], None]] = {
    "parse": _answer_all,
    "list": _list,
    "extract": _extract,
    "links": _discover,
    "sitemap": _discover,
}
