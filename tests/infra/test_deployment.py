"""What would be deployed, for dev, prod, and prod with all that is optional."""

import json
import re
from typing import Any

import pytest

from events_publish import shards
from events_publish.payload_store import CONTAINER
from local import ROOT
from tests.infra.deployment import SUBSCRIPTION, Deployment

ROLES = {
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "8a0f0c08-91a1-4084-bc3d-661d67233fed": "Storage Queue Data Message Processor",
    "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a": "Storage Queue Data Message Sender",
    "19e7f393-937e-4f77-808e-94535e297925": "Storage Queue Data Reader",
}
"""Azure's built-in roles that may be assigned, by the id of their definition."""

EVENTS = "Microsoft.Storage/storageAccounts/EVENTS"
QUEUE = f"{EVENTS}/queueServices/default/queues/QUEUE"
PAYLOADS = f"{EVENTS}/blobServices/default/containers/events-payloads"

OF_THE_FUNCTION = {
    ("function", "Storage Queue Data Message Sender", QUEUE),
    ("function", "Storage Blob Data Contributor", PAYLOADS),
    ("function", "Storage Blob Data Owner", "Microsoft.Storage/storageAccounts/HOST"),
    ("function", "Monitoring Metrics Publisher", "Microsoft.Insights/components/COMPONENT"),
}
"""Who, may do what, on which resource; on a QUEUE: on each that the function sends to."""

OF_A_CONSUMER = {
    ("consumer", "Storage Queue Data Message Processor", QUEUE),
    ("consumer", "Storage Queue Data Reader", QUEUE),
    ("consumer", "Storage Queue Data Message Sender", f"{QUEUE}-poison"),
    ("consumer", "Storage Queue Data Message Processor", f"{QUEUE}-poison"),
    ("consumer", "Storage Blob Data Reader", PAYLOADS),
}

OF_A_SECRET = {
    ("function", "Key Vault Secrets User", "Microsoft.KeyVault/vaults/kv-events-prod/secrets/altinn-authorization")
}

ALERTS = {
    "defects": (0, "Count", None, [], "PT15M"),
    "error-share": (5, "Maximum", "percent", [], "PT15M"),
    "unavailable": (10, "Count", None, ["reason"], "PT15M"),
    "overloaded": (100, "Count", None, [], "PT15M"),
    "slow": (1000, "Maximum", "p95", [], "PT15M"),
    "refused-tokens": (100, "Count", None, [], "PT15M"),
    "given-up": (0, "Count", None, [], "PT1H"),
    "falling-behind": (0, "Maximum", "behind", [], "PT1H"),
}
"""On the log, each 5 minutes: above what, of what, for each of what apart, within how long."""


def test_who_may_do_what(deployment: Deployment) -> None:
    """Every role assignment, with its exact scope, and no other."""
    expected = OF_THE_FUNCTION | (OF_A_CONSUMER | OF_A_SECRET if deployment.name == "prod-private" else set())
    expected = {
        (who, what, scope.replace("QUEUE", queue)) for queue in _queues(deployment) for who, what, scope in expected
    }
    assignments = deployment.all("Microsoft.Authorization/roleAssignments")
    assert {_assignment(deployment, each) for each in assignments} == expected
    assert len(assignments) == len(expected)


def _queues(deployment: Deployment) -> tuple[str, ...]:
    """The queues that the function sends to, as its own settings and code have them."""
    settings = deployment.app_settings
    return shards.names(settings["EVENTS_QUEUE_NAME"], int(settings["EVENTS_QUEUE_SHARDS"]))


def _assignment(deployment: Deployment, assignment: dict[str, Any]) -> tuple[str, str, str]:
    properties = assignment["properties"]
    assert properties["principalType"] == "ServicePrincipal"
    assert properties.keys() == {"principalId", "principalType", "roleDefinitionId"}
    scope = assignment["id"].partition("/providers/Microsoft.Authorization/")[0].partition("/providers/")[2]
    for name, kind, part in (
        ("EVENTS", "Microsoft.Storage/storageAccounts", "stevents"),
        ("HOST", "Microsoft.Storage/storageAccounts", "host"),
        ("COMPONENT", "Microsoft.Insights/components", "appi"),
    ):
        scope = re.sub(rf"(?<=/){deployment.the(kind, part)['name']}(?=/|$)", name, scope)
    identity = deployment.the("Microsoft.ManagedIdentity/userAssignedIdentities")["id"]
    is_function = properties["principalId"] == f"[reference('{identity}', '2024-11-30').principalId]"
    assert is_function or re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", properties["principalId"])
    definition = properties["roleDefinitionId"].removeprefix(
        f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/"
    )
    return "function" if is_function else "consumer", ROLES[definition], scope


def test_storage_takes_no_keys(deployment: Deployment) -> None:
    """Neither account can be opened with a key, a SAS of the account, or anonymously."""
    accounts = deployment.all("Microsoft.Storage/storageAccounts")
    assert len(accounts) == 2
    for account in accounts:
        properties = account["properties"]
        assert properties["allowSharedKeyAccess"] is False
        assert properties["allowBlobPublicAccess"] is False
        assert properties["isLocalUserEnabled"] is False
        assert properties["allowCrossTenantReplication"] is False
        assert properties["supportsHttpsTrafficOnly"] is True
        assert properties["minimumTlsVersion"] == "TLS1_2"
    containers = deployment.all("Microsoft.Storage/storageAccounts/blobServices/containers")
    assert {each["name"].rpartition("/")[2] for each in containers} == {CONTAINER, "app-package"}
    assert all(each["properties"]["publicAccess"] == "None" for each in containers)


def test_no_secret_is_in_what_is_deployed(deployment: Deployment) -> None:
    """No list of keys, no connection string of storage, no SAS, no password; telemetry's string opens nothing alone."""
    text = json.dumps([deployment.resources, deployment.outputs])
    assert not re.findall(r"listKeys|listAccountSas|AccountKey|SharedAccess|[?&]sig=|password", text, re.IGNORECASE)
    strings = re.findall(r"\w*connection_?string\w*", text, re.IGNORECASE)
    assert set(strings) == {"APPLICATIONINSIGHTS_CONNECTION_STRING", "ConnectionString"}
    assert deployment.the("Microsoft.Insights/components")["properties"]["DisableLocalAuth"] is True
    assert deployment.the("Microsoft.OperationalInsights/workspaces")["properties"]["features"] == {
        "disableLocalAuth": True
    }


def test_no_wildcard_is_allowed(deployment: Deployment) -> None:
    """A `*` stands in the rule that denies, in an alert that looks at each value, and in prefixes of the policy."""

    def wildcards(value: Any, path: str) -> list[str]:
        if isinstance(value, dict):
            return [found for key, inner in value.items() for found in wildcards(inner, f"{path}.{key}")]
        if isinstance(value, list):
            return [found for inner in value for found in wildcards(inner, path)]
        return [path] if value == "*" else []

    found = {path for each in deployment.resources for path in wildcards(each, each["type"].rpartition("/")[2])}
    denied = {
        f"networkSecurityGroups.properties.securityRules.properties.{member}"
        for member in ("protocol", "sourcePortRange", "destinationAddressPrefix", "destinationPortRange")
    }
    assert found <= denied | {"scheduledQueryRules.properties.criteria.allOf.dimensions.values"}
    for group in deployment.all("Microsoft.Network/networkSecurityGroups"):
        (rule,) = (each["properties"] for each in group["properties"]["securityRules"])
        shown = (rule["access"], rule["direction"], rule["sourceAddressPrefix"])
        assert shown == ("Deny", "Inbound", "Internet")


def test_function(deployment: Deployment) -> None:
    """Flex Consumption, Python 3.13, https only, and nobody deploys with a password."""
    plan = deployment.the("Microsoft.Web/serverfarms")
    assert plan["sku"] == {"name": "FC1", "tier": "FlexConsumption"}
    assert plan["properties"]["reserved"] is True
    site = deployment.the("Microsoft.Web/sites")
    assert site["tags"]["azd-service-name"] == "publish"
    properties, config = site["properties"], site["properties"]["siteConfig"]
    assert properties["httpsOnly"] is True
    assert (config["minTlsVersion"], config["scmMinTlsVersion"]) == ("1.2", "1.2")
    assert properties["functionAppConfig"]["runtime"] == {
        "name": "python",
        "version": (ROOT / ".python-version").read_text().strip(),
    }
    assert config["scmIpSecurityRestrictionsUseMain"] is False  # deployments come by another front end
    if deployment.name != "prod-private":
        assert config["ipSecurityRestrictions"] is None
        assert config["ipSecurityRestrictionsDefaultAction"] == "Allow"
    policies = deployment.all("Microsoft.Web/sites/basicPublishingCredentialsPolicies")
    assert {each["name"].rpartition("/")[2]: each["properties"] for each in policies} == {
        "scm": {"allow": False},
        "ftp": {"allow": False},
    }


def test_identity(deployment: Deployment) -> None:
    """One, user-assigned, for storage, for the package, for telemetry and for Key Vault."""
    (identity,) = deployment.all("Microsoft.ManagedIdentity/userAssignedIdentities")
    site = deployment.the("Microsoft.Web/sites")
    assert site["identity"] == {"type": "UserAssigned", "userAssignedIdentities": {identity["id"]: {}}}
    assert site["properties"]["keyVaultReferenceIdentity"] == identity["id"]
    storage = site["properties"]["functionAppConfig"]["deployment"]["storage"]
    assert storage["authentication"] == {
        "type": "UserAssignedIdentity",
        "userAssignedIdentityResourceId": identity["id"],
    }
    host = deployment.the("Microsoft.Storage/storageAccounts", "host")["id"]
    assert storage["type"] == "blobContainer"
    assert storage["value"] == (
        f"[format('{{0}}{{1}}', reference('{host}', '2025-06-01').primaryEndpoints.blob, 'app-package')]"
    )
    settings = deployment.app_settings
    client_id = f"[reference('{identity['id']}', '2024-11-30').clientId]"
    assert settings["EVENTS_STORAGE__clientId"] == settings["AzureWebJobsStorage__clientId"] == client_id
    assert settings["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"] == (
        f"[format('Authorization=AAD;ClientId={{0}}', {client_id[1:-1]})]"
    )


def test_redundancy(deployment: Deployment) -> None:
    """In production a zone may fail."""
    is_dev = deployment.name == "dev"
    skus = {each["sku"]["name"] for each in deployment.all("Microsoft.Storage/storageAccounts")}
    assert skus == {"Standard_LRS" if is_dev else "Standard_ZRS"}
    assert deployment.the("Microsoft.Web/serverfarms")["properties"]["zoneRedundant"] is not is_dev
    scale = deployment.the("Microsoft.Web/sites")["properties"]["functionAppConfig"]["scaleAndConcurrency"]
    assert scale["alwaysReady"] == ([] if is_dev else [{"name": "http", "instanceCount": 2}])
    locks = deployment.all("Microsoft.Authorization/locks")
    assert ["storageAccounts/stevents" in each["id"] for each in locks] == ([] if is_dev else [True])
    assert all(each["properties"]["level"] == "CanNotDelete" for each in locks)


def test_scale(deployment: Deployment) -> None:
    """Python's own default is one request at a time on an instance; docs/operating.md says what this one is."""
    config = deployment.the("Microsoft.Web/sites")["properties"]["functionAppConfig"]["scaleAndConcurrency"]
    assert config["triggers"] == {"http": {"perInstanceConcurrency": 32}}
    assert config["instanceMemoryMB"] == 2048
    assert config["maximumInstanceCount"] == 40


def test_payloads_outlive_their_messages(deployment: Deployment) -> None:
    """The container is the function's; what lies there goes after 30 days, and can be had back for 7 more."""
    container = deployment.the("Microsoft.Storage/storageAccounts/blobServices/containers", CONTAINER)
    assert "/stevents" in f"/{container['name']}"
    policy = deployment.the("Microsoft.Storage/storageAccounts/managementPolicies")
    assert policy["name"].startswith("stevents")
    (rule,) = policy["properties"]["policy"]["rules"]
    assert (rule["enabled"], rule["type"]) == (True, "Lifecycle")
    assert rule["definition"] == {
        "filters": {"blobTypes": ["blockBlob"], "prefixMatch": [f"{CONTAINER}/"]},
        "actions": {"baseBlob": {"delete": {"daysAfterCreationGreaterThan": 30}}},
    }
    for service in deployment.all("Microsoft.Storage/storageAccounts/blobServices"):
        assert service["properties"] == {
            "deleteRetentionPolicy": {"enabled": True, "days": 7},
            "containerDeleteRetentionPolicy": {"enabled": True, "days": 7},
        }


def test_queues(deployment: Deployment) -> None:
    """Those that the function sends to, and for each the one that a queue trigger takes for poison."""
    queues = deployment.all("Microsoft.Storage/storageAccounts/queueServices/queues")
    names = [each["name"].partition("/default/")[2] for each in queues]
    sent_to = _queues(deployment)
    assert len(sent_to) == (2 if deployment.name == "prod-private" else 1)
    assert sorted(names) == sorted([*sent_to, *(f"{name}-poison" for name in sent_to)])
    assert all(each["name"].startswith("stevents") for each in queues)


def test_alerts(deployment: Deployment) -> None:
    """Each tells the one action group, and is on unless it was muted."""
    (group,) = deployment.all("Microsoft.Insights/actionGroups")
    rules = deployment.all("Microsoft.Insights/scheduledQueryRules")
    metrics = deployment.all("Microsoft.Insights/metricAlerts")
    suffix = group["name"].removeprefix("ag-")
    names = {each["name"].removeprefix("alert-").removesuffix(f"-{suffix}") for each in rules + metrics}
    assert names == {*ALERTS, "backlog"} | (set() if deployment.name == "dev" else {"availability"})
    assert group["properties"]["enabled"] is True
    receivers = [each["emailAddress"] for each in group["properties"]["emailReceivers"]]
    assert receivers == (["events-operations@example.no"] if deployment.name == "prod-private" else [])
    off = [each["name"] for each in rules + metrics if not each["properties"]["enabled"]]
    assert off == (["alert-falling-behind-events-prod"] if deployment.name == "prod-private" else [])
    assert all(each["properties"]["actions"] == {"actionGroups": [group["id"]]} for each in rules)
    assert all(each["properties"]["actions"] == [{"actionGroupId": group["id"]}] for each in metrics)


@pytest.mark.parametrize("name", ALERTS)
def test_alert_on_the_log(deployment: Deployment, name: str) -> None:
    properties = deployment.the("Microsoft.Insights/scheduledQueryRules", f"alert-{name}-")["properties"]
    (criterion,) = properties["criteria"]["allOf"]
    above, aggregation, measure, for_each, within = ALERTS[name]
    if name == "falling-behind" and len(_queues(deployment)) > 1:
        for_each = ["queue"]  # one that nobody consumes shows beside the others
    assert (
        criterion["threshold"],
        criterion["timeAggregation"],
        criterion["metricMeasureColumn"],
        [each["name"] for each in criterion["dimensions"]],
        properties["windowSize"],
    ) == (above, aggregation, measure, for_each, within)
    assert criterion["operator"] == "GreaterThan"
    assert all(each["operator"] == "Include" for each in criterion["dimensions"])
    assert criterion["failingPeriods"] == {"numberOfEvaluationPeriods": 1, "minFailingPeriodsToAlert": 1}
    assert properties["evaluationFrequency"] == "PT5M"
    assert properties["scopes"] == [deployment.the("Microsoft.OperationalInsights/workspaces")["id"]]
    assert properties["skipQueryValidation"] is True  # a new workspace has no tables yet


def test_a_backlog_is_told_of_well_before(deployment: Deployment) -> None:
    """The alert looks at the longest time that it can."""
    properties = deployment.the("Microsoft.Insights/metricAlerts", "backlog")["properties"]
    assert (properties["evaluationFrequency"], properties["windowSize"]) == ("PT1H", "P1D")
    account = deployment.the("Microsoft.Storage/storageAccounts", "stevents")["id"]
    assert properties["scopes"] == [f"{account}/queueServices/default"]
    (criterion,) = properties["criteria"]["allOf"]
    assert criterion["metricNamespace"] == "Microsoft.Storage/storageAccounts/queueServices"
    shown = {name: criterion[name] for name in ("metricName", "operator", "timeAggregation", "threshold")}
    assert shown == {
        "metricName": "QueueMessageCount",
        "operator": "GreaterThan",
        "timeAggregation": "Average",
        "threshold": 100,
    }


def test_availability(private: Deployment) -> None:
    """It is asked whether it could publish, where publishers ask; three places of five must fail for an alert."""
    component = private.the("Microsoft.Insights/components")["id"]
    test = private.the("Microsoft.Insights/webtests")
    assert test["tags"][f"hidden-link:{component}"] == "Resource"
    asked = test["properties"]
    assert (asked["Enabled"], asked["Kind"], asked["Frequency"]) == (True, "standard", 300)
    assert asked["Request"]["RequestUrl"] == "https://events.example.no/events/api/v1/health/ready"
    assert asked["Request"]["HttpVerb"] == "GET"
    assert asked["ValidationRules"] == {
        "ExpectedHttpStatusCode": 200,
        "SSLCheck": True,
        "SSLCertRemainingLifetimeCheck": 14,
    }
    assert asked["Timeout"] > 6  # as docs/reliability.md asks of a probe
    assert len({each["Id"] for each in asked["Locations"]}) == 5
    alert = private.the("Microsoft.Insights/metricAlerts", "availability")
    assert alert["properties"]["scopes"] == [test["id"], component]
    assert {f"hidden-link:{each}" for each in (test["id"], component)} <= alert["tags"].keys()
    criteria = alert["properties"]["criteria"]
    assert (criteria["webTestId"], criteria["componentId"]) == (test["id"], component)
    assert criteria["failedLocationCount"] == 3


def test_requests_to_storage_are_logged(deployment: Deployment) -> None:
    """Writes and deletions; not each look of a consumer at an empty queue."""
    settings = deployment.all("Microsoft.Insights/diagnosticSettings")
    logged = {
        each["id"].partition("/stevents")[2].split("/")[1]: {
            log["category"] for log in each["properties"]["logs"] if log["enabled"]
        }
        for each in settings
    }
    assert logged == {
        "queueServices": {"StorageWrite", "StorageDelete"},
        "blobServices": {"StorageRead", "StorageWrite", "StorageDelete"},
    }
    workspace = deployment.the("Microsoft.OperationalInsights/workspaces")["id"]
    assert {each["properties"]["workspaceId"] for each in settings} == {workspace}


def test_public_networking(deployment: Deployment) -> None:
    """Without private networking storage is guarded by roles alone; with it, nobody gets there but by an endpoint."""
    is_private = deployment.name == "prod-private"
    for account in deployment.all("Microsoft.Storage/storageAccounts"):
        properties = account["properties"]
        assert properties["publicNetworkAccess"] == ("Disabled" if is_private else "Enabled")
        assert properties["networkAcls"] == {"defaultAction": "Deny" if is_private else "Allow", "bypass": "None"}
    if not is_private:
        assert not [each["type"] for each in deployment.resources if each["type"].startswith("Microsoft.Network/")]
        assert deployment.the("Microsoft.Web/sites")["properties"]["virtualNetworkSubnetId"] is None


def test_private_networking(private: Deployment) -> None:
    """The function sends from its subnet; both accounts have endpoints, and names that lead there."""
    network = private.the("Microsoft.Network/virtualNetworks")
    subnets = {each["name"]: each["properties"] for each in network["properties"]["subnets"]}
    (delegation,) = subnets["snet-function"]["delegations"]
    assert delegation["properties"]["serviceName"] == "Microsoft.App/environments"
    assert "delegations" not in subnets["snet-endpoints"]
    assert all("networkSecurityGroup" in each for each in subnets.values())
    assert private.the("Microsoft.Web/sites")["properties"]["virtualNetworkSubnetId"] == (
        f"{network['id']}/subnets/snet-function"
    )
    endpoints = {}
    for endpoint in private.all("Microsoft.Network/privateEndpoints"):
        assert endpoint["properties"]["subnet"]["id"] == f"{network['id']}/subnets/snet-endpoints"
        (connection,) = endpoint["properties"]["privateLinkServiceConnections"]
        (service,) = connection["properties"]["groupIds"]
        account = connection["properties"]["privateLinkServiceId"].rpartition("/")[2]
        endpoints[endpoint["name"]] = (re.sub(r"prod[a-z0-9]{8}", "", account), service)
    assert sorted(endpoints.values()) == [("stevents", "blob"), ("stevents", "queue"), ("sthost", "blob")]
    zones = [each["name"] for each in private.all("Microsoft.Network/privateDnsZones")]
    assert zones == [
        f"[format('privatelink.{{0}}.{{1}}', '{service}', environment().suffixes.storage)]"
        for service in ("blob", "queue")
    ]
    links = private.all("Microsoft.Network/privateDnsZones/virtualNetworkLinks")
    assert {each["properties"]["virtualNetwork"]["id"] for each in links} == {network["id"]}
    assert len(links) == len(zones)
    groups = private.all("Microsoft.Network/privateEndpoints/privateDnsZoneGroups")
    assert {each["name"].partition("/")[0] for each in groups} == endpoints.keys()
    for group in groups:
        (config,) = group["properties"]["privateDnsZoneConfigs"]
        service = endpoints[group["name"].partition("/")[0]][1]
        assert f"'{service}'" in config["properties"]["privateDnsZoneId"]


def test_front_door(private: Deployment) -> None:
    """Where one is named nothing else gets through, whoever else's Front Door it comes from."""
    config = private.the("Microsoft.Web/sites")["properties"]["siteConfig"]
    (rule,) = config["ipSecurityRestrictions"]
    assert (rule["action"], rule["tag"], rule["ipAddress"]) == ("Allow", "ServiceTag", "AzureFrontDoor.Backend")
    assert rule["headers"] == {"x-azure-fdid": ["00000000-0000-0000-0000-0000000000fd"]}
    assert config["ipSecurityRestrictionsDefaultAction"] == "Deny"
    assert private.outputs["PUBLISH_BASE_URL"] == "https://events.example.no/events/api/v1"


def test_log(deployment: Deployment) -> None:
    """In the workspace, for as long as it is said, its tables of Application Insights too; dev has a bound for its cost."""
    days, quota = (30, 1) if deployment.name == "dev" else (90, -1)
    workspace = deployment.the("Microsoft.OperationalInsights/workspaces")
    assert workspace["properties"]["retentionInDays"] == days
    assert workspace["properties"]["workspaceCapping"] == {"dailyQuotaGb": quota}
    tables = deployment.all("Microsoft.OperationalInsights/workspaces/tables")
    assert {each["name"].partition("/")[2] for each in tables} >= {"AppTraces", "AppRequests", "AppExceptions"}
    kept = {"retentionInDays": days, "totalRetentionInDays": days}
    assert all(each["properties"] == kept for each in tables)
    component = deployment.the("Microsoft.Insights/components")["properties"]
    assert (component["WorkspaceResourceId"], component["IngestionMode"]) == (workspace["id"], "LogAnalytics")


def test_issuers(deployment: Deployment) -> None:
    """Tokens of test environments count in dev alone."""
    issuers = {each["issuer"] for each in json.loads(deployment.app_settings["TOKEN_ISSUERS"])}
    assert issuers == (
        {"https://test.maskinporten.no/", "https://platform.tt02.altinn.no/authentication/api/v1/openid/"}
        if deployment.name == "dev"
        else {"https://maskinporten.no/", "https://platform.altinn.no/authentication/api/v1/openid/"}
    )


def test_names_and_tags(deployment: Deployment) -> None:
    """Abbreviations of the Cloud Adoption Framework, lengths that Azure takes, and the tags that all have."""
    environment = deployment.name.partition("-")[0]
    named = {
        "Microsoft.Resources/resourceGroups": rf"rg-events-{environment}",
        "Microsoft.ManagedIdentity/userAssignedIdentities": rf"id-events-{environment}",
        "Microsoft.OperationalInsights/workspaces": rf"log-events-{environment}",
        "Microsoft.Insights/components": rf"appi-events-{environment}",
        "Microsoft.Insights/actionGroups": rf"ag-events-{environment}",
        "Microsoft.Storage/storageAccounts": rf"st(events{environment}[a-z0-9]{{8}}|{environment}[a-z0-9]{{8}}host)",
        "Microsoft.Web/serverfarms": rf"asp-events-{environment}",
        "Microsoft.Web/sites": rf"func-events-{environment}-[a-z0-9]{{8}}",
        "Microsoft.Network/virtualNetworks": rf"vnet-events-{environment}",
        "Microsoft.Network/networkSecurityGroups": rf"nsg-events-{environment}",
        "Microsoft.Network/privateEndpoints": rf"pep-(events|host)-(queue|blob)-events-{environment}",
    }
    for kind, pattern in named.items():
        is_network = kind.startswith("Microsoft.Network/")
        assert deployment.all(kind) or (is_network and deployment.name != "prod-private")
        assert all(re.fullmatch(pattern, each["name"]) for each in deployment.all(kind))
    without_tags = ("Microsoft.Authorization/", "Microsoft.Insights/diagnosticSettings")
    for resource in deployment.resources:
        is_child = resource["type"].count("/") > 1 and "virtualNetworkLinks" not in resource["type"]
        if not is_child and not resource["type"].startswith(without_tags):
            assert {"workload": "events", "environment": environment}.items() <= resource["tags"].items()
    accounts = [each["name"] for each in deployment.all("Microsoft.Storage/storageAccounts")]
    assert max(map(len, accounts)) <= 24


def test_what_the_next_step_needs_is_put_out(deployment: Deployment) -> None:
    assert deployment.outputs["AZURE_RESOURCE_GROUP"] == deployment.the("Microsoft.Resources/resourceGroups")["name"]
    account = deployment.the("Microsoft.Storage/storageAccounts", "stevents")["name"]
    assert deployment.outputs["EVENTS_ACCOUNT_NAME"] == account
    assert deployment.outputs["EVENTS_QUEUE_NAME"] == deployment.app_settings["EVENTS_QUEUE_NAME"]
    assert f"'{account}'" in deployment.outputs["EVENTS_QUEUE_SERVICE_URI"]
    assert ".queue." in deployment.outputs["EVENTS_QUEUE_SERVICE_URI"]
    assert deployment.outputs["FUNCTION_APP_NAME"] == deployment.the("Microsoft.Web/sites")["name"]
    assert deployment.outputs.keys() == {
        "AZURE_RESOURCE_GROUP",
        "FUNCTION_APP_NAME",
        "PUBLISH_BASE_URL",
        "EVENTS_ACCOUNT_NAME",
        "EVENTS_QUEUE_SERVICE_URI",
        "EVENTS_QUEUE_NAME",
    }
    assert deployment.diagnostics == []
