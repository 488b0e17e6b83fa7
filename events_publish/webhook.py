"""The handshake of CloudEvents webhooks (HTTP 1.1 Web Hooks §4): may that sender deliver here?

Anybody may ask; each delivery is then judged by its token.
"""

import re
from collections.abc import Mapping


def consent(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that consent to deliveries, for those of a request by lower-case name; none for no handshake."""
    origin = headers.get("webhook-request-origin", "")
    if not _ORIGIN(origin):
        return {}
    rate = headers.get("webhook-request-rate", "")
    return {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": rate if _RATE(rate) else "*"}


_ORIGIN = re.compile(r"[!-)+\--~]{1,255}").fullmatch  # one name: no comma, and no * for all
_RATE = re.compile(r"[1-9][0-9]{0,8}").fullmatch  # requests per minute
