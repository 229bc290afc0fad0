"""``reindex_source``: every vector of a source made anew from the rows, for the present index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ingestion.leases import Cancelled, JobRun
from ingestion.models import JobState
from ingestion.pipeline.building import build_index
from ingestion.pipeline.index import open_index
from ingestion.pipeline.outcomes import Outcome
from ingestion.pipeline.plans import DocumentPlan, Target, make_plan, standing_rows, stored_chunks
from ingestion.pipeline.progress import Progress
from ingestion.pipeline.removal import remove_leftovers
from ingestion.pipeline.turns import Turn
from ingestion.pipeline.versions import publish
from sources.models import Chunk, Document, Source

# Chunks whose vectors are made before their documents are flipped.
_WINDOW = 512


def reindex(run: JobRun) -> Outcome:
    """Run one reindex job: of a source, or of the tenant's whole index."""
    return build_index(run) if run.job.source_id is None else reindex_source(run)


def reindex_source(run: JobRun) -> Outcome:
    """Run one reindex job. The texts and chunk rows stand; only their points are new.

    It needs neither the origin nor the old points, so it also rebuilds a wiped store.
    """
    if not Source.objects.filter(pk=run.job.source_id, deleted_at__isnull=True).exists():
        raise Cancelled
    index = open_index(run)
    progress = Progress(run)
    live = Chunk.objects.filter(source_id=run.job.source_id, document__deleted_at__isnull=True)
    progress.found(live.count())
    turn = Turn(run)
    for plans in _windows(run, progress):
        publish(run, index, plans, progress)
        turn.make_room()
    progress.advance(progress.total)
    assert run.job.source_id is not None
    remove_leftovers(run, index, run.job.source_id)
    return Outcome(JobState.SUCCEEDED)


def _windows(run: JobRun, progress: Progress) -> Iterator[Sequence[DocumentPlan]]:
    window: list[DocumentPlan] = []
    for plan in _plans(run, progress):
        window.append(plan)
        if sum(len(plan.chunks) for plan in window) >= _WINDOW:
            yield window
            window = []
    if window:
        yield window


def _plans(run: JobRun, progress: Progress) -> Iterator[DocumentPlan]:
    """Plans for what no earlier attempt of this job has flipped: the rest."""
    live = Document.objects.filter(
        source_id=run.job.source_id, deleted_at__isnull=True, generation__gt=0
    )
    done = live.filter(flipped_by=run.job.pk)
    progress.advance(Chunk.objects.filter(document__in=done).count())
    rest = live.exclude(flipped_by=run.job.pk)
    for pk in list(rest.order_by("created_at", "id").values_list("pk", flat=True)):
        document = live.filter(pk=pk).first()
        if document is not None:
            target = Target(document.pk, document.source_id, document.generation, reuse=False)
            rows = standing_rows([document.pk])[document.pk]
            yield make_plan(target, document.text, stored_chunks(pk), None, rows)
