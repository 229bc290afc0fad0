"""A model string and its credentials, ready to be called."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from minirag.errors import Invalid, ProviderMisconfigured
from minirag.providers import catalog
from minirag.providers.catalog import Kind, ModelRef, Via
from minirag.providers.litellm_adapter import vendor
from minirag.types import Credentials


@dataclass(frozen=True, slots=True)
class Target:
    """Where a call goes. The key stays out of the repr."""

    ref: ModelRef
    via: Via | None
    api_base: str
    api_version: str
    organization: str | None
    api_key: str = field(repr=False)

    @property
    def guarded(self) -> bool:
        """Whether our HTTP client carries the call; only then there is a wire to watch."""
        return self.via is not None

    def arguments(self, client: Any) -> dict[str, Any]:
        """What every litellm call gets; a dict because it becomes keyword arguments."""
        arguments = {
            "model": self.ref.full,
            # Always given: litellm reads the process's environment for what is missing.
            "api_key": self.api_key or None,
            "max_retries": 0,
            "drop_params": True,
            "no-log": True,
        }
        if client is not None:
            arguments |= {"client": client, "api_base": self.api_base}
        if self.ref.provider_name == "azure":
            arguments["api_version"] = self.api_version
        if self.organization is not None:
            arguments["organization"] = self.organization
        return arguments


def resolve(model: str, credentials: Credentials, kind: Kind) -> Target:
    """Check everything that can be checked before the call. Raises ``ProviderMisconfigured``."""
    try:
        ref = catalog.parse_model(model, kind)
        catalog.validate_credentials(model, credentials.values, kind)
    except Invalid as error:
        words = [text for texts in (error.fields or {}).values() for text in texts]
        raise ProviderMisconfigured(" ".join(words) or error.message) from None
    values = credentials.values
    provider = ref.provider
    if lacking := catalog.lacking_credential(model, values, kind):
        raise ProviderMisconfigured(f"This model needs an {lacking} in the credentials.")
    base = values.get("api_base") or (provider and provider.api_base) or ""
    key = values.get("api_key") or (vendor.NO_KEY if provider else "")
    return Target(
        ref=ref,
        via=getattr(provider, kind) if provider else None,
        api_base=base.rstrip("/"),
        api_version=values.get("api_version", vendor.AZURE_API_VERSION),
        organization=values.get("organization"),
        api_key=key,
    )
