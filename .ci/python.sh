#!/bin/sh
# Prints the Python that is to carry the project: the one given, or the first on PATH that can. Says what to install where
# there is none.
# A name on PATH may be a stub of a version manager, so each candidate is run, not just found.
fits='import sys; sys.exit(sys.version_info < (3, 11))'
[ $# -gt 0 ] || set -- python3 python3.13 python3.12 python3.11
for python in "$@"; do
    "$python" -c "$fits" >/dev/null 2>&1 || continue
    if "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        echo "$python"
        exit 0
    fi
    bare=${bare:-$python}
done
if [ -n "$bare" ]; then
    echo "$bare can't make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2
else
    echo "Python 3.11 or newer is needed, and none of these is: $*. Name one by hand: make PYTHON=/path/to/python3 ..." >&2
fi
exit 1
