#!/bin/sh
# package.sh FILE.zip: what of the last commit the function needs, as .funcignore has it; Azure installs requirements.txt.
set -eu
case ${1:?which file? such as package.zip} in
/*) package=$1 ;;
*) package=$PWD/$1 ;;
esac
cd "$(dirname "$0")/.."

[ -z "$(git status --porcelain -- .funcignore events_publish function_app.py host.json requirements.txt)" ] ||
    echo "Changes that are not committed are not in the package." >&2
git ls-files --cached --ignored --exclude-from=.funcignore | sed 's/^/:(exclude)/' |
    xargs git archive --format=zip --output="$package" HEAD -- .
