"""``build_index``: a tenant's new index beside the old one, which answers until the switch.

A chunk's point has the same id in every collection, so the rows stay as they are: points are added
to the new collection until it has one for each live chunk. What is there already is not embedded
again, so an attempt goes on where the last one broke off.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

from django.conf import settings
from django.db import transaction

from ingestion import pauses
from ingestion.claims import siblings_wait
from ingestion.leases import Cancelled, JobRun, Postponed, TurnOver
from ingestion.models import BUILD_STATES, BuildState, IndexBuild, IngestJob, JobKind, JobState
from ingestion.pipeline.filling import Filling, live_chunks
from ingestion.pipeline.index import Index, Shelf, ask_dimensions, known_shelf, open_space
from ingestion.pipeline.outcomes import Outcome
from ingestion.pipeline.progress import Progress
from ingestion.pipeline.switching import check_new_index, switch
from ingestion.pipeline.turns import Turn
from minirag import wiring
from minirag.types import Stage, VectorSpace

# A look over all chunks that found no more than this missing is followed by the switch.
_FEW = 256
_WAIT = 0.2


@dataclass(slots=True)
class _Build:
    """One run of one build."""

    run: JobRun
    row: IndexBuild
    index: Index
    # Where vectors are copied from; None where they are made anew.
    origin: Shelf | None
    progress: Progress
    turn: Turn
    looked: bool = False

    def filling(self) -> Filling:
        """A look over all chunks. From the second on only what it finds missing is counted."""
        counts, self.looked = not self.looked, True
        if counts:
            self.progress.found(live_chunks().count())
        return Filling(
            self.run, self.index, self.progress, self.origin, self._after, counts_present=counts
        )

    def _after(self, worked: bool) -> None:
        self.still()
        _rest(self, worked)

    def still(self) -> None:
        """With the job in hand: the build is wanted, and this far. Raises ``Cancelled``."""
        with transaction.atomic():
            self.run.fence()
            rows = IndexBuild.objects.filter(pk=self.row.pk, state__in=BUILD_STATES)
            if not rows.update(done=self.progress.done, total=self.progress.total):
                raise Cancelled


def build_index(run: JobRun) -> Outcome:
    """Run the build of ``run.job``. The old index answers all the while."""
    row = IndexBuild.objects.filter(job_id=run.job.pk, state__in=BUILD_STATES).first()
    if row is None:
        raise Cancelled
    build = _open(run, row)
    while build.filling().fill() > _FEW:
        pass  # ingests went on meanwhile: what they changed is made up
    _hold(build)
    last = build.filling()
    last.fill()
    build.progress.at(Stage.SWEEP)
    last.drop_strays()
    check_new_index(run, build.index, live_chunks())
    switch(run, build.row.pk)
    return Outcome(JobState.SUCCEEDED)


def _open(run: JobRun, row: IndexBuild) -> _Build:
    """Ask the model first: what is wrong with it is told before anything is made."""
    pauses.use(run, row.model, row.credentials)
    embedder = wiring.embedder(row.model, row.credentials)
    if row.dimensions is None:
        row.dimensions = ask_dimensions(run, embedder)
        IndexBuild.objects.filter(pk=row.pk).update(dimensions=row.dimensions)
    space = VectorSpace(row.model, row.dimensions, row.version)
    index = open_space(run, space, embedder, settings.MINIRAG_REINDEX_PARALLEL)
    origin = known_shelf(run.job.tenant_id) if row.copies else None
    if origin is not None and (origin.space.model, origin.space.dimensions) != (
        space.model,
        space.dimensions,
    ):
        origin = None  # the model was changed meanwhile: its vectors are no use here
    return _Build(run, row, index, origin, Progress(run, row.done), Turn(run))


def _rest(build: _Build, worked: bool) -> None:
    """Between two rounds: a pause if one is set, and room for those that wait."""
    if worked and settings.MINIRAG_REINDEX_PAUSE_SECONDS > 0:
        build.run.call(partial(time.sleep, settings.MINIRAG_REINDEX_PAUSE_SECONDS))
    if build.row.state == BuildState.SWITCHING:
        return  # all others wait for this: be quick
    if not build.turn.is_over():
        return
    if build.turn.is_wanted():
        raise TurnOver
    if siblings_wait(build.run.job):
        # Due a little later: else it would be the first in the queue again.
        raise Postponed(2, "Other jobs of this tenant go first for a moment.")
    build.turn.again()


def _hold(build: _Build) -> None:
    """Keep the tenant's other jobs from beginning, and wait for those that run to make room."""
    with transaction.atomic():
        build.run.fence()
        rows = IndexBuild.objects.filter(pk=build.row.pk, state__in=BUILD_STATES)
        if not rows.update(state=BuildState.SWITCHING):
            raise Cancelled
    build.row.state = BuildState.SWITCHING
    running = IngestJob.objects.filter(state=JobState.RUNNING).exclude(pk=build.run.job.pk)
    # Deletions go on: they reach every index.
    while running.exclude(kind=JobKind.DELETE).exists():
        build.run.call(partial(time.sleep, _WAIT))
