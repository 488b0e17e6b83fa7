"""Writes anew what infra/ would deploy, as the Bicep compiler predicts it: `make snapshots`."""

import json
import shutil
import subprocess
import sys

from tests.infra.deployment import PARAMETERS, SNAPSHOT_OPTIONS, snapshot_of

if shutil.which("bicep") is None:
    sys.exit("The Bicep compiler is not on the PATH (https://aka.ms/bicep-install).")
for parameters in PARAMETERS.values():
    if subprocess.run(["bicep", "snapshot", parameters, *SNAPSHOT_OPTIONS], check=False).returncode:
        sys.exit(1)
    snapshot = snapshot_of(parameters)
    # Sorted: the compiler's order is another each time.
    snapshot.write_text(json.dumps(json.loads(snapshot.read_text()), sort_keys=True, indent=2) + "\n")
