#!/bin/sh
# deploy.sh ENVIRONMENT: deploys infra/ENVIRONMENT.bicepparam and the last commit to the subscription that az is signed
# in to, and asks what is there then. It can be run again at any time.
set -eu
cd "$(dirname "$0")/.."
environment=$1
deployment=events-publish-$environment
package=$(mktemp -d)/package.zip
trap 'rm -rf "${package%/*}"' EXIT

az deployment sub create --name "$deployment" --location "${LOCATION:-norwayeast}" \
    --parameters "infra/$environment.bicepparam" --output none
outputs=$(az deployment sub show --name "$deployment" --query properties.outputs --output json)

# output NAME: Azure does not keep the case of names.
output() {
    printf '%s' "$outputs" | python3 -c 'import json, sys
print({name.upper(): each["value"] for name, each in json.load(sys.stdin).items()}[sys.argv[1]])' "$1"
}

sh infra/package.sh "$package"
tries=0
until az functionapp deployment source config-zip --resource-group "$(output AZURE_RESOURCE_GROUP)" \
    --name "$(output FUNCTION_APP_NAME)" --src "$package" --output none; do
    tries=$((tries + 1))
    [ "$tries" -lt 5 ] || exit 1
    echo "Once more, in a minute: a new role takes its time."
    sleep "${PAUSE:-60}"
done
sh infra/smoke-test.sh "$(output PUBLISH_BASE_URL)"
