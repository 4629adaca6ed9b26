#!/usr/bin/env bash
# Runs every fuzz target for FUZZ_SECONDS each (30 unless told), or only those that are named.
#
#   FUZZ_SECONDS=600 scripts/fuzz.sh decode_entry
#
# New inputs stay in tests/fuzz/corpus, which is not committed; a failing input is written to tests/fuzz/artifacts and its
# path printed. Put a failing input into tests/fuzz/seeds/TARGET under a name that says what it is: `make test` replays
# that folder for ever.
set -euo pipefail

cd "$(dirname "$0")/../tests/fuzz"
seconds=${FUZZ_SECONDS:-30}

if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "Fuzzing needs cargo-fuzz: cargo install --locked cargo-fuzz" >&2
    exit 1
fi
if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "Fuzzing needs the nightly toolchain for its sanitizers: rustup toolchain install nightly" >&2
    exit 1
fi

# cargo-fuzz looks for its package in ./fuzz unless told.
fuzz() {
    local verb=$1
    shift
    cargo +nightly fuzz "$verb" --fuzz-dir . "$@"
}

targets=("$@")
if [[ ${#targets[@]} -eq 0 ]]; then
    mapfile -t targets < <(fuzz list)
fi
for target in "${targets[@]}"; do
    mkdir -p "corpus/$target" "seeds/$target"
    ../../scripts/stage.sh "fuzz $target" \
        cargo +nightly fuzz run --fuzz-dir . "$target" "corpus/$target" "seeds/$target" -- \
        -max_total_time="$seconds" -max_len=70000 -print_final_stats=1
done
