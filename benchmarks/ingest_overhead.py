"""The pipeline beside its own parts: ``python -m benchmarks.ingest_overhead --docs DIR``.

The Markdown files of a folder are ingested (uploads, job, lease, windows, generations, ledger)
with an instant embedder, over the time of parse + chunk + encode + upsert called directly on the
same files. Both take turns, and the medians are compared. Aim: 1.5 or less.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
from pathlib import Path

from benchmarks.surroundings import data_folder, in_process, settings_for


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", type=Path, required=True, help="folder with Markdown files")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--profile", action="store_true", help="show where the pipeline's time goes"
    )
    options = parser.parse_args()
    files = sorted(options.docs.rglob("*.md"))
    if not files:
        parser.error(f"there are no Markdown files in {options.docs}")
    with data_folder() as folder:
        in_process(settings_for(folder))
        # Only now may Django be imported: it reads the environment.
        from benchmarks import ingest_run  # noqa: PLC0415

        run = ingest_run.Run(files, options.docs)
        if options.profile:
            profile = cProfile.Profile()
            run.pipeline(profile)
            pstats.Stats(profile).sort_stats("cumulative").print_stats(45)
        else:
            run.report(options.rounds)
        run.close()


if __name__ == "__main__":
    main()
