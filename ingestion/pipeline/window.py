"""The documents of an ingest that are embedded together and then flipped."""

from __future__ import annotations

from ingestion.pipeline.plans import DocumentPlan

# Rounds of embedding calls in a window: more while windows pass within so many seconds, to share
# what each costs the database; one again where the model is slow, or others wait for their turn.
_FEWEST, _MOST = 1, 8
_QUICK, _SLOW = 0.5, 2.0
# A window is closed at so many documents, or code points of text, too.
_MOST_DOCUMENTS = 128
_MOST_TEXT = 8_000_000


class Window:
    """Plans that wait to be published. ``round_size`` chunks are embedded at a time."""

    def __init__(self, round_size: int) -> None:
        self._round_size = round_size
        self._rounds = _FEWEST
        self._plans: list[DocumentPlan] = []
        self._fresh = 0
        self._text = 0

    def add(self, plan: DocumentPlan) -> None:
        self._plans.append(plan)
        self._fresh += plan.fresh
        self._text += len(plan.text)

    @property
    def full(self) -> bool:
        """Whether it shall be published before another document comes."""
        return (
            self._fresh >= self._rounds * self._round_size
            or len(self._plans) >= _MOST_DOCUMENTS
            or self._text >= _MOST_TEXT
        )

    def take(self) -> list[DocumentPlan]:
        """Its plans; it is empty afterwards."""
        plans, self._plans = self._plans, []
        self._fresh = self._text = 0
        return plans

    def took(self, seconds: float, embedded: int) -> None:
        """It was published in so long, so many texts embedded: the next is of a size that suits.

        Only a window that was full of new texts tells that the model is quick.
        """
        if seconds > _SLOW:
            self._rounds = _FEWEST
        elif seconds < _QUICK and embedded >= self._rounds * self._round_size:
            self._rounds = min(2 * self._rounds, _MOST)
