#!/bin/sh
# Puts the browser's Socket.IO client and Swagger UI into static/vendor/: the versions and integrities of
# static/package-lock.json, from the npm registry.
set -eu
cd "$(dirname "$0")/.."
. .ci/node.sh

# Not under static/: what npm needs besides never reaches a browser or a wheel.
mkdir -p build/browser
cp static/package.json static/package-lock.json build/browser/
npm ci --prefix build/browser --ignore-scripts --no-audit --no-fund --loglevel=error --no-update-notifier >/dev/null

mkdir -p static/vendor
cp build/browser/node_modules/socket.io-client/dist/socket.io.esm.min.js static/vendor/

swagger=build/browser/node_modules/swagger-ui-dist
cp $swagger/swagger-ui.css $swagger/swagger-ui-bundle.js $swagger/swagger-ui-bundle.js.LICENSE.txt static/vendor/
cp $swagger/LICENSE static/vendor/swagger-ui.LICENSE.txt # Apache-2.0 wants both to go along
cp $swagger/NOTICE static/vendor/swagger-ui.NOTICE.txt
