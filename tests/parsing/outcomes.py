"""How a hostile document may end, and what must hold after each."""

from __future__ import annotations

import time
from pathlib import Path

from ingestion.parsing.limits import Limits
from ingestion.parsing.sandbox import Sandbox
from minirag.errors import UnreadableSource
from minirag.types import ParsedDocument, RawDocument

# What is promised, and what a document after a bomb may wait.
SECONDS, MEMORY, PROMPT = 30, 512 << 20, 5.0


def outcome(sandbox: Sandbox, raw: RawDocument) -> ParsedDocument | str:
    """Parsed, or the words of the refusal; whatever else happens fails the test."""
    zygote, began = sandbox.pid, time.monotonic()
    found: ParsedDocument | str
    try:
        found = sandbox.parse(raw, Limits())
    except UnreadableSource as error:
        found = error.message
    assert time.monotonic() - began < SECONDS + 6  # the grace for the end itself included
    assert sandbox.pid == zygote, "the zygote did not survive"
    assert not Path(f"/proc/{zygote}/task/{zygote}/children").read_text(), "a child is left"
    began = time.monotonic()
    assert sandbox.parse(RawDocument("next.txt", b"next", ""), Limits()).text == "next"
    assert time.monotonic() - began < PROMPT
    return found
