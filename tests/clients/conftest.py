"""What the tests of real clients share."""

import os

import pytest


@pytest.fixture(scope="session")
def dotnet_reader() -> str:
    """A program that reads as a consumer with the .NET SDK does, see `sdks.dotnet`."""
    reader = os.environ.get("DOTNET_READER")
    if not reader:
        pytest.skip("DOTNET_READER names no program that reads events with CloudNative.CloudEvents")
    return reader
