"""The one package that reads the environment. A bad or missing value stops the start by its name.

``docs/settings.md`` documents every variable read here; a test compares the two. Django wants all
settings in one module, hence the stars: they stand here and nowhere else.
"""

from minirag.settings.chat import *  # noqa: F403
from minirag.settings.egress import *  # noqa: F403
from minirag.settings.environment import *  # noqa: F403
from minirag.settings.framework import *  # noqa: F403
from minirag.settings.ingestion import *  # noqa: F403
from minirag.settings.people import *  # noqa: F403
from minirag.settings.requests import *  # noqa: F403
from minirag.settings.services import *  # noqa: F403
