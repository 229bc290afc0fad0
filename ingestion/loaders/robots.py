"""robots.txt as crawlers read it (RFC 9309), within limits of its own."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from protego import Protego

AGENT = "MiniRAG"
# What is read of a file; the rest is as if it were not there.
MAX_BYTES = 512 * 1024
_MAX_LINES = 20_000
_AGENT_LINE = re.compile(r"\s*user[-\s]*agent\b\s*:?\s*([^#]*)", re.IGNORECASE)


class Robots:
    """What one robots.txt says to us."""

    def __init__(self, content: bytes = b"") -> None:
        text = content[:MAX_BYTES].decode("utf-8", "replace").removeprefix("\ufeff")
        if len(content) > MAX_BYTES:
            text = text[: text.rfind("\n") + 1]  # a rule cut in two would say something else
        self._rules = Protego.parse("\n".join(_ours(text)))

    def allows(self, url: str) -> bool:
        return bool(self._rules.can_fetch(url, AGENT))

    @property
    def delay(self) -> float:
        """Seconds it asks us to wait between two requests; 0 where it does not."""
        asked = self._rules.crawl_delay(AGENT)
        return asked if asked is not None and math.isfinite(asked) and asked > 0 else 0.0


def _ours(text: str) -> Iterator[str]:
    """The lines, with all agents that are not ours under one name.

    A rule is kept for each agent named above it, so thousands of both would take minutes.
    """
    for line in text.splitlines()[:_MAX_LINES]:
        found = _AGENT_LINE.match(line)
        name = found[1].strip().lower() if found else ""
        if found and name != "*" and AGENT.lower() not in name:
            yield "User-agent: somebody-else"
        else:
            yield line
