#!/usr/bin/env bash
# Form, lints and dependency policy; `make test` begins with it.
set -euo pipefail

cd "$(dirname "$0")/.."
scripts/stage.sh format cargo fmt --all --check
scripts/stage.sh clippy cargo clippy --workspace --all-targets --locked -- -D warnings
if cargo deny --version >/dev/null 2>&1; then
    # Advisories are left to `make audit`: they need the network, and a new one must not turn an old commit red.
    scripts/stage.sh dependencies cargo deny --locked check bans licenses sources
else
    echo "Skipped: deny.toml. \`cargo install --locked cargo-deny\` (three minutes) lets \`make lint\` check it too."
fi
