"""May they: whether a publisher may publish these events."""

from events_publish.access_token import Publisher
from events_publish.envelope import Event


async def authorise(publisher: Publisher, events: tuple[Event, ...]) -> None:
    """Return when `publisher` may publish `events`: whoever holds the publish scope may publish everything."""
