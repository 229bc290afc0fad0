"""Whether vectors belong where they are going."""

from __future__ import annotations

from minirag.errors import ProviderMisconfigured
from minirag.types import VectorSpace


def check_dimensions(space: VectorSpace, found: int) -> None:
    """Raises ``ProviderMisconfigured``: vectors of another length belong to another index."""
    if found != space.dimensions:
        raise ProviderMisconfigured(
            f"The embedding model gave {found} dimensions; the index has {space.dimensions}."
        )
