#!/bin/sh
# Runs tests side by side. Those that failed get a second try, one by one, with nothing beside them: a deadline that a
# busy machine made them miss is met then. A fault that shows only now and then may pass as well, so both runs stand in
# the output. More than ten failures are no accident, and an interrupted or impossible run isn't repeated.
set -u
pytest() { .venv/bin/python -m pytest "$@"; }

pytest --cache-clear "$@"
code=$?
[ "$code" -eq 1 ] || exit "$code"
failed=$(.venv/bin/python -c 'import json; print(len(json.load(open(".pytest_cache/v/cache/lastfailed"))))')
[ "$failed" -le 10 ] || exit 1
echo
echo "$failed failed beside others. One by one:"
pytest "$@" --last-failed --last-failed-no-failures none -n 0
