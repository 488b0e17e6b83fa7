"""The Shared Key authorization of Azure Storage's queue service.

https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
"""

import hmac
from binascii import b2a_base64
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl


class SharedKey(NamedTuple):
    """The name and the key of an account."""

    account: str
    key: bytes

    def authorization(self, to_sign: bytes) -> bytes:
        """The value of the Authorization header of a request."""
        signature = b2a_base64(hmac.digest(self.key, to_sign, "sha256"), newline=False)
        return b"SharedKey %b:%b" % (self.account.encode(), signature)


class StringToSign(NamedTuple):
    """What is signed of each request to one URL; all of it but the length and the ``x-ms-`` headers stays the same."""

    method: bytes
    content_type: bytes
    resource: bytes
    """Canonicalized: the account, the path, and the parameters of the query."""

    @classmethod
    def of(cls, method: str, content_type: str, url: SplitResult, account: str) -> "StringToSign":
        parameters = sorted((name.lower(), value) for name, value in parse_qsl(url.query))
        resource = f"/{account}{url.path}" + "".join(f"\n{name}:{value}" for name, value in parameters)
        return cls(method.encode(), content_type.encode(), resource.encode())

    def with_headers(self, length: int, canonicalized_headers: bytes) -> bytes:
        """`length` of the content; the headers by name in lower case, in order, each with a line feed behind it."""
        # The empty lines are headers that no request here has: Date goes as x-ms-date.
        return b"%b\n\n\n%b\n\n%b\n\n\n\n\n\n\n%b%b" % (
            self.method,
            b"%d" % length if length else b"",
            self.content_type,
            canonicalized_headers,
            self.resource,
        )
