#!/bin/sh
# package.sh FILE.zip: what of the last commit the function needs, as .funcignore has it, and its bytecode: Azure mounts
# the package read-only, so Python would compile all of it anew at each cold start. Azure installs requirements.txt.
set -eu
case ${1:?which file? such as package.zip} in
/*) package=$1 ;;
*) package=$PWD/$1 ;;
esac
cd "$(dirname "$0")/.."

# archive OPTIONS…
archive() {
    git ls-files --cached --ignored --exclude-from=.funcignore | sed 's/^/:(exclude)/' |
        xargs git archive "$@" HEAD -- .
}

[ -z "$(git status --porcelain -- .funcignore events_publish function_app.py host.json requirements.txt)" ] ||
    echo "Changes that are not committed are not in the package." >&2
sources=$(mktemp -d)
trap 'rm -rf "$sources"' EXIT
trap 'exit 130' INT TERM # dash leaves out the other one otherwise
set --
if python=$(PYTHON=${PYTHON:-.venv/bin/python} sh local/setup.sh which); then
    archive --format=tar | tar -xf - -C "$sources"
    # Not to be checked against the times of the sources, which change on the way to Azure.
    "$python" -I -m compileall -q --invalidation-mode unchecked-hash -s "$sources" "$sources"
    for file in $(cd "$sources" && find -- * -name '*.pyc' | sort); do
        set -- "$@" "--prefix=${file%/*}/" "--add-file=$sources/$file"
    done
else
    echo "Python $(cat .python-version) is missing, so the package has no bytecode: each cold start will take longer." >&2
fi
archive --format=zip --output="$package" "$@" --prefix=
