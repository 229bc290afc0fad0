"""How a run of the pipeline ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from ingestion.models import JobState
from minirag.errors import ErrorCode, ErrorField, MiniRAGError, UnreadableSource


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state and error of a job that ran to its end."""

    state: JobState
    error: ErrorField | None = None


@dataclass(slots=True)
class Tally:
    """Documents that could be read and those that could not, with the first reason."""

    good: int = 0
    bad: int = 0
    first: MiniRAGError | None = None
    # What is wrong with the source beside its documents.
    notes: list[MiniRAGError] = field(default_factory=list)

    def failed(self, error: MiniRAGError) -> None:
        self.bad += 1
        self.first = self.first or error

    def outcome(self) -> Outcome:
        """``failed`` where nothing at all could be read, with the first document's reason."""
        if self.first is None:
            if not self.good:
                raise UnreadableSource("The source holds no documents yet.")
            if self.notes:
                return Outcome(JobState.PARTIAL, self.notes[0].as_field())
            return Outcome(JobState.SUCCEEDED)
        if not self.good:
            return Outcome(JobState.FAILED, self.first.as_field())
        many = f"{self.bad} of {self.bad + self.good} documents could not be taken in."
        code = str(self.first.code)
        return Outcome(JobState.PARTIAL, {"code": code or ErrorCode.INTERNAL, "message": many})
