"""The identity of the function, by azure-identity, whose import takes a third of a second."""

from typing import TYPE_CHECKING

from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

from events_publish import storage_client
from events_publish.settings import Connection

if TYPE_CHECKING:
    from azure.core.credentials import AccessTokenInfo, TokenRequestOptions


class Identity:
    """What an identity-based connection signs in with."""

    def __init__(self, connection: Connection) -> None:
        self._credential: ManagedIdentityCredential | DefaultAzureCredential
        if connection.credential == "managedidentity":
            # Attempts are ours to repeat.
            self._credential = ManagedIdentityCredential(client_id=connection.client_id, retry_total=0)
        else:
            self._credential = DefaultAzureCredential(managed_identity_client_id=connection.client_id)

    async def token(self, *scopes: str, options: "TokenRequestOptions | None" = None) -> "AccessTokenInfo":
        """A new token, or one that azure-identity has kept.

        Raises:
            StorageError, OSError: there is none.
        """
        with storage_client.faults(of_storage=False):
            return await self._credential.get_token_info(*scopes, options=options)

    async def close(self) -> None:
        """Close the connections to the identity's endpoint."""
        await self._credential.close()
