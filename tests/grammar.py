"""Strategies for events by the grammar of the specifications, written apart from the rules that they test."""

import base64
import json
import string
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

type Event = dict[str, Any]

NONCHARACTERS = [*range(0xFDD0, 0xFDF0), *(plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF))]

# CloudEvents §2.2, String.
characters = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="".join(map(chr, NONCHARACTERS)))
text = st.text(characters, min_size=1, max_size=40)

# RFC 3986, appendix A.
unreserved = string.ascii_letters + string.digits + "-._~"
sub_delims = "!$&'()*+,;="
escaped = st.integers(0, 255).flatmap(lambda byte: st.sampled_from([f"%{byte:02x}", f"%{byte:02X}"]))


def joined(alphabet: str, *, min_size: int = 0) -> SearchStrategy[str]:
    """Characters of an alphabet and percent-encoded ones."""
    return st.lists(st.sampled_from(alphabet) | escaped, min_size=min_size, max_size=8).map("".join)


segment = joined(unreserved + sub_delims + ":@")
segment_nz = joined(unreserved + sub_delims + ":@", min_size=1)
segment_nz_nc = joined(unreserved + sub_delims + "@", min_size=1)
path_abempty = st.lists(segment.map("/".__add__), max_size=4).map("".join)
host = st.one_of(
    joined(unreserved + sub_delims),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
    st.ip_addresses(v=6).map(lambda address: f"[{address.exploded.upper()}]"),
    st.ip_addresses(v=4).map(lambda address: f"[::ffff:{address}]"),
    st.text(unreserved + sub_delims + ":", min_size=1, max_size=5).map(lambda address: f"[v1F.{address}]"),
)
userinfo = joined(unreserved + sub_delims + ":").map("{}@".format)
port = st.integers(0, 99999).map(":{}".format) | st.just(":")
authority = st.builds("//{}{}{}".format, st.just("") | userinfo, host, st.just("") | port)
path_absolute = st.builds("/{}{}".format, segment_nz, path_abempty) | st.just("/")
rooted = st.builds("{}{}".format, authority, path_abempty) | path_absolute
query_or_fragment = joined(unreserved + sub_delims + ":@/?")
tail = st.builds(
    "{}{}".format, st.just("") | query_or_fragment.map("?{}".format), st.just("") | query_or_fragment.map("#{}".format)
)
scheme = st.builds(
    "{}{}".format,
    st.sampled_from(string.ascii_letters),
    st.text(string.ascii_letters + string.digits + "+-.", max_size=6),
)
uri = st.builds(
    "{}:{}{}".format, scheme, rooted | st.builds("{}{}".format, segment_nz, path_abempty) | st.just(""), tail
)
relative = st.builds(
    "{}{}".format, rooted | st.builds("{}{}".format, segment_nz_nc, path_abempty) | st.just(""), tail
).filter(bool)

resource = st.builds(
    "urn:{}:{}".format,
    st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=30),
    st.lists(
        st.text(string.ascii_lowercase + string.digits + "()+,.-;$_!/", min_size=1, max_size=100),
        min_size=1,
        max_size=4,
    ).map(":".join),
)

# RFC 3339 §5.6.
offset = st.sampled_from("Zz") | st.builds(
    "{}{:02}:{:02}".format, st.sampled_from("+-"), st.integers(0, 23), st.integers(0, 59)
)
fraction = st.just("") | st.text(string.digits, min_size=1, max_size=30).map(".{}".format)
time = st.builds(
    "{}{}{:%H:%M:%S}{}{}".format, st.dates(), st.sampled_from("Tt"), st.times(), fraction, offset
) | st.sampled_from(["1990-12-31T23:59:60Z", "2016-12-31T15:59:60.5-08:00", "2017-01-01t00:59:60+01:00"])

# RFC 2045 §5.1.
token = st.text(string.ascii_letters + string.digits + "!#$%&'*+-.^_`{|}~", min_size=1, max_size=10)
quoted = st.text(string.ascii_letters + " ;=/", max_size=8).map('"{}"'.format)
parameters = st.lists(st.builds("{}={}".format, token, token | quoted), max_size=2).map(
    lambda each: "; ".join(["", *each])
)
media_type = st.builds(
    "{}{}".format,
    st.builds("{}/{}".format, token, token)
    | st.sampled_from(["application/json", "text/plain", "application/x+json", "TEXT/JSON"]),
    parameters,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=5), values, max_size=3),
    max_leaves=8,
)
encoded = st.binary(max_size=30).map(lambda data: base64.b64encode(data).decode())


def is_name(name: str) -> bool:
    """CloudEvents §2.1; and data_base64, which is no attribute."""
    return name == "data_base64" or set(name) <= set(string.ascii_lowercase + string.digits)


extension = text | st.just("") | st.booleans() | st.integers(-(2**31), 2**31 - 1)

CORE: dict[str, SearchStrategy[str]] = {
    "specversion": st.just("1.0"),
    "id": text,
    "type": text,
    "source": uri | relative,
    "resource": resource,
    "resourceinstance": text,
    "alternativesubject": text,
    "subject": text,
    "time": time,
    "dataschema": uri,
}
REQUIRED = ("specversion", "id", "type", "source", "resource")

extension_name: SearchStrategy[str] = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=20).filter(
    lambda name: name not in (*CORE, "data", "datacontenttype")
)

# Data and the type that it is declared with.
data: SearchStrategy[Event] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"data": json_values}),
    st.fixed_dictionaries(
        {"data": json_values, "datacontenttype": st.sampled_from(["application/json", "a/b+JSON; c=d"])}
    ),
    st.fixed_dictionaries({"data": st.text(max_size=20), "datacontenttype": media_type}),
    st.fixed_dictionaries({"data_base64": encoded}, optional={"datacontenttype": media_type}),
)


@st.composite
def events(draw: st.DrawFn, *, nulls: bool = True) -> Event:
    """A valid event, its members in any order."""
    required = {name: draw(CORE[name]) for name in REQUIRED}
    chosen = draw(st.sets(st.sampled_from(sorted(CORE.keys() - set(REQUIRED)))))
    optional = {name: None if nulls and draw(st.booleans()) else draw(CORE[name]) for name in sorted(chosen)}
    extensions = draw(st.dictionaries(extension_name, extension | st.none() if nulls else extension, max_size=3))
    members = {**extensions, **required, **optional, **draw(data)}
    return dict(draw(st.permutations(list(members.items()))))


@st.composite
def json_texts(draw: st.DrawFn, event: Event) -> bytes:
    """One of the many ways to write a value as JSON."""
    space = draw(st.sampled_from([None, 1, "\t"]))
    written = json.dumps(event, ensure_ascii=draw(st.booleans()), indent=space)
    return written.encode()


# One fault each: what breaks the rule of an attribute.
not_text: SearchStrategy[object] = (
    st.just("") | st.integers() | st.booleans() | st.lists(text, max_size=2) | st.just({})
)
forbidden = st.sampled_from([*range(0x20), *range(0x7F, 0xA0), *NONCHARACTERS]).map(chr)
spoilt_text = st.builds("{}{}{}".format, text, forbidden, text)


def spoilt(good: SearchStrategy[str], alphabet: str) -> SearchStrategy[str]:
    """A character put where none of its kind may be."""
    return st.tuples(good, st.sampled_from(alphabet), st.integers(0, 100)).map(
        lambda parts: parts[0][: parts[2] % (len(parts[0]) + 1)] + parts[1] + parts[0][parts[2] % (len(parts[0]) + 1) :]
    )


FAULTY: dict[str, SearchStrategy[Any]] = {
    "specversion": not_text | text.filter("1.0".__ne__),
    "id": not_text | spoilt_text,
    "type": not_text | spoilt_text,
    "source": not_text | spoilt(uri | relative, ' <>"{}|\\^`æ\x7f\n') | (uri | relative).map("{}%zz".format),
    "resource": not_text | spoilt(resource, " ABÆ%=@*'~?#\n") | resource.map("{}:".format),
    "resourceinstance": not_text | spoilt_text,
    "alternativesubject": not_text | spoilt_text,
    "subject": not_text | spoilt_text,
    "time": not_text
    | spoilt(time, " _æ\n")
    | time.map(lambda good: good[:10])
    | time.map(lambda good: good.replace("T", " ").replace("t", " "))
    | time.map("{}0".format),
    "datacontenttype": not_text | spoilt(media_type.filter(lambda good: '"' not in good), '(),:<>?@[]æ\n\t"'),
    "dataschema": not_text
    | relative.filter(lambda good: not good.startswith("//")).map("/{}".format)
    | spoilt(uri, ' <>"\n'),
    "data_base64": (not_text | spoilt(encoded, "-_æ =\n")).filter(lambda value: value != ""),
    "extension": st.floats(allow_nan=False, allow_infinity=False)
    | st.lists(text, max_size=1)
    | st.just({})
    | st.integers(2**31)
    | st.integers(max_value=-(2**31) - 1)
    | spoilt_text,
}

# A name, and a value that is at fault there.
faults = st.sampled_from(sorted(FAULTY)).flatmap(lambda name: st.tuples(st.just(name), FAULTY[name])) | st.tuples(
    st.sampled_from(REQUIRED), st.none()
)


@st.composite
def faulty_events(draw: st.DrawFn) -> Event:
    """An event with a single fault."""
    name, value = draw(faults)
    return {**draw(events()), name: value}
