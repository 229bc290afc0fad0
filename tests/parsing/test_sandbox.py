"""The zygote and its children: what they may cost, what they may see, and how each end is named."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingestion.parsing.document import ContentLimits
from ingestion.parsing.limits import Limits
from ingestion.parsing.sandbox import Sandbox
from minirag.errors import Unavailable, UnreadableSource
from minirag.types import RawDocument
from tests.parsing.makers import make_docx, make_pdf, paragraph, raw_docx, text_run
from tests.processes import wait_for

ROOT = Path(__file__).resolve().parents[2]
# Minutes of work: millions of lines, each looked at by itself.
HEAVY = RawDocument("heavy.md", b"some line\n" * 3_000_000, "text/markdown")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


def text(content: str, key: str = "a.txt") -> RawDocument:
    return RawDocument(key, content.encode(), "text/plain")


def zygote_of(sandbox: Sandbox) -> int:
    sandbox.parse(text("start"))
    assert sandbox.pid is not None
    return sandbox.pid


def wait_for_child(pid: int) -> int:
    """The first child of process ``pid``, as soon as there is one."""
    while True:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            return int(children[0])
        os.sched_yield()


def ended(pid_fd: int, seconds: float = 10.0) -> bool:
    return bool(select.select([pid_fd], [], [], seconds)[0])


def test_documents_of_every_kind_come_back(sandbox: Sandbox) -> None:
    assert sandbox.parse(text("Hello world \n\n foo")).text == "Hello world\n\nfoo"
    document = sandbox.parse(RawDocument("a.docx", make_docx(), ""))
    assert [h.title for h in document.headings] == ["Handbook", "Leave"]
    assert document.text[document.headings[1].start : document.headings[1].end] == "Leave"
    pages = sandbox.parse(RawDocument("a.pdf", make_pdf([[("one", -1)], [("two", -1)]]), "")).pages
    assert [page.number for page in pages] == [1, 2]
    html = RawDocument("https://x.test/", b"<h1>T</h1><p>x", "text/html", url="https://x.test/")
    assert sandbox.parse(html).title == "T"


def test_a_refusal_keeps_its_words(sandbox: Sandbox) -> None:
    with pytest.raises(UnreadableSource, match="not a PDF"):
        sandbox.parse(RawDocument("a.pdf", b"no", "application/pdf"))


def test_many_threads_get_their_own_answers(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: sandbox.parse(text(f"text {n}")).text, range(60)))
    assert answers == [f"text {n}" for n in range(60)]


@pytest.mark.parametrize(
    ("raw", "limits", "words"),
    [
        (HEAVY, Limits(cpu_seconds=1), "computing time"),
        (HEAVY, Limits(wall_seconds=0.2), "too long"),
        (text("word " * 20_000_000), Limits(memory_bytes=256 << 20), "more memory"),
        (text("word " * 1_000), Limits(output_bytes=2_000), "more text"),
        (
            RawDocument("a.docx", raw_docx(paragraph(text_run("x " * 2_000_000))), ""),
            Limits(content=ContentLimits(inflated_bytes=1_000_000)),
            "unfolds",
        ),
    ],
    ids=["cpu", "wall", "memory", "output", "inflated"],
)
def test_each_limit_ends_in_its_own_words(
    raw: RawDocument, limits: Limits, words: str, sandbox: Sandbox
) -> None:
    zygote = zygote_of(sandbox)
    with pytest.raises(UnreadableSource, match=words):
        sandbox.parse(raw, limits)
    assert sandbox.parse(text("still here")).text == "still here"
    assert sandbox.pid == zygote


def test_a_crash_costs_only_its_own_document(sandbox: Sandbox) -> None:
    zygote = zygote_of(sandbox)
    with ThreadPoolExecutor(1) as pool:
        heavy = pool.submit(sandbox.parse, HEAVY)
        os.kill(wait_for_child(zygote), signal.SIGSEGV)
        with pytest.raises(UnreadableSource, match="crashed"):
            heavy.result(20)
    assert sandbox.pid == zygote


def test_the_child_has_given_up_its_rights(sandbox: Sandbox) -> None:
    zygote = zygote_of(sandbox)
    with ThreadPoolExecutor(1) as pool:
        heavy = pool.submit(sandbox.parse, HEAVY, Limits(cpu_seconds=20))
        child = wait_for_child(zygote)
        while "NoNewPrivs:\t1" not in Path(f"/proc/{child}/status").read_text():
            os.sched_yield()
        while os.getpgid(child) != child:
            os.sched_yield()
        while " 20  " not in _limit(child, "Max cpu time"):
            os.sched_yield()
        limits = {name: _limit(child, name) for name in ("Max file size", "Max core file size")}
        memory = _limit(child, "Max address space")
        own = int(Path(f"/proc/{zygote}/statm").read_text().split()[0]) * resource.getpagesize()
        os.kill(child, signal.SIGKILL)
        with pytest.raises(UnreadableSource):
            heavy.result(20)
    assert all(value.split()[0] == "0" for value in limits.values())
    assert abs(int(memory.split()[0]) - (512 << 20) - own) < 8 << 20, "beside the parsers' code"


def _limit(pid: int, name: str) -> str:
    for line in Path(f"/proc/{pid}/limits").read_text().splitlines():
        if line.startswith(name):
            return line.removeprefix(name) + "  "
    raise AssertionError(name)


def test_the_zygote_has_one_thread_no_secret_and_no_network(sandbox: Sandbox) -> None:
    zygote = zygote_of(sandbox)
    assert Path(f"/proc/{zygote}/environ").read_bytes() == b"OPENBLAS_NUM_THREADS=1\0"
    assert "Threads:\t1\n" in Path(f"/proc/{zygote}/status").read_text()
    if sandbox.network_refused:
        assert Path(f"/proc/{zygote}/ns/net").readlink() == Path("/proc/self/ns/net").readlink()
    else:
        assert Path(f"/proc/{zygote}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()


def test_the_parsers_bring_neither_django_nor_the_settings(tmp_path: Path) -> None:
    code = (
        "import sys, json, ingestion.parsing.zygote;"
        "print(json.dumps([m for m in ('django', 'minirag.settings', 'httpx')"
        " if m in sys.modules]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={}, capture_output=True, check=True
    )
    assert json.loads(run.stdout) == []


def test_no_descriptor_of_the_zygote_reaches_the_child() -> None:
    code = """
import os
from ingestion.parsing import child
secrets = [os.open("/dev/null", os.O_RDONLY) for _ in range(120)]
document, (reading, writing) = os.memfd_create("d"), os.pipe()
if os.fork() == 0:
    child._keep_only(document, writing)
    kept = [os.readlink(f"/proc/self/fd/{n}") for n in range(5)]
    more = [n for n in map(int, os.listdir("/proc/self/fd")) if n > 4]
    # The listing itself holds one descriptor open.
    os.write(3, repr((kept, len(more))).encode())
    os._exit(0)
os.close(writing)
print(os.read(reading, 4096).decode())
"""
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={}, capture_output=True, text=True, check=True
    )
    kept, more = eval(run.stdout)
    assert kept[:3] == ["/dev/null"] * 3
    assert kept[3].startswith("pipe:") and kept[4].startswith("/memfd:d")
    assert more == 1


def test_a_dead_zygote_is_replaced() -> None:
    sandbox = Sandbox()
    first = zygote_of(sandbox)
    os.kill(first, signal.SIGKILL)
    assert sandbox.parse(text("again")).text == "again"
    second = sandbox.pid
    assert second is not None and second != first
    sandbox.close()
    assert not Path(f"/proc/{second}").exists()


BROKEN_ZYGOTE = """
import sys
from ingestion.parsing import child, zygote
def parse_bytes(data, hints, limits):
    raise AttributeError("half of another version")
child.parse_bytes = parse_bytes
zygote.main()
"""
# A parser with a fault of its own, which only one document meets.
FAULTY_ZYGOTE = BROKEN_ZYGOTE.replace("    raise", "    if b'poison' not in data:"
    " return zygote.parse_bytes(data, hints, limits)\n    raise")  # fmt: skip


def test_a_zygote_that_nobody_needs_ends_and_the_next_document_gets_another() -> None:
    sandbox = Sandbox(idle_seconds=0.2)
    assert sandbox.parse(RawDocument("a.txt", b"one", "")).text == "one"
    process = sandbox._process
    assert process is not None
    wait_for("the zygote has ended", lambda: sandbox.pid is None)
    assert process.wait(5) == 0
    assert sandbox.parse(RawDocument("a.txt", b"two", "")).text == "two"
    sandbox.close()


def test_a_zygote_that_fails_on_everything_blames_no_document() -> None:
    """A first job failed as damaged: its zygote had started while the code was exchanged."""
    sandbox = Sandbox([sys.executable, "-c", BROKEN_ZYGOTE])
    with pytest.raises(Unavailable):
        sandbox.parse(text("good"))
    assert sandbox.pid is None
    sandbox.close()


def test_a_parser_that_fails_on_one_document_names_its_place_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sandbox = Sandbox([sys.executable, "-c", FAULTY_ZYGOTE])
    zygote = zygote_of(sandbox)
    with pytest.raises(UnreadableSource, match="parser failed"):
        sandbox.parse(text("poison"))
    assert sandbox.pid == zygote and sandbox.parse(text("good")).text == "good"
    assert "AttributeError at <string>:" in caplog.text
    sandbox.close()


# Work that needs 0.2 s of a processor, or none and much patience, before the parser begins.
SLOW_ZYGOTE = """
import os, time
from ingestion.parsing import child, zygote
real = child.parse_bytes
def parse_bytes(data, hints, limits):
    while data == b"works" and time.process_time() < 0.2:
        pass
    if data == b"sleeps":
        time.sleep(60)
    return real(data, hints, limits)
child.parse_bytes = parse_bytes
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
zygote.main()
"""
BURN = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nwhile True: pass"


def test_a_busy_machine_is_no_fault_of_a_document() -> None:
    """A Markdown file with 1.6 s of work failed as taking too long, beside 30 s of others' work."""
    sandbox = Sandbox([sys.executable, "-c", SLOW_ZYGOTE])
    sandbox.parse(text("start"))
    burners = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(4)]
    try:
        begun = time.monotonic()
        assert sandbox.parse(text("works"), Limits(wall_seconds=1.0)).text == "works"
        assert time.monotonic() - begun > 1.0, "the machine was not busy"
        with pytest.raises(Unavailable, match="busy"):
            sandbox.parse(text("works"), Limits(wall_seconds=1.0, wait_seconds=0.3))
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
        sandbox.close()


def test_a_child_that_sleeps_or_works_on_ends_at_its_own_clock() -> None:
    sandbox = Sandbox([sys.executable, "-c", SLOW_ZYGOTE])
    sandbox.parse(text("start"))
    for words in ("sleeps", "works"):
        with pytest.raises(UnreadableSource, match="too long"):
            sandbox.parse(text(words), Limits(wall_seconds=0.1))
    sandbox.close()


def test_a_zygote_that_dies_under_a_document_is_tried_once_more() -> None:
    sandbox = Sandbox()
    zygote = zygote_of(sandbox)
    raw = RawDocument("a.md", b"line\n" * 200_000, "text/markdown")
    with ThreadPoolExecutor(1) as pool:
        parsing = pool.submit(sandbox.parse, raw)
        child = os.pidfd_open(wait_for_child(zygote))
        os.kill(zygote, signal.SIGKILL)
        assert ended(child), "the child outlived its zygote"
        assert parsing.result(20).text.count("line") == 200_000
    os.close(child)
    sandbox.close()


def test_a_forked_worker_starts_a_zygote_of_its_own(sandbox: Sandbox) -> None:
    """Whatever another thread of the parent was doing with this one's at that moment."""
    zygote = zygote_of(sandbox)
    reading, writing = os.pipe()
    held, forked = threading.Event(), threading.Event()

    def hold() -> None:
        with sandbox._lock:
            held.set()
            forked.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(5)
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)
        try:
            sandbox.parse(text("in the fork"))
            os.write(writing, str(sandbox.pid).encode())
            sandbox.close()
        finally:
            os._exit(0)
    forked.set()
    holder.join()
    os.close(writing)
    other = int(os.read(reading, 100))
    os.waitpid(pid, 0)
    os.close(reading)
    assert other != zygote
    assert sandbox.parse(text("here")).text == "here"
    assert sandbox.pid == zygote


def test_the_zygote_ends_with_its_worker_however_that_ends() -> None:
    code = (
        "from ingestion.parsing.sandbox import Sandbox, Limits\n"
        "from minirag.types import RawDocument\n"
        "s = Sandbox(); s.parse(RawDocument('a.txt', b'x', 'text/plain'), Limits())\n"
        "print(s.pid, flush=True); input()\n"
    )
    worker = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert worker.stdout is not None
    zygote = os.pidfd_open(int(worker.stdout.readline()))
    worker.kill()
    worker.communicate()
    assert ended(zygote)
    os.close(zygote)


# A process of its own: in the tests' one, what earlier tests left is closed at any moment.
COUNT_DESCRIPTORS = """
import json, os, threading
from ingestion.parsing.sandbox import Limits, Sandbox
from minirag.errors import UnreadableSource
from minirag.types import RawDocument

sandbox = Sandbox()
small = RawDocument("a.txt", b"text", "text/plain")
large = RawDocument("a.txt", b"word " * 1_000, "text/plain")
sandbox.parse(small, Limits())
counts = []
for n in range(21):
    counts.append([len(os.listdir(f"/proc/{pid}/fd")) for pid in ("self", sandbox.pid)])
    sandbox.parse(small, Limits())
    try:
        sandbox.parse(large, Limits(output_bytes=100))
    except UnreadableSource:
        continue
    raise SystemExit("the large one passed")
print(json.dumps([counts, threading.active_count()]))
"""


def test_parsing_leaves_no_descriptor_behind() -> None:
    run = subprocess.run(
        [sys.executable, "-c", COUNT_DESCRIPTORS], cwd=ROOT, capture_output=True, check=True
    )
    counts, threads = json.loads(run.stdout)
    ours = [count for count, _ in counts]
    zygotes = [count for _, count in counts]
    assert set(ours) == {ours[0]}
    # Its last one is closed just before the status that a parse waits for is read, or just after.
    assert max(zygotes) <= min(zygotes) + 1
    assert threads == 2, "this one, and the one that ends an idle zygote"
