#!/bin/sh
# publish.sh FILE…: publishes CloudEvents, one in each file, as JSON. Needs curl and openssl.
#
# Exit code 0: all are on the queue. 1: some are not, and it says why. 75: one got no good answer in time. It may be on
# the queue or not, so send the same file again later, and those after it.
set -eu

EVENTS_URL=${EVENTS_URL:-http://127.0.0.1:7071/events/api/v1/events}
ISSUER=${ISSUER:-http://127.0.0.1:7072/} # of Maskinporten: https://maskinporten.no/
CLIENT_ID=${CLIENT_ID:-local-client}
KEY_FILE=${KEY_FILE:-../../.local/client-key.pem} # the private key of the client, an RSA key as PEM
KEY_ID=${KEY_ID:-}                                # its kid, which Maskinporten asks for
SCOPE=${SCOPE:-altinn:events.publish}
PATIENCE=${PATIENCE:-300} # seconds that an event may take in all

TOKEN=
RENEW_AT=0

# request URL OPTION…: prints the status of the answer, 000 where there is none. Its head and body are in $work.
request() {
    : >"$work/head"
    : >"$work/body"
    curl --silent --show-error --connect-timeout 5 --max-time 30 --dump-header "$work/head" --output "$work/body" \
        --write-out '%{http_code}' "$@" >"$work/status" || echo 000 >"$work/status"
    cat "$work/status"
}

base64url() {
    openssl base64 -A | tr '+/' '-_' | tr -d '='
}

# member NAME: the string of that name in the answer.
member() {
    sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p" "$work/body" | sed 's#\\/#/#g'
}

# A token by the JWT-bearer grant (RFC 7523), kept until shortly before it expires. 1 where the issuer is away.
renew_token() {
    status=$(request "${ISSUER%/}/.well-known/oauth-authorization-server")
    [ "$status" = 200 ] || no_token || return
    endpoint=$(member token_endpoint)
    now=$(date +%s)
    header="{\"alg\":\"RS256\"${KEY_ID:+,\"kid\":\"$KEY_ID\"}}"
    claims="{\"iss\":\"$CLIENT_ID\",\"aud\":\"$ISSUER\",\"scope\":\"$SCOPE\",\"iat\":$now,\"exp\":$((now + 100)),\"jti\":\"$(openssl rand -hex 16)\"}"
    unsigned=$(printf %s "$header" | base64url).$(printf %s "$claims" | base64url)
    signature=$(printf %s "$unsigned" | openssl dgst -sha256 -sign "$KEY_FILE" -binary | base64url)
    # Secrets go to curl through a pipe: the command line is for all to see.
    status=$(printf %s "$unsigned.$signature" | request "$endpoint" --data-urlencode assertion@- \
        --data-urlencode grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer)
    [ "$status" = 200 ] || no_token || return
    TOKEN=$(member access_token)
    lifetime=$(sed -n 's/.*"expires_in" *: *\([0-9]*\).*/\1/p' "$work/body")
    RENEW_AT=$((now + lifetime - 30))
}

no_token() {
    [ "${status#4}" = "$status" ] && return 1
    echo "The issuer gives no token: $status $(cat "$work/body")" >&2
    exit 1
}

# publish FILE: the same bytes, so the same id and source, as often as it takes.
publish() {
    deadline=$(($(date +%s) + PATIENCE))
    pause=1 renewals=1 errors=1
    while :; do
        status=000
        if [ "$(date +%s)" -lt "$RENEW_AT" ] || renew_token; then
            status=$(printf 'header = "Authorization: Bearer %s"\n' "$TOKEN" | request "$EVENTS_URL" --config - \
                --header 'Content-Type: application/cloudevents+json' --data-binary "@$1")
        fi
        case $status in
        200)
            echo "$1: published"
            return
            ;;
        401) # an expired token, most likely: once with a new one
            if grep -q invalid_token "$work/head" && [ $((renewals -= 1)) -eq 0 ]; then
                RENEW_AT=0
                continue
            fi
            refused "$1" || return
            ;;
        000 | 503) ;;
        500) [ $((errors -= 1)) -eq 0 ] || refused "$1" || return ;;
        *) refused "$1" || return ;;
        esac
        # As long as it says, and by chance longer each time, for all publishers would come back at once.
        retry_after=$(sed -n 's/^[Rr]etry-[Aa]fter: *\([1-9][0-9]*\).*/\1/p' "$work/head")
        wait=$((${retry_after:-0} + $(od -An -N2 -tu2 /dev/urandom) % (pause + 1)))
        if [ $(($(date +%s) + wait)) -gt "$deadline" ]; then
            echo "$1: no good answer within $PATIENCE s; send it again later, and what comes after it" >&2
            exit 75
        fi
        sleep "$wait"
        pause=$((pause < 32 ? pause * 2 : 60))
    done
}

refused() {
    echo "$1: $status $(cat "$work/body")" >&2
    return 1
}

[ $# -gt 0 ] || {
    echo "publish.sh FILE…: which files?" >&2
    exit 2
}
for file in "$@" "$KEY_FILE"; do
    [ -r "$file" ] || {
        echo "$file cannot be read" >&2
        exit 2
    }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
code=0
for file in "$@"; do
    publish "$file" || code=1
done
exit $code
