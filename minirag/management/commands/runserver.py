"""``manage.py runserver``: daphne's, for whoever develops. What runs elsewhere is ``serve``.

Daphne is no installed app: each command and each worker would import a server with it.
"""

from __future__ import annotations

from daphne.management.commands.runserver import Command

__all__ = ["Command"]
