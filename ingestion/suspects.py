"""A document that kills its worker must not take its neighbours along.

Which documents are under way stands in the job's row before anything is done with them. When a
worker dies, each of these becomes a suspect. The next run leaves the suspects for the end and takes
them a few at a time, those of another such death one at a time; so the last death before the
verdict has one suspect only, and whoever is under way at ``MINIRAG_JOB_CRASHES`` deaths is not
begun again: it fails alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol, TypeVar

from django.conf import settings

from ingestion.models import IngestJob
from minirag.errors import UnreadableSource

# Suspects that are tried together.
_FEW, _FEW_BYTES = 16, 1024 * 1024


class Keyed(Protocol):
    """Something to read, by the document's key."""

    @property
    def key(self) -> str: ...


K = TypeVar("K", bound=Keyed)


def blamed(job: IngestJob) -> dict[str, int]:
    """The suspects of ``job`` with their counts, after its worker has died once more."""
    suspects: dict[str, int] = dict(job.suspects)
    for key in job.under_way:
        suspects[key] = suspects.get(key, 0) + 1
    return suspects


def is_hopeless(job: IngestJob, suspects: Mapping[str, int]) -> bool:
    """Whether so many documents of one job killed workers that it cannot be the documents."""
    given_up = sum(count >= settings.MINIRAG_JOB_CRASHES for count in suspects.values())
    return bool(given_up > settings.MINIRAG_JOB_POISONS)


def verdict(job: IngestJob, key: str) -> UnreadableSource | None:
    """Why the document must not be begun again, if so."""
    deaths = int(job.suspects.get(key, 0))
    if deaths < settings.MINIRAG_JOB_CRASHES:
        return None
    return UnreadableSource(f"The worker died {deaths} times while it was at this document.")


def without_suspects(
    job: IngestJob, groups: Iterable[list[K]], apart: list[K]
) -> Iterator[list[K]]:
    """``groups`` without the suspects, which are put into ``apart``."""
    for items in groups:
        apart += [item for item in items if item.key in job.suspects]
        rest = [item for item in items if item.key not in job.suspects]
        if rest:
            yield rest


def least_suspect_first(
    job: IngestJob, apart: Iterable[K], weigh: Callable[[K], int]
) -> Iterator[list[K]]:
    """In the order in which they are tried, and together: alone where one more death is the last.

    Hundreds may have been under way, and each try costs a call of the provider. ``weigh`` tells the
    bytes of one: together they are few.
    """
    few: list[K] = []
    size = 0
    for item in sorted(apart, key=lambda item: int(job.suspects[item.key])):
        alone = int(job.suspects[item.key]) + 2 > settings.MINIRAG_JOB_CRASHES
        if few and (alone or len(few) >= _FEW or size + weigh(item) > _FEW_BYTES):
            yield few
            few, size = [], 0
        few.append(item)
        size += weigh(item)
    if few:
        yield few
