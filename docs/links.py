"""python -m docs.links output.json: which pages elsewhere are gone, of those that Sphinx's linkcheck has asked.

A host that is down, slow or shuts out programs may be well for its readers: it is told, and is no fault.
"""

import json
import re
import sys
from pathlib import Path


def main(output: Path) -> int:
    """Tell of each page that did not answer well; 1 when one of them says that it is not there any more, or none answers."""
    asked = [json.loads(line) for line in output.read_text().splitlines()]
    troubled = [link for link in asked if link["status"] in ("broken", "timeout")]
    gone = [link for link in troubled if re.match(r"(404|410) ", link["info"])]
    for link in troubled:
        verdict = "is gone" if link in gone else f"did not answer well ({link['info']:.100})"
        print(f"{link['filename']}:{link['lineno']}: {link['uri']} {verdict}")  # noqa: T201
    answered = sum(link["status"] == "working" for link in asked)
    print(f"{len(asked)} links, {answered} answered well, {len(gone)} are gone")  # noqa: T201
    return 1 if gone or not answered else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
