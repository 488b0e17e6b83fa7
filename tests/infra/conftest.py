"""The Bicep compiler, and what it predicts."""

import os
import shutil
import subprocess
from collections.abc import Callable

import pytest

from tests.infra.deployment import PARAMETERS, Deployment

type Bicep = Callable[..., str]


@pytest.fixture(scope="session")
def bicep() -> Bicep:
    """Runs the compiler and returns what it writes; it may warn of nothing."""
    if shutil.which("bicep") is None:
        assert "CI" not in os.environ, "CI must have the Bicep compiler on the PATH"
        pytest.skip("the Bicep compiler is not on the PATH (https://aka.ms/bicep-install)")

    def run(command: str, *arguments: object) -> str:
        done = subprocess.run(["bicep", command, *map(str, arguments)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return run


@pytest.fixture(scope="session", params=list(PARAMETERS))
def deployment(request: pytest.FixtureRequest) -> Deployment:
    return Deployment(request.param)


@pytest.fixture(scope="session")
def private() -> Deployment:
    """The one that has all that is optional."""
    return Deployment("prod-private")
