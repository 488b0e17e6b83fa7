"""Tokens that were verified lately, so that a token costs its signature once and not for each event."""

import hashlib
from typing import NamedTuple

from events_publish.json_web_token import Token
from events_publish.jwk import Key
from events_publish.publisher import Publisher

MAX_TOKENS = 1000
MAX_BYTES = 1_048_576
"""Of the tokens as they came; what is kept of one takes 3 to 32 times that, by what its claims are."""


class Verified(NamedTuple):
    """What a token was found to be."""

    token: Token
    key: Key
    """The very object that vouched for it: that counts for as long as the issuer's key set has it."""
    publisher: Publisher
    size: int
    """Of the token, in bytes."""


class VerifiedTokens:
    """Bounded in number and bytes; the oldest goes first. The tokens themselves are not kept."""

    def __init__(self) -> None:
        self._tokens: dict[bytes, Verified] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._tokens)

    def get(self, digest: bytes) -> Verified | None:
        return self._tokens.get(digest)

    def remember(self, digest: bytes, verified: Verified) -> None:
        """In place of what was known by that digest."""
        self.forget(digest)
        self._tokens[digest] = verified
        self._bytes += verified.size
        while len(self._tokens) > MAX_TOKENS or self._bytes > MAX_BYTES:
            self.forget(next(iter(self._tokens)))

    def forget(self, digest: bytes) -> None:
        forgotten = self._tokens.pop(digest, None)
        if forgotten:
            self._bytes -= forgotten.size


def digest(authorization: str) -> bytes:
    """By which the token of an Authorization header is remembered.

    It cannot be replayed, and to compare it tells nothing of the token.
    """
    return hashlib.sha256(authorization.encode(errors="surrogatepass")).digest()
