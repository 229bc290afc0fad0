"""The ASGI application: HTTP by Django, websockets by Channels."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "minirag.settings")
django.setup(set_prefix=False)

# Only now are the apps loaded that the routes import.
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from chat.routing import websocket_urlpatterns  # noqa: E402
from minirag.request_threads import PooledASGIHandler  # noqa: E402

application = ProtocolTypeRouter(
    {"http": PooledASGIHandler(), "websocket": URLRouter(websocket_urlpatterns)}
)
