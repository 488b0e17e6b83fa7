#!/bin/sh
# deploy.sh ENVIRONMENT: deploys infra/ENVIRONMENT.bicepparam, as it lies there, and the function of the last commit to
# the subscription that az is signed in to, and asks what is there then. It can be run again at any time. LOCATION is
# where Azure keeps the record of the deployment; PAUSE and PATIENCE are seconds between attempts at sending the package,
# and for the function to be ready.
set -eu
cd "$(dirname "$0")/.."
environment=${1:?which environment? such as dev, for infra/dev.bicepparam}
deployment=events-publish-$environment
package=$(mktemp -d)/package.zip
trap 'rm -rf "${package%/*}"' EXIT
trap 'exit 130' INT TERM # dash leaves out the other one otherwise

echo "Deploying to $environment in $(az account show --query name --output tsv); it takes some minutes."
az deployment sub create --name "$deployment" --location "${LOCATION:-norwayeast}" \
    --parameters "infra/$environment.bicepparam" --output none
outputs=$(az deployment sub show --name "$deployment" --query properties.outputs --output json)

# output NAME: Azure does not keep the case of names.
output() {
    printf '%s' "$outputs" | python3 -c 'import json, sys
print({name.upper(): each["value"] for name, each in json.load(sys.stdin).items()}[sys.argv[1]])' "$1"
}
AZURE_RESOURCE_GROUP=$(output AZURE_RESOURCE_GROUP)
FUNCTION_APP_NAME=$(output FUNCTION_APP_NAME)
EVENTS_ACCOUNT_NAME=$(output EVENTS_ACCOUNT_NAME)
PUBLISH_BASE_URL=$(output PUBLISH_BASE_URL)

sh infra/package.sh "$package"
tries=0
until said=$(az functionapp deployment source config-zip --resource-group "$AZURE_RESOURCE_GROUP" \
    --name "$FUNCTION_APP_NAME" --src "$package" --output none 2>&1); do
    printf '%s\n' "$said" >&2
    case $said in
    *"Deployment was successful"*) break ;; # but az found it unhealthy: the smoke test says more
    esac
    tries=$((tries + 1))
    [ "$tries" -lt 15 ] || exit 1
    echo "The package is not there yet; once more in a minute ($tries of 15). A new role takes its time to count."
    sleep "${PAUSE:-60}"
done
cat <<EOF
AZURE_RESOURCE_GROUP=$AZURE_RESOURCE_GROUP
FUNCTION_APP_NAME=$FUNCTION_APP_NAME
EVENTS_ACCOUNT_NAME=$EVENTS_ACCOUNT_NAME
PUBLISH_BASE_URL=$PUBLISH_BASE_URL
EOF
sh infra/smoke-test.sh "$PUBLISH_BASE_URL" "${PATIENCE:-}"
