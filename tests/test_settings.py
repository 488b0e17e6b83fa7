"""Settings: what is taken, and one line for each that is not."""

import json
from pathlib import Path

import pytest
from azure.storage.queue import QueueClient

from events_publish import publish_policy, shards
from events_publish.issuers import Issuer
from events_publish.settings import DEFAULT_CHAIN, NAMES, Connection, DecisionPoint, InvalidSettings, Limits, Settings
from tests.documents import Block, blocks

STORAGE = "UseDevelopmentStorage=true"
ISSUERS = '[{"issuer": "https://maskinporten.no/"}]'
POLICY = '[{"publishers": ["991825827"]}]'
KEY = "AccountKey=c2VjcmV0"
LEAST = {"EVENTS_STORAGE": STORAGE, "TOKEN_ISSUERS": ISSUERS}
IDENTITY = {"EVENTS_STORAGE__queueServiceUri": "https://account.queue.core.windows.net", "TOKEN_ISSUERS": ISSUERS}


def test_defaults() -> None:
    """With nothing but storage and issuer, every other setting has the documented default."""
    assert Settings.from_environ(LEAST) == Settings(
        storage=Connection(connection_string=STORAGE),
        issuers=(Issuer("https://maskinporten.no/"),),
        queue_name="events-registration",
        queue_shards=1,
        publish_scope="altinn:events.publish",
        policy=None,
        decision_point=None,
        limits=Limits(event_bytes=49_152, batch_events=100, request_bytes=5_242_880),
        publish_timeout_seconds=10,
    )


@pytest.mark.parametrize("shown", [each for each in blocks("docs/settings.md") if each.language == "json"])
def test_what_the_page_on_settings_shows(shown: Block) -> None:
    settings = Settings.from_environ(
        LEAST | {"PUBLISH_POLICY" if "publishers" in shown.text else "TOKEN_ISSUERS": shown.text}
    )
    assert len(settings.policy.entries if settings.policy else settings.issuers) == len(json.loads(shown.text))


def test_all_set() -> None:
    environ = {
        **IDENTITY,
        "EVENTS_STORAGE__blobServiceUri": "https://account.blob.core.windows.net",
        "EVENTS_STORAGE__credential": "managedidentity",
        "EVENTS_STORAGE__clientId": "b2f0…",
        "EVENTS_QUEUE_NAME": "my-queue",
        "EVENTS_QUEUE_SHARDS": "3",
        "TOKEN_ISSUERS": json.dumps(
            [{"issuer": "http://127.0.0.1:7072/", "jwks_uri": "https://example.no/jwk", "audience": "us"}]
        ),
        "PUBLISH_SCOPE": "my:scope",
        "PUBLISH_POLICY": POLICY,
        "PDP_URL": "https://pdp.example.no/decision",
        "PDP_SUBSCRIPTION_KEY": "secret",
        "MAX_EVENT_BYTES": "1000",
        "MAX_BATCH_EVENTS": "5",
        "MAX_REQUEST_BYTES": "1001",
        "PUBLISH_TIMEOUT_SECONDS": "4.5",
    }
    assert environ.keys() | {"EVENTS_STORAGE"} == set(NAMES)
    assert Settings.from_environ(environ) == Settings(
        storage=Connection(
            queue_service_uri="https://account.queue.core.windows.net",
            blob_service_uri="https://account.blob.core.windows.net",
            credential="managedidentity",
            client_id="b2f0…",
        ),
        issuers=(Issuer("http://127.0.0.1:7072/", "https://example.no/jwk", "us"),),
        queue_name="my-queue",
        queue_shards=3,
        publish_scope="my:scope",
        policy=publish_policy.parse(POLICY),
        decision_point=DecisionPoint("https://pdp.example.no/decision", "secret"),
        limits=Limits(event_bytes=1000, batch_events=5, request_bytes=1001),
        publish_timeout_seconds=4.5,
    )


@pytest.mark.parametrize(
    "connection_string",
    [
        f"DefaultEndpointsProtocol=https;AccountName=account;{KEY};EndpointSuffix=core.windows.net",
        f"accountname=account;accountkey={KEY.partition('=')[2]};",
        f"AccountName=account;{KEY};QueueEndpoint=http://azurite:10001/account;BlobEndpoint=http://azurite:10000/account",
        "QueueEndpoint=https://account.queue.core.windows.net;SharedAccessSignature=sv=2026-02-06&sig=a%3D",
        "UseDevelopmentStorage=true;",
    ],
)
def test_connection_strings(connection_string: str) -> None:
    """Each is one that the storage client takes, too."""
    environ = {**LEAST, "EVENTS_STORAGE": connection_string}
    assert Settings.from_environ(environ).storage.connection_string == connection_string
    QueueClient.from_connection_string(connection_string, "a-queue").close()


def test_identity_without_credential_is_the_default_chain() -> None:
    assert Settings.from_environ(IDENTITY).storage.credential == DEFAULT_CHAIN


def test_an_empty_value_is_an_unset_one() -> None:
    assert Settings.from_environ({**LEAST, "EVENTS_QUEUE_NAME": ""}).queue_name == "events-registration"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("EVENTS_STORAGE", "secret", id="no connection string"),
        pytest.param("EVENTS_STORAGE", "UseDevelopmentStorage=true;secret", id="development storage, and more"),
        pytest.param("EVENTS_STORAGE", "UseDevelopmentStorage=yes", id="development storage, but not true"),
        pytest.param("EVENTS_STORAGE", "AccountName=account;AccountKey=", id="empty key"),
        pytest.param("EVENTS_STORAGE", "AccountName=account;AccountKey=%secret", id="key is not base64"),
        pytest.param("EVENTS_STORAGE", "AccountName=account", id="no key"),
        pytest.param("EVENTS_STORAGE", f"AccountName=Account;{KEY}", id="no account name"),
        pytest.param("EVENTS_STORAGE", f"AccountName=account;{KEY}\n", id="newline"),
        pytest.param("EVENTS_STORAGE", f"AccountName=account; {KEY}", id="space"),
        pytest.param("EVENTS_STORAGE", f"AccountName=account;;{KEY}", id="empty part"),
        pytest.param("EVENTS_STORAGE", f"DefaultEndpointsProtocol=ftp;AccountName=account;{KEY}", id="protocol"),
        pytest.param("EVENTS_STORAGE", f"AccountName=account;{KEY};EndpointSuffix=a/b", id="suffix"),
        pytest.param("EVENTS_STORAGE", f"AccountName=account;{KEY};QueueEndpoint=nonsense", id="endpoint is no URL"),
        pytest.param(
            "EVENTS_STORAGE", f"AccountName=account;{KEY};QueueEndpoint=https:///x", id="endpoint without host"
        ),
        pytest.param(
            "EVENTS_STORAGE", f"AccountName=account;{KEY};QueueEndpoint=http://[::1", id="endpoint with half host"
        ),
        pytest.param("EVENTS_STORAGE", f"AccountName=account;{KEY};QueueEndpoint=http://h:99999", id="endpoint's port"),
        pytest.param(
            "EVENTS_STORAGE", f"AccountName=account;{KEY};QueueEndpoint=http://h/?a", id="endpoint with query"
        ),
        pytest.param(
            "EVENTS_STORAGE", f"AccountName=account;{KEY};BlobEndpoint=http://h:99999", id="port of the blob endpoint"
        ),
        pytest.param(
            "EVENTS_STORAGE", f"AccountName=account;{KEY};BlobEndpoint=http://{'h' * 301}", id="a long blob endpoint"
        ),
        pytest.param("EVENTS_STORAGE", "QueueEndpoint=https://h/;SharedAccessSignature=secret", id="no signature"),
        pytest.param("EVENTS_STORAGE", "AccountKey=c2VjcmV0", id="no account"),
        pytest.param("EVENTS_QUEUE_NAME", "Upper", id="upper case"),
        pytest.param("EVENTS_QUEUE_NAME", "a--b", id="two hyphens"),
        pytest.param("EVENTS_QUEUE_NAME", "ab", id="short"),
        pytest.param("EVENTS_QUEUE_NAME", "a" * 64, id="long"),
        pytest.param("EVENTS_QUEUE_SHARDS", "0", id="no queue"),
        pytest.param("EVENTS_QUEUE_SHARDS", "21", id="more queues than an account has use for"),
        pytest.param("EVENTS_QUEUE_SHARDS", "2.5", id="half a queue"),
        pytest.param("PUBLISH_SCOPE", "two scopes", id="two scopes"),
        pytest.param("PDP_URL", "http://pdp.example.no/decision", id="http"),
        pytest.param("PDP_URL", "https://pdp.example.no/decision?subscription-key=secret", id="a key in the URL"),
        pytest.param("MAX_EVENT_BYTES", "0", id="no bytes"),
        pytest.param("MAX_EVENT_BYTES", "104857601", id="an event of more than the host takes"),
        pytest.param("MAX_EVENT_BYTES", "1e3", id="not a whole number"),
        pytest.param("MAX_BATCH_EVENTS", "0", id="no batch"),
        pytest.param("MAX_BATCH_EVENTS", "10001", id="a huge batch"),
        pytest.param("MAX_REQUEST_BYTES", "104857601", id="more than the host takes"),
        pytest.param("PUBLISH_TIMEOUT_SECONDS", "3.9", id="too little time"),
        pytest.param("PUBLISH_TIMEOUT_SECONDS", "nan", id="no number"),
        pytest.param("PUBLISH_TIMEOUT_SECONDS", "51", id="too near to where the host gives up"),
        pytest.param("EVENTS_STORAGE", f"AccountName=account;{KEY};QueueSecondaryEndpoint=https://h/", id="secondary"),
    ],
)
def test_wrong(name: str, value: str) -> None:
    """A wrong value gets one line, which names the setting and does not repeat the value."""
    with pytest.raises(InvalidSettings) as refused:
        Settings.from_environ({**LEAST, name: value})
    (line,) = refused.value.faults
    assert line.startswith(f"{name}: is wrong; it must be ")
    assert "secret" not in line


@pytest.mark.parametrize(("number", "longest"), [(1, 63), (2, 61), (10, 61), (11, 60), (20, 60)])
def test_names_of_several_queues_are_names_of_queues(number: int, longest: int) -> None:
    """Each with its number at the end; said in terms of the name, which is what can be made shorter."""
    environ = {**LEAST, "EVENTS_QUEUE_SHARDS": str(number)}
    settings = Settings.from_environ({**environ, "EVENTS_QUEUE_NAME": "q" * longest})
    assert max(map(len, shards.names(settings.queue_name, settings.queue_shards))) <= 63
    with pytest.raises(InvalidSettings) as refused:
        Settings.from_environ({**environ, "EVENTS_QUEUE_NAME": "q" * (longest + 1)})
    (line,) = refused.value.faults
    if number > 1:
        assert line == (
            "EVENTS_QUEUE_NAME: is too long for the numbers that EVENTS_QUEUE_SHARDS puts behind it;"
            f" it must be at most {longest} characters"
        )


def test_a_name_and_a_number_of_queues_are_judged_apart() -> None:
    with pytest.raises(InvalidSettings) as refused:
        Settings.from_environ({**LEAST, "EVENTS_QUEUE_NAME": "Q", "EVENTS_QUEUE_SHARDS": "many"})
    assert [line.partition(";")[0] for line in refused.value.faults] == [
        "EVENTS_QUEUE_NAME: is wrong",
        "EVENTS_QUEUE_SHARDS: is wrong",
    ]


BLOB_SERVICES = [
    pytest.param({"EVENTS_STORAGE": "UseDevelopmentStorage=true"}, id="Azurite"),
    pytest.param({"EVENTS_STORAGE": f"AccountName=account;{KEY}"}, id="derived"),
    pytest.param(
        {"EVENTS_STORAGE": f"AccountName=account;{KEY};QueueEndpoint=http://h:1/a;BlobEndpoint=http://h:2/a"},
        id="named",
    ),
    pytest.param(
        {**IDENTITY, "EVENTS_STORAGE__blobServiceUri": "https://account.blob.core.windows.net"}, id="identity"
    ),
]
NO_BLOB_SERVICES = [
    pytest.param({"EVENTS_STORAGE": f"AccountName=account;{KEY};QueueEndpoint=http://h:1/a"}, id="a queue alone"),
    pytest.param(IDENTITY, id="identity"),
]


@pytest.mark.parametrize("storage", BLOB_SERVICES)
def test_large_events_where_there_is_a_blob_service(storage: dict[str, str]) -> None:
    settings = Settings.from_environ({"TOKEN_ISSUERS": ISSUERS, "MAX_EVENT_BYTES": "49153", **storage})
    assert settings.limits.event_bytes == 49_153


@pytest.mark.parametrize("storage", NO_BLOB_SERVICES)
def test_no_large_events_without_a_blob_service(storage: dict[str, str]) -> None:
    environ = {"TOKEN_ISSUERS": ISSUERS, "MAX_EVENT_BYTES": "49152", **storage}
    assert Settings.from_environ(environ).limits.event_bytes == 49_152
    with pytest.raises(InvalidSettings) as refused:
        Settings.from_environ({**environ, "MAX_EVENT_BYTES": "49153"})
    (line,) = refused.value.faults
    assert line.startswith("MAX_EVENT_BYTES: is more than a queue message holds, and no blob service is configured; ")
    assert "EVENTS_STORAGE__blobServiceUri" in line
    assert "BlobEndpoint" in line


ISSUER = '{"issuer": "https://a.no/"}'


@pytest.mark.parametrize(
    ("name", "value", "starts"),
    [
        (
            "TOKEN_ISSUERS",
            "https://secret.no/",
            [": is not JSON (Expecting value in line 1, column 1); it must be a JSON"],
        ),
        ("TOKEN_ISSUERS", "[]", [": is empty; it must be a JSON array of at least one"]),
        ("TOKEN_ISSUERS", ISSUER, [": is no array; "]),
        ("TOKEN_ISSUERS", "[" * 100_000, [": names a member twice, or is nested too deep; "]),
        (
            "TOKEN_ISSUERS",
            '["https://secret.no/"]',
            ["[0]: is no object; it must be an object with members of issuer, "],
        ),
        ("TOKEN_ISSUERS", '[{"issuer": "http://secret.no/"}]', ["[0].issuer: is wrong; it must be an https:// URL"]),
        ("TOKEN_ISSUERS", '[{"issuer": "https://secret.no/?a"}]', ["[0].issuer: is wrong; "]),
        ("TOKEN_ISSUERS", '[{"issuer": "https://u:secret@a.no/"}]', ["[0].issuer: is wrong; "]),
        (
            "TOKEN_ISSUERS",
            '[{"issuer": "https://a.no/"}, {"issuer": 1, "audience": "", "jwks_uri": "http://secret.no/"}]',
            ["[1].issuer: is wrong; ", "[1].audience: is wrong; ", "[1].jwks_uri: is wrong; "],
        ),
        ("TOKEN_ISSUERS", '[{"issuer": "https://a.no/", "secret": "us"}]', ["[0]: has an unknown member; "]),
        ("TOKEN_ISSUERS", '[{"jwks_uri": "https://a.no/jwk"}]', ["[0].issuer: is missing; it must be there"]),
        ("TOKEN_ISSUERS", f"[{ISSUER}, {ISSUER}]", ["[1].issuer: is there already; it must be another"]),
        ("TOKEN_ISSUERS", '[{"issuer": "https://a.no/", "issuer": "https://b.no/"}]', [": names a member twice, "]),
        ("PUBLISH_POLICY", "deny secret", [": is not JSON (Expecting value in line 1, column 1); it must be a JSON"]),
        ("PUBLISH_POLICY", "{}", [": is no array; "]),
        ("PUBLISH_POLICY", "@missing.json", [": names a file that cannot be read; "]),
        ("PUBLISH_POLICY", "@", [": names a file that cannot be read; "]),
        ("PUBLISH_POLICY", "@\0", [": names a file that cannot be read; "]),
        ("PUBLISH_POLICY", "@wrong.json", ["[1].effect: is wrong; it must be allow or deny"]),
        ("PUBLISH_POLICY", '[{"publisher": ["991825827"]}]', ["[0]: has an unknown member; "]),
        ("PUBLISH_POLICY", '[{"effect": "Deny"}]', ["[0].effect: is wrong; it must be allow or deny"]),
        ("PUBLISH_POLICY", '[{"publishers": []}]', ["[0].publishers: is wrong; it must be an array of at least one; "]),
        ("PUBLISH_POLICY", '[{"resources": "urn:a:b"}]', ["[0].resources: is wrong; it must be an array of at least"]),
        ("PUBLISH_POLICY", '[{"types": null}]', ["[0].types: is wrong; "]),
        (
            "PUBLISH_POLICY",
            json.dumps(
                [{}, {"publishers": ["991825827", "secret", "0193:991825827", "99182582", "org:", "*", 1, "org:a*"]}]
            ),
            [f"[1].publishers[{index}]: is wrong; it must be an organisation number, " for index in range(1, 8)],
        ),
        (
            "PUBLISH_POLICY",
            json.dumps([{"resources": ["urn:a:b*", "*", "urn:A:b", "urn:a:*:b", "urn:a", "", "urn:a:b c*"]}]),
            [f"[0].resources[{index}]: is wrong; it must be a resource such as urn:" for index in range(2, 7)],
        ),
        (
            "PUBLISH_POLICY",
            '[{"types": ["a*", "a*b", "", "a\\u0000"]}]',
            [f"[0].types[{index}]: is wrong; " for index in (1, 2, 3)],
        ),
        (
            "PUBLISH_POLICY",
            json.dumps(
                [
                    {
                        "sources": [
                            "https://a.no/*",
                            "https://A.no/*",
                            "https://a.no/b/../c",
                            "/%7ea",
                            "a*b",
                            "",
                            "å*",
                            "a b",
                        ]
                    }
                ]
            ),
            [f"[0].sources[{index}]: is wrong; it must be a source, or a prefix" for index in range(1, 8)],
        ),
    ],
)
def test_wrong_json(tmp_path: Path, name: str, value: str, starts: list[str]) -> None:
    """One line for each fault, which points at its place and does not repeat the value."""
    (tmp_path / "wrong.json").write_text('[{}, {"effect": "secret"}]')
    with pytest.raises(InvalidSettings) as refused:
        Settings.from_environ({**LEAST, name: value}, tmp_path)
    lines = refused.value.faults
    assert [line.startswith(name + start) for line, start in zip(lines, starts, strict=True)] == [True] * len(starts)
    assert "secret" not in str(refused.value)


def test_a_policy_in_a_file(tmp_path: Path) -> None:
    """Beside the function app, or anywhere; an editor may have put a byte-order mark before it."""
    (tmp_path / "policy.json").write_text(POLICY, encoding="utf-8-sig")
    for name in ("policy.json", tmp_path / "policy.json"):
        settings = Settings.from_environ({**LEAST, "PUBLISH_POLICY": f"@{name}"}, tmp_path)
        assert settings.policy == publish_policy.parse(POLICY)


def test_a_subscription_key_without_its_url() -> None:
    with pytest.raises(InvalidSettings) as refused:
        Settings.from_environ({**LEAST, "PDP_SUBSCRIPTION_KEY": "a key"})
    assert [line.partition(";")[0] for line in refused.value.faults] == [
        "PDP_SUBSCRIPTION_KEY: is wrong",
        "PDP_SUBSCRIPTION_KEY: is set without PDP_URL",
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_subscription_key_from_a_file(end: str) -> None:
    """Its line has an end, which a Key Vault keeps."""
    settings = Settings.from_environ({**LEAST, "PDP_URL": "https://a.no/", "PDP_SUBSCRIPTION_KEY": f"x-x{end}"})
    assert settings.decision_point == DecisionPoint("https://a.no/", "x-x")


@pytest.mark.parametrize("key", [" ", "\n", "x-x ", "\nx-x", "x-x\n\n"])
def test_a_subscription_key_that_is_none(key: str) -> None:
    """It would be sent, and refused for each event, or left out without a word."""
    with pytest.raises(InvalidSettings, match="PDP_SUBSCRIPTION_KEY: is wrong"):
        Settings.from_environ({**LEAST, "PDP_URL": "https://a.no/", "PDP_SUBSCRIPTION_KEY": key})


def test_secrets_are_not_shown() -> None:
    """Not even where somebody logs the settings as a whole."""
    environ = {
        **LEAST,
        "EVENTS_STORAGE": f"AccountName=account;{KEY}",
        "PDP_URL": "https://a.no/",
        "PDP_SUBSCRIPTION_KEY": "x-x",
    }
    shown = repr(Settings.from_environ(environ))
    assert KEY not in shown
    assert "x-x" not in shown


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("EVENTS_STORAGE__queueServiceUri", "http://account.queue.core.windows.net", id="http"),
        pytest.param("EVENTS_STORAGE__queueServiceUri", "http://127.0.0.1:10001/account", id="http on loopback, too"),
        pytest.param("EVENTS_STORAGE__queueServiceUri", "account.queue.core.windows.net", id="no scheme"),
        pytest.param("EVENTS_STORAGE__queueServiceUri", "https://[account", id="no URL"),
        pytest.param("EVENTS_STORAGE__queueServiceUri", "https://account:99999", id="no port"),
        pytest.param("EVENTS_STORAGE__blobServiceUri", "http://account.blob.core.windows.net", id="http to blobs"),
        pytest.param("EVENTS_STORAGE__blobServiceUri", f"https://{'h' * 300}", id="a long one"),
        pytest.param("EVENTS_STORAGE__credential", "ManagedIdentity", id="upper case"),
    ],
)
def test_wrong_identity(name: str, value: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        Settings.from_environ({**IDENTITY, name: value})
    (line,) = refused.value.faults
    assert line.startswith(f"{name}: is wrong; it must be ")


def test_both_connections_at_once() -> None:
    with pytest.raises(InvalidSettings) as refused:
        Settings.from_environ({**LEAST, **IDENTITY})
    assert refused.value.faults == [
        "EVENTS_STORAGE: is set beside EVENTS_STORAGE__…; it must be the one or the others, not both"
    ]


def test_an_identity_without_a_service() -> None:
    with pytest.raises(InvalidSettings) as refused:
        Settings.from_environ({"EVENTS_STORAGE__credential": "managedidentity", "TOKEN_ISSUERS": ISSUERS})
    (line,) = refused.value.faults
    assert line.startswith("EVENTS_STORAGE__queueServiceUri: is missing; it must be an https:// URL")


def test_an_event_must_fit_in_a_request() -> None:
    """Said beside the faults of other settings, too."""
    with pytest.raises(InvalidSettings) as refused:
        Settings.from_environ({**LEAST, "MAX_REQUEST_BYTES": "49151", "PUBLISH_SCOPE": "a b"})
    assert [line.partition(";")[0] for line in refused.value.faults] == [
        "PUBLISH_SCOPE: is wrong",
        "MAX_REQUEST_BYTES: is less than MAX_EVENT_BYTES",
    ]


def test_all_faults_at_once() -> None:
    with pytest.raises(InvalidSettings) as refused:
        Settings.from_environ({"MAX_EVENT_BYTES": "many", "EVENTS_QUEUE_NAME": "-"})
    assert [line.partition(";")[0] for line in refused.value.faults] == [
        "EVENTS_STORAGE: is missing",
        "EVENTS_QUEUE_NAME: is wrong",
        "TOKEN_ISSUERS: is missing",
        "MAX_EVENT_BYTES: is wrong",
    ]
    assert str(refused.value).splitlines()[1:] == refused.value.faults
