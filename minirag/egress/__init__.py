"""The one way out of the house, for everything a tenant can name (URLs, ``api_base``).

Resolve once, judge every answer, connect to the judged address, compare the peer, and again for
each redirect. No environment proxies, no unasked compression, no connection kept between tenants.
"""

from minirag.egress.addresses import embedded_ipv4, is_public
from minirag.egress.allow import Allowance, Use, parse_allow
from minirag.egress.clients import async_client, client
from minirag.egress.fetching import NOT_FOLLOWED, UNREACHABLE, Fetched, fetch
from minirag.egress.guard import check_url

__all__ = [
    "NOT_FOLLOWED",
    "UNREACHABLE",
    "Allowance",
    "Fetched",
    "Use",
    "async_client",
    "check_url",
    "client",
    "embedded_ipv4",
    "fetch",
    "is_public",
    "parse_allow",
]
