"""What OpenAPI cannot say, for schemathesis."""

from typing import Any

import schemathesis

from tests.headers import encoded


@schemathesis.hook
def before_call(_context: Any, _case: Any, kwargs: Any) -> None:
    """Encode attributes at the last moment: the case keeps them as they are, to be judged by."""
    kwargs["auth"] = _encode  # requests lets it change anything of a request that is ready to go


def _encode(request: Any) -> Any:
    for name, value in request.headers.items():
        if name.startswith("ce-"):
            request.headers[name] = encoded(value)
    return request


@schemathesis.hook
def filter_body(_context: Any, body: Any) -> bool:
    """To JSON Schema 1.0 is an integer; to CloudEvents it is none (JSON format §2.2)."""
    events = [event for event in (body if isinstance(body, list) else [body]) if isinstance(event, dict)]
    values = [value for event in events for name, value in event.items() if name != "data"]
    return not any(isinstance(value, float) and value.is_integer() for value in values)
