"""Any provider's chat and embedding models, through litellm and the egress guard."""

from minirag.providers.litellm_adapter.chat import LiteLLMChatModel
from minirag.providers.litellm_adapter.embedding import LiteLLMEmbedder
from minirag.providers.litellm_adapter.vendor import litellm as import_vendor

__all__ = ["LiteLLMChatModel", "LiteLLMEmbedder", "import_vendor"]
