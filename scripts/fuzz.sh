#!/usr/bin/env bash
# Runs every fuzz target for FUZZ_SECONDS each (30 unless told), or only those that are named.
#
#   FUZZ_SECONDS=600 scripts/fuzz.sh entry_header
#
# What a run learns stays in tests/fuzz/corpus, which is not committed. A failing input is written to tests/fuzz/artifacts
# and its path printed; put it into tests/fuzz/seeds/TARGET under a name that says what it is, and `make test` replays it
# for ever.
set -euo pipefail

cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-30}
# Longer inputs only make the search slower: every structure of the wire fits many times over.
max_bytes=16384

if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "Fuzzing needs cargo-fuzz: cargo install --locked cargo-fuzz" >&2
    exit 1
fi
if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "Fuzzing needs the nightly toolchain for its sanitizers: rustup toolchain install nightly" >&2
    exit 1
fi

targets=("$@")
if [[ ${#targets[@]} -eq 0 ]]; then
    mapfile -t targets < <(cargo +nightly fuzz list --fuzz-dir tests/fuzz)
fi
scripts/stage.sh "fuzz build" cargo +nightly fuzz build --fuzz-dir tests/fuzz
for target in "${targets[@]}"; do
    mkdir -p "tests/fuzz/corpus/$target"
    scripts/stage.sh "fuzz $target" cargo +nightly fuzz run --fuzz-dir tests/fuzz "$target" \
        "tests/fuzz/corpus/$target" "tests/fuzz/seeds/$target" -- -max_total_time="$seconds" -max_len="$max_bytes" -print_final_stats=1
done
