"""What ingesting takes of memory: ``python -m benchmarks.ingest_memory``.

One worker process ingests a 400-page PDF and a text of 50 MB: its own peak, that of the largest
parser child (both resident, of this very job), and what it keeps afterwards. Then 200 small jobs in
a row: resident memory after 20, 100 and 200, which should not grow. Embedding is instant, so the
figures are the pipeline's own; ``--local`` adds the model (and its time).
"""

from __future__ import annotations

import argparse
import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fpdf import FPDF

from benchmarks.figures import descendants, table
from benchmarks.surroundings import data_folder, in_process, settings_for
from minirag.types import RawDocument

if TYPE_CHECKING:
    from benchmarks.ingest_run import Run

_SENTENCE = "Pump {n} of line {m} is greased every {n} hours, and its valve is set to {m} bar. "
_PEEK_SECONDS = 0.02
MARKS = (20, 100, 200)


def pdf(pages: int) -> bytes:
    made = FPDF()
    made.set_font("helvetica", size=10)
    for page in range(pages):
        made.add_page()
        text = "".join(_SENTENCE.format(n=page * 40 + n, m=page) for n in range(36))
        made.multi_cell(0, 5, f"Chapter {page}\n\n{text}")
    out = io.BytesIO()
    made.output(out)
    return out.getvalue()


def plain(megabytes: int) -> bytes:
    lines, size, at = [], 0, 0
    while size < megabytes * 1_000_000:
        line = "".join(_SENTENCE.format(n=at + n, m=at) for n in range(8)) + "\n\n"
        lines.append(line)
        size += len(line)
        at += 1
    return "".join(lines)[: megabytes * 1_000_000].encode()


def resident(pid: int, field: str) -> float:
    """MB of ``field`` (VmRSS, VmHWM) of a process; 0 where it is gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) / 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0.0


class Peak:
    """The largest child's peak while the block runs, and this process's own."""

    def __init__(self) -> None:
        self.own = self.child = 0.0

    @contextmanager
    def watched(self) -> Iterator[None]:
        Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
        over = threading.Event()
        thread = threading.Thread(target=self._watch, args=(over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.own = resident(os.getpid(), "VmHWM")

    def _watch(self, over: threading.Event) -> None:
        while not over.wait(_PEEK_SECONDS):
            for pid in descendants(os.getpid()):
                self.child = max(self.child, resident(pid, "VmHWM"))


def report(run: Run, options: argparse.Namespace) -> None:
    """Ends the process where a job does not succeed (``Run.ingest``)."""
    run.pipeline()
    begun = resident(os.getpid(), "VmRSS")
    rows = []
    for name, mime, content in (
        ("handbook.pdf", "application/pdf", pdf(options.pages)),
        ("log.txt", "text/plain", plain(options.megabytes)),
    ):
        document = RawDocument(name, content, mime)
        source = run.make_source([document])
        weight = len(content) / 1e6
        del content, document
        peak = Peak()
        with peak.watched():
            spent = run.ingest(source)
        after = resident(os.getpid(), "VmRSS")
        figures = [f"{value:.0f} MB" for value in (peak.own, peak.child, after)]
        rows.append([f"{name}, {weight:.1f} MB", *figures, f"{spent.wall:.0f} s"])
    print(f"before: {begun:.0f} MB")
    table(["", "worker, peak", "parser child, peak", "worker, afterwards", "wall"], rows)
    at = []
    for job in range(1, options.jobs + 1):
        run.pipeline()
        if job in MARKS:
            at.append(f"{job}: {resident(os.getpid(), 'VmRSS'):.0f} MB")
    print("resident after so many jobs more: " + ", ".join(at))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=400)
    parser.add_argument("--megabytes", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=MARKS[-1])
    parser.add_argument("--local", action="store_true", help="embed with MiniLM, not instantly")
    options = parser.parse_args()
    with data_folder() as folder:
        in_process(settings_for(folder))
        # Only now may Django be imported: it reads the environment.
        from benchmarks import ingest_run  # noqa: PLC0415

        run = ingest_run.Run([("note.md", "# Note\n\nGrease the pump.\n")], local=options.local)
        try:
            report(run, options)
        finally:
            run.close()  # also where a job failed: its folder goes with the block


if __name__ == "__main__":
    main()
