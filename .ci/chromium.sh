#!/bin/sh
# Makes sure that there is a Chromium for the browser tests: the system's, or Debian's where root may install it.
# The names are those of tests/chromium.py.
set -u
for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
[ -x "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" ] && exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "The browser tests need Chromium or Google Chrome on PATH. On Debian and Ubuntu: sudo apt-get install chromium" >&2
    exit 1
fi

echo "Installing Chromium for the browser tests (once) ..."
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold chromium </dev/null; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
{ install || { apt-get update -qq && install; }; } >"$log" 2>&1 && exit 0
cat "$log" >&2
echo "Chromium could not be installed (the reason stands above); the browser tests need it." >&2
exit 1
