#!/bin/sh
# smoke-test.sh BASE_URL [SECONDS]: asks a deployed endpoint what a probe and a stranger would ask, and with TOKEN set
# publishes an event, which alone proves that it may. It waits for SECONDS, 300 if not said, until the endpoint is ready.
set -eu
base=${1:?which endpoint? such as https://HOST/events/api/v1}
base=${base%/}
patience=${2:-300}
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
trap 'exit 130' INT TERM # dash leaves out the other one otherwise

# ask STATUS METHOD PATH [CURL OPTIONS]: whether the answer has that status.
ask() {
    expected=$1 method=$2 path=$3
    shift 3
    : >"$answer"
    status=$(curl -sS --max-time 30 -o "$answer" -w '%{http_code}' -X "$method" "$@" "$base$path") || status=000
    [ "$status" = "$expected" ]
}

check() {
    if ask "$@"; then
        echo "ok    $status $method $path"
    else
        echo "FAIL  $status $method $path, expected $expected"
        cat "$answer"
        echo
        exit 1
    fi
}

end=$(($(date +%s) + patience))
until ask 200 GET /health/ready || [ "$(date +%s)" -ge "$end" ]; do
    echo "wait  $status $method $path"
    sleep "${PAUSE:-5}"
done

check 200 GET /health
check 200 GET /health/ready
check 200 GET /openapi.json
check 401 POST /events -H 'Content-Type: application/cloudevents+json' -d '{}'
check 405 DELETE /events
if [ -n "${TOKEN:-}" ]; then
    event="{\"specversion\": \"1.0\", \"id\": \"smoke-test-$(date +%s)-$$\", \"type\": \"no.example.smoke-test\",
        \"source\": \"urn:example:smoke-test\", \"resource\": \"urn:altinn:resource:smoke-test\"}"
    # The token goes by a file: others on the machine can read a command line.
    printf 'header = "Authorization: Bearer %s"\n' "$TOKEN" |
        check 200 POST /events -K - -H 'Content-Type: application/cloudevents+json' -d "$event"
fi
