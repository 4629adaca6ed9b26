# `make` alone lists the targets. The work is in scripts/, so that each piece can be run and read by itself.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# rustup installs here and a shell that was open before knows nothing of it.
export PATH := $(HOME)/.cargo/bin:$(PATH)

# Seeds of each simulator scenario in `make soak`; `make test` runs hundreds.
SOAK_SEEDS ?= 20000
# Seconds for each target in `make fuzz`.
FUZZ_SECONDS ?= 30
# Rows that `make bench` prints: all, or some of the groups in tests/bench/src/main.rs, with commas between them.
ROWS ?=
# Passed on to the app by `make run`.
ARGS ?=

.PHONY: help run demo test lint audit fmt bench soak fuzz

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' Makefile

run: ## start the desktop app (the demo where there is no display); ARGS="..." goes to the app
	@scripts/install-deps.sh build window
	@scripts/run.sh $(ARGS)

demo: ## three nodes without windows meet, talk, are killed and come back: told in plain words
	@scripts/install-deps.sh build
	@cargo build --quiet --locked -p veche-node -p veche-lab --bins
	@cargo run --quiet --locked -p veche-lab --bin demo

test: ## everything that has to hold: form, lints, all tests
	@scripts/install-deps.sh build window tests
	@scripts/lint.sh
	@scripts/test.sh

lint: ## form, clippy and, where cargo-deny is installed, deny.toml
	@scripts/install-deps.sh build
	@scripts/lint.sh

audit: ## known vulnerabilities in the dependencies (needs cargo-deny and the network)
	@cargo deny --locked check advisories

fmt: ## put the sources into form
	@cargo fmt --all

# The dev profile and the features of the whole workspace, as in `make test`: what is measured is what was tested, and little is
# built twice.
bench: ## print the benchmark tables, or ROWS=GROUP,GROUP of them
	@scripts/install-deps.sh build window tests bench
	@cargo build --quiet --locked --workspace --bin veche-node --bin veche-bootstrap --bin veche --bin tables --bench primitives
	@ROWS="$(ROWS)" "$${CARGO_TARGET_DIR:-target}/debug/tables"
	@cargo bench --quiet --locked --workspace --profile dev --bench primitives

soak: ## the simulator over SOAK_SEEDS seeds (20000), then the lab with more rounds and longer faults
	@scripts/install-deps.sh build window tests
	@SIM_SEEDS=$(SOAK_SEEDS) scripts/stage.sh soak cargo test --locked -p veche-sim -- --nocapture
	@VECHE_KILL_ROUNDS=50 VECHE_CUT_SECONDS=90 scripts/stage.sh "lab soak" cargo test --locked -p veche-lab -- --nocapture

fuzz: ## look for inputs that break a decoder, FUZZ_SECONDS (30) for each target
	@scripts/install-deps.sh build
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz.sh
