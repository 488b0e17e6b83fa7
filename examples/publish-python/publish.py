"""Publish CloudEvents: python publish.py FILE…, each with an event as JSON, or an array of them, which goes as a batch.

`Publisher` is for your own code. Exit code 0: all are on the queue. 1: some are not, and it says why. 75: some got no
good answer in time. They may be on the queue or not, so send the same files again later.
"""

import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import to_structured
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from jwt import PyJWTError
from maskinporten import AccessToken

JSON = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


class Refused(Exception):
    """It will be refused as often as it is sent: put right what this says."""


class Unavailable(Exception):
    """There was no good answer in time. The events may be on the queue or not: send the same ones again later."""


class Publisher:
    """Publishes events, and sends again what may not have arrived; `patience` is how many seconds that may take."""

    def __init__(self, client: httpx.Client, url: str, patience: float = 300) -> None:
        self._client, self._url, self._patience = client, url, patience

    def publish(self, *events: BaseCloudEvent) -> None:
        """Have one event, or a batch of them, on the queue.

        Raises:
            Refused: they are not, and will not be as they are.
            Unavailable: they may be or not, so send the same ones again, with the same id and source.
        """
        waiting = [to_structured(event, JSONFormat()).body for event in events]
        deadline = time.monotonic() + self._patience
        pause, errors = 1.0, 0
        while (answer := self._send(waiting)).status_code != 200:
            errors += answer.status_code == 500
            if answer.status_code != 503 and (answer.status_code != 500 or errors > 1):
                raise Refused(_explain(answer))
            waiting = [waiting[index] for index in _problem(answer).get("notEnqueued", range(len(waiting)))]
            # As long as it says, and by chance longer each time, for all publishers would come back at once.
            wait = _retry_after(answer) + random.uniform(0, pause)
            if time.monotonic() + wait > deadline:
                why = f"no good answer within {self._patience:g} s, at last {_explain(answer)}"
                raise Unavailable(f"{why}; send it again later")
            time.sleep(wait)
            pause = min(2 * pause, 60)

    def _send(self, events: list[bytes]) -> httpx.Response:
        body, content_type = (events[0], JSON) if len(events) == 1 else (b"[" + b",".join(events) + b"]", BATCH)
        try:
            return self._client.post(self._url, content=body, headers={"Content-Type": content_type})
        except httpx.HTTPStatusError as error:  # of the issuer
            if error.response.is_client_error:
                raise Refused(
                    f"The issuer gives no token: {error.response.status_code} {error.response.text}"
                ) from error
            return httpx.Response(503, text="of the issuer")
        except httpx.UnsupportedProtocol as error:
            raise Refused(f"{self._url} is no URL: {error}") from error
        except httpx.TransportError as error:  # no answer counts as a 503 that does not say for how long
            return httpx.Response(503, text=f"for want of an answer ({error})")


def _problem(answer: httpx.Response) -> dict[str, Any]:
    is_problem = answer.headers.get("Content-Type", "").startswith("application/problem+json")
    return answer.json() if is_problem else {}


def _explain(answer: httpx.Response) -> str:
    problem = _problem(answer)
    errors = [f"  {member}: {' '.join(what)}" for member, what in problem.get("errors", {}).items()]
    return "\n".join([f"{answer.status_code} {problem.get('detail', answer.text)}", *errors])


def _retry_after(answer: httpx.Response) -> int:
    seconds = answer.headers.get("Retry-After", "")
    return int(seconds) if seconds.isdecimal() else 0


def _read(file: str) -> list[BaseCloudEvent]:
    found = json.loads(Path(file).read_text(encoding="utf-8"))
    events = found if isinstance(found, list) else [found]
    if not all(isinstance(event, dict) and event.get("id") for event in events):
        # The SDK would make one up, and another one when the file is sent again.
        raise ValueError("An event must be a JSON object with an id.")
    return [JSONFormat().read(None, json.dumps(event)) for event in events]


def _token() -> AccessToken:
    file = Path(os.environ.get("KEY_FILE", "../../.local/client-key.json"))
    try:
        key = json.loads(file.read_text(encoding="utf-8"))
        issuer = os.environ.get("ISSUER", "http://127.0.0.1:7072/")  # of Maskinporten: https://maskinporten.no/
        client_id = os.environ.get("CLIENT_ID", "local-client")
        return AccessToken(issuer, client_id, key, os.environ.get("SCOPE", "altinn:events.publish"))
    except (OSError, ValueError, PyJWTError) as error:
        sys.exit(f"{file} is no JWK: {error}")


def main(files: list[str]) -> int:
    code = 0
    with httpx.Client(auth=_token(), timeout=30) as client:
        url = os.environ.get("EVENTS_URL", "http://127.0.0.1:7071/events/api/v1/events")
        publisher = Publisher(client, url, float(os.environ.get("PATIENCE", "300")))
        for file in files:
            try:
                publisher.publish(*_read(file))
                print(f"{file}: published")
            except Unavailable as unavailable:
                print(f"{file}: {unavailable}, and what comes after it", file=sys.stderr)
                return 75
            except (Refused, OSError, ValueError, CloudEventValidationError) as error:
                print(f"{file}: {error}", file=sys.stderr)
                code = 1
    return code


if __name__ == "__main__":
    if not sys.argv[1:]:
        print("python publish.py FILE…: which files?", file=sys.stderr)
        sys.exit(2)
    sys.exit(main(sys.argv[1:]))
