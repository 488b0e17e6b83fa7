"""The publish job as one would write it in an afternoon: a sync function, the usual packages and their defaults.

What the product is measured against; no part of it.
"""

import functools
import json
import os
import urllib.request
from typing import Any, Literal

import azure.functions as func
import jwt
from azure.core.exceptions import AzureError
from azure.storage.queue import BinaryBase64EncodePolicy, QueueClient
from pydantic import AnyUrl, AwareDatetime, Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

ISSUER = json.loads(os.environ["TOKEN_ISSUERS"])[0]["issuer"]
SCOPE = "altinn:events.publish"

queue = QueueClient.from_connection_string(
    os.environ["EVENTS_STORAGE"], os.environ["EVENTS_QUEUE_NAME"], message_encode_policy=BinaryBase64EncodePolicy()
)
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


class Event(BaseModel):
    """A CloudEvent with the attributes that Altinn adds."""

    model_config = ConfigDict(extra="allow")

    specversion: Literal["1.0"]
    id: str = Field(min_length=1)
    type: str = Field(min_length=1)
    source: str = Field(min_length=1)
    resource: str = Field(pattern=r"^urn:[a-z0-9-]{1,30}(:[a-z0-9()+,\-.;$_!/]{1,100}){1,10}$")
    resourceinstance: str | None = Field(None, min_length=1)
    alternativesubject: str | None = Field(None, min_length=1)
    subject: str | None = Field(None, min_length=1)
    time: AwareDatetime | None = None
    datacontenttype: str | None = Field(None, min_length=1)
    dataschema: AnyUrl | None = None
    data: Any = None
    data_base64: Base64Bytes | None = None


@functools.cache
def key_client() -> jwt.PyJWKClient:
    """The issuer's keys, where its metadata says that they are."""
    with urllib.request.urlopen(ISSUER + ".well-known/oauth-authorization-server", timeout=5) as answer:  # noqa: S310
        return jwt.PyJWKClient(json.load(answer)["jwks_uri"])


def scopes(authorization: str) -> list[str]:
    """Those of the bearer token.

    Raises:
        PyJWTError: there is none that is good.
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise jwt.InvalidTokenError("no bearer token")
    key = key_client().get_signing_key_from_jwt(token)
    options: jwt.types.Options = {"verify_aud": False, "require": ["exp", "iss"]}
    claims = jwt.decode(token, key, algorithms=["RS256"], issuer=ISSUER, leeway=30, options=options)
    return str(claims.get("scope", "")).split()


@app.route("events", methods=["POST"])
def events(req: func.HttpRequest) -> func.HttpResponse:
    try:
        granted = scopes(req.headers.get("authorization", ""))
    except jwt.PyJWTError as error:
        return func.HttpResponse(str(error), status_code=401, headers={"WWW-Authenticate": "Bearer"})
    if SCOPE not in granted:
        return func.HttpResponse(status_code=403)
    body = req.get_body()
    try:
        Event.model_validate_json(body)
    except ValidationError as error:
        return func.HttpResponse(error.json(), status_code=400, mimetype="application/json")
    try:
        queue.send_message(body, time_to_live=-1)
    except AzureError as error:
        return func.HttpResponse(str(error), status_code=503)
    return func.HttpResponse()
