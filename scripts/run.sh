#!/usr/bin/env bash
# Starts the desktop app, or the demo where there is no display to open a window on.
set -euo pipefail

cd "$(dirname "$0")/.."
if [[ $(uname) = Linux && -z ${DISPLAY:-} && -z ${WAYLAND_DISPLAY:-} ]]; then
    echo "There is no display here (DISPLAY and WAYLAND_DISPLAY are both empty), so no window can open."
    echo "Instead, this is the demo: three nodes without windows that talk to each other on this machine."
    exec make --no-print-directory demo
fi
exec cargo run --locked -p veche-gui --bin veche -- "$@"
