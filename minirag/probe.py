"""A health probe for containers that hold no curl: ``python -m minirag.probe URL``.

Exits with 0 when the URL answers 200.
"""

from __future__ import annotations

import http.client
import sys
from urllib.parse import urlsplit


def main(url: str) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=4)
    try:
        connection.request("GET", parts.path or "/")
        return 0 if connection.getresponse().status == 200 else 1
    except OSError:
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
