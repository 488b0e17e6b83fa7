#!/bin/sh
# setup.sh python | node | checkov | site: make .venv, node_modules, .venv-checkov or .venv-site at the root of the
# checkout, and say how.
# setup.sh which: print a Python of the version in .python-version, or fail.
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "$1"
    exit 1
}

# A Python counts only if it runs: a version manager's shim may stand on the PATH with nothing behind it.
find_python() {
    for candidate in "${PYTHON:-}" "python$1" python3 python "${HOME:-}"/.pyenv/versions/"$1"*/bin/python; do
        if [ -n "$candidate" ] && "$candidate" -c "import sys, venv
sys.exit('%d.%d' % sys.version_info[:2] != '$1')" >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

# make_venv FOLDER PIP_OPTIONS…
make_venv() {
    folder=$1
    shift
    version=$(cat .python-version)
    python=$(find_python "$version") ||
        fail "Python $version is missing. Install it (https://www.python.org/downloads/), or name one: make setup PYTHON=/path/to/python$version"
    echo "Making $folder with $("$python" --version) …"
    "$python" -m venv --clear "$folder" ||
        fail "The venv could not be made; on Debian and Ubuntu install python$version-venv."
    echo "Installing its packages …"
    "$folder/bin/python" -m pip install -qq --disable-pip-version-check "$@"
    touch "$folder/.ready"
    echo "$folder is ready."
}

make_node_modules() {
    major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null) || major=0
    [ "$major" -ge 20 ] && command -v npm >/dev/null 2>&1 ||
        fail "Node.js 20 or later, with npm, is missing; Azurite runs on it. Install it (https://nodejs.org/)."
    echo "Installing Azurite and what the tests need …"
    npm ci --silent
    touch node_modules/.ready
    echo "node_modules is ready."
}

case $1 in
python) make_venv .venv -r requirements.txt -r requirements-dev.txt ;;
checkov) make_venv .venv-checkov -r requirements-checkov.txt ;;
site) make_venv .venv-site -r requirements-site.txt ;;
node) make_node_modules ;;
which) find_python "$(cat .python-version)" ;;
esac
