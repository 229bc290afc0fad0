"""The Celery application: ``celery -A minirag.celery worker`` and ``… beat``.

Tasks carry no tenant and open their scopes themselves; the job rows say what there is to do.
"""

from __future__ import annotations

import os

from celery import Celery
from celery.signals import worker_init
from django.conf import settings

from minirag.memory import settle

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "minirag.settings")

app = Celery("minirag")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Tasks of any thread are sent by this application, not by Celery's bare default one.
app.set_default()
app.conf.beat_schedule = {
    "sweep": {
        "task": "ingestion.sweep",
        "schedule": settings.MINIRAG_SWEEP_SECONDS,
        # A sweep that nobody ran in time is done by the next one.
        "options": {"expires": settings.MINIRAG_SWEEP_SECONDS * 5},
    },
    "keep-house": {
        "task": "ingestion.keep_house",
        "schedule": settings.MINIRAG_HOUSEKEEPING_SECONDS,
        "options": {"expires": settings.MINIRAG_HOUSEKEEPING_SECONDS},
    },
    "sweep-chats": {
        "task": "chat.sweep",
        "schedule": float(settings.MINIRAG_CHAT_LEASE_SECONDS),
        "options": {"expires": float(settings.MINIRAG_CHAT_LEASE_SECONDS)},
    },
}


@worker_init.connect  # type: ignore[untyped-decorator]
def _before_work(**_: object) -> None:
    """What is loaded by now stays in every process of the pool, shared with this one."""
    settle()
