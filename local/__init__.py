"""The laptop: Azurite, a token issuer and a host for the function app. Never deployed."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
"""The checkout."""

FOLDER = ROOT / ".local"
"""Where data, keys and state lie, unless another is named."""


class Failure(Exception):
    """Something the person at the keyboard can put right: its text is the one line they see, exit code 1."""
