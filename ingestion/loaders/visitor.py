"""How we visit other people's sites: what their robots.txt allows, and not too fast."""

from __future__ import annotations

import time

from django.conf import settings

from ingestion.loaders.addresses import origin_of
from ingestion.loaders.pages import Follow, Known, Page, fetch_page, read_page
from ingestion.loaders.robots import Robots
from minirag.egress import UNREACHABLE, Fetched
from minirag.errors import Invalid, UnreadableSource

# Visits in a row that nobody answered: then the site is down, and each more costs a minute.
_MOST_SILENT = 5


class Visitor:
    """One run's visits. Not for several threads at a time."""

    def __init__(self, password: str = "") -> None:
        self._password = password
        self._robots: dict[str, Robots] = {}
        self._due: dict[str, float] = {}
        self._silent = 0

    def allows(self, url: str) -> bool:
        """Whether robots.txt of the page's origin lets us read it.

        Raises ``UnreadableSource`` where the file itself cannot be had, since then nothing may be
        read there, and ``AddressRefused``.
        """
        return self._rules(url).allows(url)

    def page(self, url: str, key: str, known: Known | None, follow: Follow | None) -> Page:
        """Visit a page that ``allows`` let through, when its turn has come.

        Raises ``UnreadableSource`` where the site has stopped answering.
        """
        if known is not None and known.fresh:
            return Page(key, unchanged=True)
        self._wait(url)
        page = read_page(url, key, known=known, password=self._password, follow=follow)
        silent = page.error is not None and page.error.message == UNREACHABLE
        self._silent = self._silent + 1 if silent else 0
        if self._silent >= _MOST_SILENT:
            raise UnreadableSource("The site does not answer any more.")
        return page

    def file(self, url: str, follow: Follow | None = None) -> Fetched:
        """Visit something that is no document, such as a sitemap. Raises as ``fetch``."""
        self._wait(url)
        try:
            return fetch_page(url, {}, follow)
        except Invalid as error:
            raise UnreadableSource("The address is not valid.") from error

    def _rules(self, url: str) -> Robots:
        origin = origin_of(url)
        if origin not in self._robots:
            self._robots[origin] = self._read_robots(origin)
        return self._robots[origin]

    def _read_robots(self, origin: str) -> Robots:
        answer = self.file(f"{origin}/robots.txt")
        if 400 <= answer.status < 500:
            return Robots()
        if answer.status != 200:
            raise UnreadableSource(
                f"The site's robots.txt answered with status {answer.status}: nothing may be read."
            )
        return Robots(answer.content)

    def _wait(self, url: str) -> None:
        """Until the pause since the last request to this origin is over."""
        origin = origin_of(url)
        now = time.monotonic()
        due = self._due.get(origin, now)
        if due > now:
            time.sleep(due - now)
        self._due[origin] = max(due, now) + self._pause(origin)

    def _pause(self, origin: str) -> float:
        least = float(settings.MINIRAG_CRAWL_DELAY_SECONDS)
        known = self._robots.get(origin)
        asked = known.delay if known is not None else 0.0
        return max(least, min(asked, float(settings.MINIRAG_CRAWL_MAX_DELAY_SECONDS)))
