"""First start on a fresh machine: secrets of its own for this data folder, once, mode 600.

Runs before Django (which refuses to start without secrets): ``python -m minirag.firstrun``.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path


def ensure_env(data_dir: Path) -> bool:
    """Write ``env`` into the folder unless it is there. Returns whether it was written."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = data_dir / "env"
    if path.exists():
        return False
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    lines = (
        "# Made by `make demo`. Without these two secrets the stored credentials are lost.",
        "MINIRAG_ENV=development",
        f"SECRET_KEY={secrets.token_urlsafe(48)}",
        f"MINIRAG_ENCRYPTION_KEYS={key}",
        "# Wide limits: a demo is tried out by scripts. Production has its own defaults.",
        "MINIRAG_RATE_API=6000",
        "MINIRAG_RATE_CHAT=1200",
        "MINIRAG_RATE_WIDGET=300",
        "MINIRAG_MAX_STREAMS=200",
    )
    # Complete before it has its name: a start killed here must not leave half a secret.
    draft = path.with_name(f"env.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write("\n".join(lines) + "\n")
    draft.rename(path)
    return True


def main() -> None:
    root = Path(__file__).resolve().parent.parent
    folder = Path(os.environ.get("MINIRAG_DATA_DIR") or root / "var")
    if ensure_env(folder):
        sys.stdout.write(f"New secrets for this folder: {folder / 'env'}\n")


if __name__ == "__main__":
    main()
