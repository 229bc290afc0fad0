"""How a run of the pipeline ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from ingestion.models import JobState
from minirag.errors import ErrorCode, ErrorField, MiniRAGError, UnreadableSource

_LONGEST_KEY = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state and error of a job that ran to its end."""

    state: JobState
    error: ErrorField | None = None


@dataclass(slots=True)
class Tally:
    """Documents that could be read and those that could not, with the first one and its reason."""

    good: int = 0
    bad: int = 0
    first: MiniRAGError | None = None
    first_key: str = ""
    # What is wrong with the source beside its documents.
    notes: list[MiniRAGError] = field(default_factory=list)

    def failed(self, key: str, error: MiniRAGError) -> None:
        self.bad += 1
        if self.first is None:
            self.first, self.first_key = error, key

    def outcome(self) -> Outcome:
        """``failed`` where nothing at all could be read, with the first document's reason."""
        if self.first is None:
            if not self.good:
                raise UnreadableSource("The source holds no documents yet.")
            if self.notes:
                return Outcome(JobState.PARTIAL, self.notes[0].as_field())
            return Outcome(JobState.SUCCEEDED)
        code = str(self.first.code) or ErrorCode.INTERNAL
        if self.good:
            return Outcome(JobState.PARTIAL, {"code": code, "message": self._told()})
        if self.bad == 1:
            return Outcome(JobState.FAILED, self.first.as_field())
        return Outcome(JobState.FAILED, {**self.first.as_field(), "message": self._told()})

    def _told(self) -> str:
        """How many failed, and of one of them which and why."""
        assert self.first is not None
        many = f"{self.bad} of {self.bad + self.good} documents could not be taken in."
        key = self.first_key
        named = key if len(key) <= _LONGEST_KEY else f"{key[:_LONGEST_KEY]}…"
        return (
            f"{many} {'It is' if self.bad == 1 else 'The first is'} {named}: {self.first.message}"
        )
