#!/bin/sh
# Installs another client of the protocol into build/independent/, for tests/independent: the versions and integrities
# of its package-lock.json, from the npm registry. The last thing that it writes is which node it is to be run with.
set -eu
cd "$(dirname "$0")/.."
. .ci/node.sh

mkdir -p build/independent
cp tests/independent/package.json tests/independent/package-lock.json tests/independent/.npmrc build/independent/
(cd build/independent && npm ci --no-audit --no-fund --loglevel=error --no-update-notifier >/dev/null)
command -v node >build/independent/node
