#!/usr/bin/env bash
# Every test of the workspace, in the one profile and feature set that everything is built with.
#
# cargo-nextest runs each test in a process of its own, across crates at once, and is used where it is installed. Plain
# `cargo test` runs the same tests. Tests in doc comments are known to `cargo test` only.
set -euo pipefail

cd "$(dirname "$0")/.."
# One selection for both stages. `cargo build` rather than `cargo test --no-run`, because the lab starts the programs of
# other packages and needs them built with the same features as the tests.
targets=(--workspace --lib --bins --tests --locked)

scripts/stage.sh build cargo build "${targets[@]}"
scripts/stage.sh "doc tests" cargo test --workspace --locked --doc
if cargo nextest --version >/dev/null 2>&1; then
    scripts/stage.sh tests cargo nextest run "${targets[@]}" --no-fail-fast
else
    scripts/stage.sh tests cargo test "${targets[@]}" --no-fail-fast
fi
