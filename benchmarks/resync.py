"""Ingesting again what is there already: ``python -m benchmarks.resync --docs DIR``.

1,000 Markdown documents are ingested; then the source is ingested again as it stands; then after
the same files were uploaded once more; then after one paragraph in each document was changed.
Shown: time, its share of the first ingest's, and the texts handed to the embedding model. Aims:
nothing embedded and at most 2 % of the time where nothing changed (with ``--local`` as the first
ingest, whose time is a real model's); after the change only what changed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.figures import table
from benchmarks.surroundings import data_folder, in_process, settings_for
from benchmarks.texts import changed, documents_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", type=Path, required=True, help="folder with Markdown files")
    parser.add_argument("--count", type=int, default=1000, help="documents made of them")
    parser.add_argument("--local", action="store_true", help="embed with MiniLM, not instantly")
    options = parser.parse_args()
    documents = list(documents_of(options.docs, options.count))
    with data_folder() as folder:
        in_process(settings_for(folder))
        # Only now may Django be imported: it reads the environment.
        from benchmarks import ingest_run  # noqa: PLC0415

        run = ingest_run.Run(documents, local=options.local)
        edited = ingest_run.raw([(name, changed(text)) for name, text in documents])
        source = run.make_source([])
        rows: list[list[str]] = []
        for name, uploads in (
            ("first ingest", run.documents),
            ("unchanged", []),
            ("uploaded again, unchanged", run.documents),
            ("one paragraph changed in each", edited),
        ):
            run.upload(source, uploads)
            before = run.embedder.texts
            spent = run.ingest(source)
            texts = run.embedder.texts - before
            first = rows[0] if rows else None
            wall, cpu = f"{spent.wall:.3f} s", f"{spent.cpu:.3f} s"
            shares = [_share(wall, first[1]), _share(cpu, first[2])] if first else ["100 %"] * 2
            rows.append([name, wall, cpu, *shares, str(texts)])
        print(f"{len(documents)} documents, {'MiniLM' if options.local else 'instant embedder'}")
        table(["", "wall", "CPU", "of first (wall)", "of first (CPU)", "texts embedded"], rows)
        run.close()


def _share(one: str, of: str) -> str:
    return f"{100 * float(one.split()[0]) / float(of.split()[0]):.1f} %"


if __name__ == "__main__":
    main()
