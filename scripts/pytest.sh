#!/bin/sh
# Runs tests: scripts/pytest.sh PYTEST WORD ...
#
# Tests with real servers, browsers and clusters share a machine with each other. Where one to three
# of them fail, these are run once more, by themselves, and those that pass then are named: they, or
# what they test, want mending. More failures, and a second one, fail.
set -u

pytest=$1
shift
failed=.pytest_cache/v/cache/lastfailed
rm -f "$failed"
"$pytest" "$@"
code=$?
[ $code = 1 ] && [ -f "$failed" ] || exit $code
names=$(sed -n 's/^  "\(.*\)": true,*$/  \1/p' "$failed")
[ "$(echo "$names" | wc -l)" -le 3 ] || exit $code
echo "Once more, by themselves:"
echo "$names"
"$pytest" "$@" -n 0 --last-failed || exit
echo "UNSTEADY: these failed beside others, and passed by themselves:"
echo "$names"
