"""URLs of services that are trusted: https, so that no one on the way can read or change what is said."""

import re
from urllib.parse import urlsplit


def parse(text: str, *, query: bool = False) -> str:
    """An absolute URL with https, or with http on loopback, as it came; `query`: it may have one.

    Raises:
        ValueError: it is another, or has a fragment or a user.
    """
    parts = urlsplit(text)
    schemes = ("https", "http") if parts.hostname in ("127.0.0.1", "::1", "localhost") else ("https",)
    if not re.fullmatch(r"[!-~]+", text) or not parts.hostname or parts.scheme not in schemes or parts.port == 0:
        raise ValueError("it is no https:// URL")
    if (parts.query and not query) or parts.fragment or parts.username is not None:
        raise ValueError("it has a query, a fragment or a user")
    return text
