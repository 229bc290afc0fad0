"""Database connections that are given back while their thread waits for somebody else."""

from __future__ import annotations

from django.db import connections


def release_connections() -> None:
    """Give this thread's connections back, unless a transaction is open on them."""
    for connection in connections.all(initialized_only=True):
        # SQLite has no pool to give back to, and closing its last connection writes a checkpoint.
        if connection.vendor != "sqlite" and not connection.in_atomic_block:
            connection.close()
