"""``manage.py demo``, as ``make demo`` calls it: a demo tenant, its documents, and the server."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from ingestion.parsing import sandbox
from minirag import embedded, gates
from minirag.demo.following import follow
from minirag.demo.manifest import BOT_NAME
from minirag.demo.setup import bring_up_to_date, prepare
from minirag.demo.state import DemoState, announce
from minirag.errors import MiniRAGError
from minirag.memory import give_back, settle
from minirag.server_lock import running_server


class Command(BaseCommand):
    help = "Serve a demo tenant with a document set, credentials printed. For development only."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEVELOPMENT:
            raise CommandError("The demo prints credentials; it needs MINIRAG_ENV=development.")
        if running := running_server():
            raise CommandError(
                f"A server already runs from this folder: {running['base_url']} "
                f"(process {running['pid']})."
            )
        call_command("migrate", interactive=False, verbosity=0)
        host, port = options["host"], options["port"]
        state = prepare(embedded.base_url(host, port))
        gates.hold("demo", "the demo's documents are being read")
        embedded.serve(host, port, lambda: self._ingest_beside(state))

    def _ingest_beside(self, state: DemoState) -> None:
        threading.Thread(target=self._ingest, args=(state,), name="demo", daemon=True).start()

    def _ingest(self, state: DemoState) -> None:
        """Outermost edge of the demo's thread: a failure is shown, and the server stays up."""
        try:
            waiting = bring_up_to_date(state)
            if waiting:
                self.stdout.write("Reading the demo's documents:")
            follow(UUID(state["tenant_id"]), waiting, self.stdout.write)
        except MiniRAGError as error:
            self.stderr.write(f"The demo's documents could not be read: {error.message}")
        else:
            sandbox.close()  # all is read: its process and what reading took go back at once
            settle()
            give_back()
            announce(state)
            gates.release("demo")
            self._greet(state)
        finally:
            connection.close()

    def _greet(self, state: DemoState) -> None:
        url = state["base_url"]
        lines = [
            "",
            f"MiniRAG is ready: {url}/",
            f"  Chat      {url}/chat/{state['widget_public_id']}/  ({BOT_NAME})",
            f"  Console   {url}/console/  {_login(state['operator'])}",
            f"  Admin     {url}/admin/  {_login(state['platform_admin'])}",
            f"  API       {url}/v1/docs  token {state['api_token']}",
            f"  All of it {settings.MINIRAG_DATA_DIR / 'demo.json'}",
            "Ctrl-C ends it.",
        ]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()


def _login(account: Any) -> str:
    return f"{account['email']}  {account['password']}"
