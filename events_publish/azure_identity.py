"""The identity of whoever runs the function, by azure-identity, whose import takes a third of a second."""

import logging

from azure.core.credentials import TokenRequestOptions
from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

from events_publish import storage_client
from events_publish.managed_identity import AccessToken
from events_publish.settings import Connection

# It writes what a token endpoint answers at WARNING, which may be a token.
logging.getLogger("azure.identity").setLevel(logging.CRITICAL + 1)


class AzureIdentity:
    """What an identity-based connection signs in with, where the platform gives no endpoint for it."""

    def __init__(self, connection: Connection) -> None:
        self._credential: ManagedIdentityCredential | DefaultAzureCredential
        if connection.credential == "managedidentity":
            # Attempts are ours to repeat.
            self._credential = ManagedIdentityCredential(client_id=connection.client_id, retry_total=0)
        else:
            self._credential = DefaultAzureCredential(managed_identity_client_id=connection.client_id)

    async def token(self, scope: str, tenant_id: str | None = None) -> AccessToken:
        """A new token, or one that azure-identity has kept.

        Raises:
            StorageError, OSError, ValueError: there is none.
        """
        options = TokenRequestOptions(tenant_id=tenant_id) if tenant_id else None
        with storage_client.faults(of_storage=False):
            found = await self._credential.get_token_info(scope, options=options)
        return AccessToken(found.token, found.expires_on, found.refresh_on)

    async def close(self) -> None:
        """Close the connections to the identity's endpoint."""
        await self._credential.close()
