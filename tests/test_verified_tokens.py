"""The memory of verified tokens is bounded."""

import pytest

from events_publish import verified_tokens
from events_publish.json_web_token import Token
from events_publish.publisher import publisher_of
from events_publish.verified_tokens import Verified, VerifiedTokens, digest


def verified(size: int = 1000) -> Verified:
    return Verified(Token("RS256", "k", "i", {}), {}, publisher_of({}), size)


def test_the_oldest_goes_first() -> None:
    tokens = VerifiedTokens()
    for number in range(verified_tokens.MAX_TOKENS + 1):
        tokens.remember(digest(str(number)), verified())
    assert len(tokens) == verified_tokens.MAX_TOKENS
    assert tokens.get(digest("0")) is None
    assert tokens.get(digest("1")) == tokens.get(digest(str(verified_tokens.MAX_TOKENS))) == verified()


def test_bytes_are_bounded_too() -> None:
    tokens = VerifiedTokens()
    for number in range(1000):
        tokens.remember(digest(str(number)), verified(16_384))
    assert len(tokens) == verified_tokens.MAX_BYTES // 16_384


@pytest.mark.parametrize("times", [1, 100])
def test_what_is_replaced_or_forgotten_counts_no_more(times: int) -> None:
    tokens = VerifiedTokens()
    for _ in range(times):
        tokens.remember(digest("a"), verified(16_384))
        tokens.forget(digest("b"))
    tokens.forget(digest("a"))
    assert len(tokens) == tokens._bytes == 0


def test_the_token_is_not_kept() -> None:
    assert len(digest("header.claims.signature")) == 32
