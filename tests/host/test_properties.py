"""What holds for every event of the grammar, through the real host; and for every one with a single fault."""

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events_publish import content
from tests import grammar, rules
from tests.conftest import Publish, problem
from tests.grammar import Event
from tests.headers import canonical, encoded
from tests.storage import Queue

pytestmark = pytest.mark.property

through_host = settings(
    max_examples=max(25, settings().max_examples // 10),  # each costs some 20 ms
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],  # the queue is empty again
)

STRUCTURED = {"Content-Type": content.STRUCTURED}
BATCH = {"Content-Type": content.BATCH}

DATA = ("data", "data_base64", "datacontenttype")

written = grammar.events().flatmap(grammar.json_texts)
space = st.text(" \t\r\n", max_size=3).map(str.encode)


@through_host
@given(body=written)
def test_a_valid_event_lands_byte_for_byte(publish: Publish, queue: Queue, body: bytes) -> None:
    assert publish.send(body, STRUCTURED).status_code == 200
    assert queue.take() == [body]


@through_host
@given(bodies=st.lists(written, max_size=12), spaces=st.lists(space, min_size=3, max_size=3))
def test_so_does_each_of_a_batch(publish: Publish, queue: Queue, bodies: list[bytes], spaces: list[bytes]) -> None:
    first, between, last = spaces
    body = first + b"[" + between + (between + b"," + last).join(bodies) + last + b"]" + first
    assert publish.send(body, BATCH).status_code == 200
    assert sorted(queue.take()) == sorted(bodies)


typed_data = st.one_of(
    st.tuples(st.sampled_from(["application/json", "a/b+JSON;c=d"]), grammar.json_values),
    st.tuples(st.sampled_from(["text/plain", "Text/XML; charset=UTF-8"]), st.text(min_size=1, max_size=20)),
    st.tuples(st.sampled_from(["image/png", "text/plain; charset=latin1"]), st.binary(min_size=1, max_size=30)),
)


@through_host
@given(event=grammar.events(nulls=False), data=typed_data | st.none(), needless=st.text("abc/:."))
def test_in_binary_mode_it_means_the_same(
    publish: Publish, queue: Queue, event: Event, data: tuple[str, Any] | None, needless: str
) -> None:
    """Attributes are what they were, as strings; data is the JSON, text or bytes of the body."""
    expected = {name: canonical(value) for name, value in event.items() if name not in DATA}
    headers = {f"ce-{name}": encoded(value, needless) for name, value in expected.items()}
    body = b""
    if data:
        headers["Content-Type"] = expected["datacontenttype"] = data[0]
        is_json = "json" in data[0].lower()
        body = data[1] if isinstance(data[1], bytes) else (json.dumps(data[1]) if is_json else data[1]).encode()
        if isinstance(data[1], bytes):
            expected["data_base64"] = base64.b64encode(body).decode()
        else:
            expected["data"] = data[1]
    assert publish.send(body, headers).status_code == 200
    assert [json.loads(message) for message in queue.take()] == [expected]


@through_host
@given(event=grammar.events(), fault=grammar.faults)
def test_a_single_fault_is_named(publish: Publish, queue: Queue, event: Event, fault: tuple[str, object]) -> None:
    name, value = fault
    response = publish.send(json.dumps({**event, name: value}).encode(), STRUCTURED)
    assert problem(response, 400, "invalid-event")["errors"].keys() == {name}
    assert queue.take() == []


@through_host
@given(events=st.lists(grammar.events(), min_size=1, max_size=5), fault=grammar.faults, at=st.integers(0, 4))
def test_a_single_fault_in_a_batch_is_named(
    publish: Publish, queue: Queue, events: list[Event], fault: tuple[str, object], at: int
) -> None:
    """And none of the batch is queued."""
    index = at % len(events)
    events[index] = {**events[index], fault[0]: fault[1]}
    response = publish.send(json.dumps(events).encode(), BATCH)
    assert problem(response, 400, "invalid-event")["errors"].keys() == {f"[{index}].{fault[0]}"}
    assert queue.take() == []


@through_host
@given(event=grammar.events(), data=st.data())
def test_a_member_that_is_there_twice_is_named(
    publish: Publish, queue: Queue, event: Event, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(event)))
    spelt = "".join(f"\\u{ord(char):04x}" if data.draw(st.booleans()) else char for char in name)
    body = json.dumps(event).encode()[:-1] + f', "{spelt}": {json.dumps(event[name])}}}'.encode()
    assert problem(publish.send(body, STRUCTURED), 400, "invalid-event")["errors"].keys() == {name}
    assert queue.take() == []


@through_host
@given(event=grammar.events(), name=st.text(min_size=1, max_size=20).filter(lambda name: not grammar.is_name(name)))
def test_a_name_that_is_none_is_named(publish: Publish, queue: Queue, event: Event, name: str) -> None:
    response = publish.send(json.dumps({**event, name: "x"}).encode(), STRUCTURED)
    assert problem(response, 400, "invalid-event")["errors"].keys() == {rules.named(name)}
    assert queue.take() == []


in_header = sorted(grammar.FAULTY.keys() - set(DATA))


@through_host
@given(
    event=grammar.events(nulls=False),
    fault=st.sampled_from(in_header).flatmap(
        lambda name: st.tuples(st.just(name), grammar.FAULTY[name].filter(lambda value: isinstance(value, str)))
    ),
)
def test_a_single_fault_in_binary_mode_is_named(
    publish: Publish, queue: Queue, event: Event, fault: tuple[str, str]
) -> None:
    attributes = {name: canonical(value) for name, value in {**event, fault[0]: fault[1]}.items() if name not in DATA}
    response = publish.send(b"", {f"ce-{name}": encoded(value) for name, value in attributes.items()})
    assert problem(response, 400, "invalid-event")["errors"].keys() == {fault[0]}
    assert queue.take() == []
