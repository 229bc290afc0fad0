"""The form in which PDF 2.0 takes passwords (RFC 4013)."""

from __future__ import annotations

import stringprep
from unicodedata import ucd_3_2_0


def saslprep(password: str) -> str:
    """``password`` mapped and normalised: soft hyphens go, ``ª`` is an ``a``.

    What the RFC forbids in a new password stays: an old one is only tried.
    """
    mapped = (
        " " if stringprep.in_table_c12(sign) else sign
        for sign in password
        if not stringprep.in_table_b1(sign)
    )
    return ucd_3_2_0.normalize("NFKC", "".join(mapped))
