"""How long a small tenant waits for its one document behind a large one's thousands.

``python -m benchmarks.fairness``: one tenant queues many documents, as one source, as two (so that
both workers have one in hand) and as many sources; a moment later another tenant queues a single
document. Printed is when that document is ready, beside the same alone and beside first in, first
out (the time that the whole backlog takes). Two worker threads, an instant embedder with a pause
per call, as a provider has.
Aim: seconds, not the queue.
"""

from __future__ import annotations

import argparse

from benchmarks.surroundings import data_folder, in_process, settings_for


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=10_000, help="of the large tenant")
    parser.add_argument("--sources", type=int, default=0, help="of the large tenant, when many")
    parser.add_argument("--pause", type=float, default=0.05, help="seconds of an embedding call")
    parser.add_argument("--whole", action="store_true", help="measure the backlog to its end")
    options = parser.parse_args()
    with data_folder() as folder:
        in_process(settings_for(folder))
        # Only now may Django be imported: it reads the environment.
        from benchmarks import fairness_run  # noqa: PLC0415

        many = options.sources or options.documents
        fairness_run.report(options.documents, many, options.pause, whole=options.whole)


if __name__ == "__main__":
    main()
