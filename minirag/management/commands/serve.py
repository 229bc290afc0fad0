"""``manage.py serve``: the embedded server (or, with ``REDIS_URL``, one web process)."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from minirag import embedded


class Command(BaseCommand):
    help = "Serve MiniRAG: one process with web, worker, scheduler and store."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        embedded.require_migrated()
        embedded.serve(
            host, port, lambda: self.stdout.write(f"Serving on {embedded.base_url(host, port)}")
        )
