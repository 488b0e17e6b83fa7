"""One set of settings: Bicep sets each that the function reads, and the platform's own by their names on Flex Consumption."""

import re

from events_publish.settings import NAMES
from local import ROOT
from tests.infra.deployment import Deployment

OF_THE_PLATFORM = {
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "AzureWebJobsStorage__accountName",
    "AzureWebJobsStorage__blobServiceUri",
    "AzureWebJobsStorage__clientId",
    "AzureWebJobsStorage__credential",
}
"""None of those that Flex Consumption refuses, such as FUNCTIONS_WORKER_RUNTIME, and no AzureWebJobsStorage itself."""


def test_each_setting_of_the_function_is_set(deployment: Deployment) -> None:
    """But the connection string, in whose place there is an identity."""
    assert deployment.app_settings.keys() == {*NAMES, *OF_THE_PLATFORM} - {"EVENTS_STORAGE"}


def test_defaults_are_those_of_the_docs(deployment: Deployment) -> None:
    """What is not chosen for an environment is what docs/settings.md says."""
    rows = re.findall(r"^\| `(\w+)` \| `?([^|`]+)`? \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE)
    documented = {name: default for name, default in rows if not default.startswith(("none", "azure-identity", "the "))}
    assert documented.keys() == {
        "EVENTS_QUEUE_NAME",
        "EVENTS_QUEUE_SHARDS",
        "MAX_BATCH_EVENTS",
        "MAX_EVENT_BYTES",
        "MAX_REQUEST_BYTES",
        "PUBLISH_SCOPE",
        "PUBLISH_TIMEOUT_SECONDS",
    }
    chosen = {"EVENTS_QUEUE_SHARDS": "2"} if deployment.name == "prod-private" else {}
    assert (documented | chosen).items() <= deployment.app_settings.items()


def test_identity_instead_of_a_key(deployment: Deployment) -> None:
    settings = deployment.app_settings
    assert settings["EVENTS_STORAGE__credential"] == settings["AzureWebJobsStorage__credential"] == "managedidentity"
    events, host = (deployment.the("Microsoft.Storage/storageAccounts", name)["id"] for name in ("stevents", "host"))
    assert (
        settings["EVENTS_STORAGE__queueServiceUri"] == f"[reference('{events}', '2025-06-01').primaryEndpoints.queue]"
    )
    assert settings["EVENTS_STORAGE__blobServiceUri"] == f"[reference('{events}', '2025-06-01').primaryEndpoints.blob]"
    assert (
        settings["AzureWebJobsStorage__blobServiceUri"] == f"[reference('{host}', '2025-06-01').primaryEndpoints.blob]"
    )


def test_what_is_optional_is_set_where_it_is_given(private: Deployment) -> None:
    settings = private.app_settings
    assert settings["PUBLISH_POLICY"].startswith('[{"effect":"deny","publishers":["client:')
    assert settings["PDP_URL"] == "https://platform.altinn.no/authorization/api/v1/decision"
    assert settings["PDP_SUBSCRIPTION_KEY"] == (
        "@Microsoft.KeyVault(VaultName=kv-events-prod;SecretName=altinn-authorization)"
    )
