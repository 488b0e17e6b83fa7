"""May they: whether a publisher may publish these events, by the operator's policy and by Altinn Authorization."""

from collections.abc import Sequence

from events_publish.envelope import Event
from events_publish.pdp import Pdp
from events_publish.problem import PublishForbidden
from events_publish.publish_policy import Policy
from events_publish.publisher import Publisher

ADMIN_SCOPE = "altinn:events.publish.admin"
"""Who holds it, beside the scope to publish with, is not asked about at Altinn Authorization."""


async def authorise(
    publisher: Publisher, events: Sequence[Event], *, policy: Policy | None, pdp: Pdp | None, deadline: float
) -> None:
    """Return when `publisher` may publish all of `events`; what is None permits. `deadline` on the running loop's clock.

    Raises:
        PublishForbidden: it may not publish one of them.
        PolicyUnavailable: Altinn Authorization cannot be asked.
    """
    refused = [
        index for index, event in enumerate(events) if policy and not policy.permits(publisher, event.attributes)
    ]
    if not refused and pdp and ADMIN_SCOPE not in publisher.scopes:
        refused = await pdp.refused(publisher, events, deadline=deadline)
    if refused:
        resources = {index: str(events[index].attributes["resource"]) for index in refused}
        raise PublishForbidden(publisher.name, resources, of=len(events))
