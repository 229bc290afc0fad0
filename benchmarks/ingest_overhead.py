"""The pipeline beside its own parts: ``python -m benchmarks.ingest_overhead --docs DIR``.

1,000 Markdown documents, all different, are ingested as one job (uploads, rows, lease, windows,
generations, ledger). Beside it the bare work on the same texts, called directly in one process:
the same parser in the same groups, the same chunker, the same sparse encoder, the same embedder and
the same store in batches of the same size; no rows, no job, and one step after the other, where the
job parses and cuts beside its own work. Both take turns; a ratio is made within
each round and the median of them is shown, by wall time and by CPU time (this process and its
parsers; a database server's is not counted). Aim: 1.25 with an instant embedder. With ``--local``
the bare work is MiniLM's embedding alone, on as many threads as the pipeline gives it. Aim: 1.1.

``--database``, ``--redis`` and ``--qdrant`` (the REST double, on a port of its own) measure the
services shape.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import sys
from contextlib import ExitStack
from pathlib import Path

from benchmarks.surroundings import data_folder, in_process, settings_for
from benchmarks.texts import documents_of
from tests.processes import free_port, processes, wait_until_up


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", type=Path, required=True, help="folder with Markdown files")
    parser.add_argument("--count", type=int, default=1000, help="documents made of them")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--local", action="store_true", help="embed with MiniLM, not instantly")
    parser.add_argument("--database", help="DATABASE_URL of a database that may be written to")
    parser.add_argument("--redis", help="REDIS_URL")
    parser.add_argument("--qdrant", action="store_true", help="the REST double instead of Edge")
    parser.add_argument(
        "--profile", action="store_true", help="show where the pipeline's time goes"
    )
    options = parser.parse_args()
    with data_folder() as folder, ExitStack() as stack:
        environ = settings_for(folder)
        in_process(environ)
        if options.qdrant:
            port = free_port()
            children = stack.enter_context(processes(folder, environ))
            command = [sys.executable, "-m", "tests.doubles.qdrant_rest", "--port", str(port)]
            double = children.start("qdrant", [*command, "--dir", str(folder / "qdrant")])
            wait_until_up(double, port, path="/collections")
            os.environ["QDRANT_URL"] = f"http://127.0.0.1:{port}"
        for name, url in (("DATABASE_URL", options.database), ("REDIS_URL", options.redis)):
            if url:
                os.environ[name] = url
        # Only now may Django be imported: it reads the environment.
        from benchmarks import ingest_run  # noqa: PLC0415

        run = ingest_run.Run(list(documents_of(options.docs, options.count)), local=options.local)
        if options.profile:
            profile = cProfile.Profile()
            run.pipeline(profile)
            pstats.Stats(profile).sort_stats("cumulative").print_stats(60)
        else:
            run.report(options.rounds)
        run.close()


if __name__ == "__main__":
    main()
