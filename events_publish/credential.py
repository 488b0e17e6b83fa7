"""The identity that a connection without a connection string signs in with."""

from typing import TYPE_CHECKING

from events_publish.settings import Connection

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential


def credential(connection: Connection) -> "AsyncTokenCredential | None":
    """The credential of an identity-based connection; None for a connection string, which has its own."""
    if connection.connection_string is not None:
        return None
    # A heavy import that a connection string does not need.
    from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

    if connection.credential == "managedidentity":
        return ManagedIdentityCredential(client_id=connection.client_id, retry_total=0)  # attempts are ours to repeat
    return DefaultAzureCredential(managed_identity_client_id=connection.client_id)
