"""Asking through the embedded server that runs from this folder: it alone holds the store."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone

from bots.models import BotProfile
from chat.events import Event, EventName
from minirag.errors import Unavailable
from minirag.server_lock import ServerInfo
from tenants.context import AuthContext
from tenants.models import ApiToken
from tenants.scope import tenant_scope
from tenants.services.api_tokens import create_api_token, revoke_api_token

_SILENCE_SECONDS = 60.0


def ask_server(
    server: ServerInfo, auth: AuthContext, bot: BotProfile, question: str
) -> Iterator[Event]:
    """The events of an answer, from the server's own API. Raises ``Unavailable``."""
    address = urlsplit(server["base_url"])
    if not address.hostname:
        raise Unavailable(f"Process {server['pid']} holds this folder and is still starting.")
    body = {"bot_profile_id": str(bot.pk), "message": question, "stream": True}
    with _token(auth) as token:
        connection = http.client.HTTPConnection(
            address.hostname, address.port, timeout=_SILENCE_SECONDS
        )
        try:
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            connection.request("POST", "/v1/chat", json.dumps(body), headers)
            yield from _events(connection.getresponse())
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(
                f"Process {server['pid']} holds the store but does not answer at "
                f"{server['base_url']}: stop it, or ask there."
            ) from error
        finally:
            connection.close()


@contextmanager
def _token(auth: AuthContext) -> Iterator[str]:
    """A credential for this one question."""
    ends = timezone.now() + timedelta(minutes=15)
    with tenant_scope(auth.tenant_id):
        made = create_api_token(auth, name="manage.py ask", scopes=["chat"], expires_at=ends)
        row: Any = ApiToken.objects.get(pk=made.row.pk)
    try:
        yield made.raw
    finally:
        with tenant_scope(auth.tenant_id):
            revoke_api_token(auth, row)


def _events(response: http.client.HTTPResponse) -> Iterator[Event]:
    if response.status != 200:
        error = json.loads(response.read())["error"]
        yield Event(EventName.ERROR, error)
        return
    name = ""
    for raw in response:
        line = raw.decode().rstrip("\n")
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield Event(EventName(name), json.loads(line.removeprefix("data: ")))
