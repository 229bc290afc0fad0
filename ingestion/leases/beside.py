"""Blocking work beside its holder, who looks up every moment whether it has to stop."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, wait
from contextvars import copy_context
from functools import partial
from typing import TypeVar

from django.db import connections

S = TypeVar("S")
T = TypeVar("T")
# Seconds between two looks at the stop flags while a blocking call is under way.
_LOOK = 0.1
# Pieces of work that go on at the same time, ahead of the one whose answer is looked at; and that
# are begun or done ahead of it where they are light.
_AT_ONCE, _AHEAD = 2, 4


class GivenUp(Exception):
    """Work that nobody waits for any more, left undone."""


class Beside(ABC):
    """Runs work in threads of its own; ``check`` of the subclass says when to stop."""

    def __init__(self) -> None:
        self._closes = 0.0
        self._writes: list[Future[None]] = []

    @abstractmethod
    def check(self) -> None:
        """Raise where the work must end."""

    def start(self, work: Callable[[], T]) -> Future[T]:
        """Run ``work`` beside this thread. Nothing waits for it at the process's end."""
        future: Future[T] = Future()

        def body() -> None:
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - handed over to who waits for it
                future.set_exception(error)
            finally:
                connections.close_all()

        threading.Thread(target=copy_context().run, args=(body,), daemon=True).start()
        return future

    def result(self, future: Future[T]) -> T:
        """Wait for ``future``, or raise as ``check`` does and leave it to itself."""
        while not wait([future], timeout=_LOOK).done:
            self.check()
        return future.result()

    def call(self, work: Callable[[], T]) -> T:
        """``work()``, given up within a moment when the job is cancelled or lost."""
        self.check()
        return self.result(self.start(work))

    def write(self, work: Callable[[], None]) -> None:
        """As ``call``, for what goes to the store: the run knows what may still arrive there."""
        self.check()
        future = self.start(work)
        self._writes = [write for write in self._writes if not write.done()] + [future]
        self.result(future)

    def close(self, seconds: float) -> None:
        """From now on only tidying up: for ``seconds``, whoever asked to stop."""
        self._closes = time.monotonic() + seconds

    def written(self) -> bool:
        """Wait until nothing is on its way to the store any more; False where that takes long."""
        wait(self._writes, timeout=max(0.0, self._closes - time.monotonic()))
        return all(write.done() for write in self._writes)

    def ahead(
        self,
        work: Callable[[S, Callable[[], bool]], T],
        inputs: Iterable[S],
        weigh: Callable[[S], int],
        most: int,
    ) -> Generator[T]:
        """``work`` of each input, in order; the next ones begin while one's answer is looked at.

        Ahead are few inputs, of ``most`` weight together, or a single one; some more where together
        they weigh half of it, so that whoever looks long at answers finds the next ones done.
        ``work`` is given the input, and what says whether nobody waits for its answer any more: so
        it is once this iterator is closed.
        """
        waiting: deque[tuple[int, Future[T]]] = deque()
        total = 0
        places, over = threading.Semaphore(_AT_ONCE), threading.Event()

        def in_place(given: S) -> T:
            with places:
                if over.is_set():
                    raise GivenUp
                return work(given, over.is_set)

        try:
            for given in inputs:
                weight = weigh(given)
                while waiting and not _fits(len(waiting), total + weight, most):
                    done, future = waiting.popleft()
                    yield self.result(future)
                    total -= done
                self.check()
                waiting.append((weight, self.start(partial(in_place, given))))
                total += weight
            for _, future in waiting:
                yield self.result(future)
        finally:
            over.set()


def _fits(waiting: int, weight: int, most: int) -> bool:
    """Whether one more may go ahead beside so many, all of them of ``weight``."""
    return weight <= most and waiting < (_AHEAD if weight <= most // 2 else _AT_ONCE)
