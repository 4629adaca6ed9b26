#!/usr/bin/env bash
# Runs one stage of a longer job under a heading and prints how long it took, also when it fails.
#
#   scripts/stage.sh NAME COMMAND [ARGUMENT...]
set -euo pipefail

name=$1
shift
began=$SECONDS
printf '\n== %s: %s\n' "$name" "$*"
status=0
"$@" || status=$?
took="$((SECONDS - began)) s"
if [[ $status -eq 0 ]]; then
    printf '== %s: done in %s\n' "$name" "$took"
else
    printf '== %s: FAILED (exit %d) after %s\n' "$name" "$status" "$took"
fi
exit "$status"
