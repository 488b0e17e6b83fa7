"""The claim check: data that no message holds, and the event that is left."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events_publish import claim_check
from events_publish.claim_check import MESSAGE_BYTES, REFERENCE_BYTES, NotDivisible

URL = "https://account.blob.core.windows.net/events-payloads/1310bbc7-c4d5-4608-9665-6ab6b81634a1"
LARGE = "x" * MESSAGE_BYTES


@pytest.mark.parametrize(
    ("event", "data", "content_type", "message"),
    [
        pytest.param(
            '{"id":"1", "data" : {"a": 1.0 ,"a":[]} ,"z":true}',
            b'{"a": 1.0 ,"a":[]}',
            "application/json",
            '{"id":"1","dataref":"URL","z":true}',
            id="JSON as it came",
        ),
        pytest.param(
            '{"datacontenttype":"a/b+json","data":"ø\\u00f8"}',
            '"ø\\u00f8"'.encode(),
            "a/b+json",
            '{"datacontenttype":"a/b+json","dataref":"URL"}',
            id="a string that is JSON",
        ),
        pytest.param(
            ' {"data":"<ø>\\u00f8\\n", "datacontenttype":"text/xml; charset=utf-8" } ',
            "<ø>ø\n".encode(),
            "text/xml; charset=utf-8",
            '{"dataref":"URL","datacontenttype":"text/xml; charset=utf-8"}',
            id="text",
        ),
        pytest.param(
            '{"data_base64":"AAH/","id":"ø"}',
            b"\x00\x01\xff",
            "application/octet-stream",
            '{"dataref":"URL","id":"ø"}',
            id="bytes",
        ),
        pytest.param(
            '{"\\u0064ata":1,"id":"a"}', b"1", "application/json", '{"dataref":"URL","id":"a"}', id="an escaped name"
        ),
        pytest.param(
            '{"dataref":null,"data":null,"subject":null,"data_base64":"AA=="}',
            b"\x00",
            "application/octet-stream",
            '{"subject":null,"dataref":"URL"}',
            id="null is absent",
        ),
        pytest.param('{"data":false}', b"false", "application/json", '{"dataref":"URL"}', id="alone"),
    ],
)
def test_payload(event: str, data: bytes, content_type: str, message: str) -> None:
    payload = claim_check.payload(event.encode())
    assert (payload.data, payload.content_type) == (data, content_type)
    assert payload.message(URL) == message.replace("URL", URL).encode()


@pytest.mark.parametrize(
    ("event", "name"),
    [
        pytest.param({"data": 1, "dataref": "https://example.no"}, "dataref", id="its own reference"),
        pytest.param({"data": 1, "subject": LARGE}, "$", id="attributes too large"),
        pytest.param({"subject": LARGE}, "$", id="no data"),
        pytest.param({"subject": LARGE, "data": None}, "$", id="null is no data"),
        pytest.param({"data": "", "datacontenttype": f"text/plain; a={LARGE[:1024]}"}, "datacontenttype", id="type"),
    ],
)
def test_what_cannot_travel_without_its_data(event: dict[str, Any], name: str) -> None:
    with pytest.raises(NotDivisible) as refused:
        claim_check.payload(json.dumps(event).encode())
    assert refused.value.name == name
    assert LARGE[:100] not in str(refused.value)


def test_a_message_with_the_longest_reference_fits() -> None:
    """And one byte more of attributes is refused."""
    room = MESSAGE_BYTES - REFERENCE_BYTES - len('"subject":"",')

    def event(length: int) -> bytes:
        return json.dumps({"subject": "x" * length, "data": 1}).encode()

    longest = f"https://{'h' * 292}/events-payloads/1310bbc7-c4d5-4608-9665-6ab6b81634a1"
    at_limit = claim_check.payload(event(room - 1))  # json.dumps writes a space
    assert len(at_limit.message(longest)) <= MESSAGE_BYTES
    with pytest.raises(NotDivisible):
        claim_check.payload(event(room))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=10,
)
SPACE = st.sampled_from(["", " ", "\n\t"])


@pytest.mark.property
@given(
    extensions=st.dictionaries(st.from_regex(r"[a-z0-9]{1,9}", fullmatch=True), st.text() | st.booleans() | st.none()),
    data=JSON.filter(lambda value: value is not None),
    text=st.text(),
    raw=st.binary(),
    space=SPACE,
    position=st.integers(0, 5),
)
def test_nothing_is_lost(
    extensions: dict[str, Any], data: Any, text: str, raw: bytes, space: str, position: int
) -> None:
    """Whatever stands around the data: what lies in the blob is the data, and the message is the rest."""
    reserved = ("data", "data_base64", "datacontenttype", "dataref")
    rest = {name: value for name, value in extensions.items() if name not in reserved}
    encoded = base64.b64encode(raw).decode()
    for members, stored in (
        ({"data": data}, json.dumps(data).encode()),
        ({"data": text, "datacontenttype": "text/plain"}, text.encode()),
        ({"data_base64": encoded}, raw),
    ):
        items = [*rest.items()]
        items[position:position] = members.items()
        written = f",{space}".join(f"{json.dumps(name)}{space}:{json.dumps(value)}" for name, value in items)
        payload = claim_check.payload(f"{space}{{{space}{written}{space}}}{space}".encode())
        assert payload.data == stored
        kept = {name: value for name, value in items if name not in ("data", "data_base64")}
        assert json.loads(payload.message(URL)) == {**kept, "dataref": URL}
