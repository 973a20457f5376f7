# Each target first sets up what is missing; a second run finds it there and costs nothing.
.PHONY: run dev dist test check lint bench soak cluster

# The main job: a release build that serves on the embedded default, with a demo channel, account and token.
run:
	infra/setup run
	cargo run --release --locked -p veloera -- serve --demo

# The same from a debug build, for work on the code.
dev:
	infra/setup run
	cargo run --locked -p veloera -- serve --demo

# The build that is handed out: by what it did in a minute of calls. It takes three builds' time.
dist:
	infra/setup dist
	infra/dist

# Every suite. The whole-system tests start the release binary, which is what people run; those that end it at named
# points start a build that can be told to, and the last line makes the ledger wrong in every way that must be noticed.
test:
	infra/setup test
	cargo build --release --locked -p veloera
	cargo build --locked -p veloera --features faults
	install -D $${CARGO_TARGET_DIR:-target}/debug/veloera $${CARGO_TARGET_DIR:-target}/faults/veloera
	cargo test --locked --workspace
	cargo test --locked --workspace --features ledger/mutants --test simulation mutant

lint:
	infra/setup rust
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps

check:
	infra/setup test
	$(MAKE) lint
	$(MAKE) test

# What a call costs beside bare proxies, and what the ledger reaches beside bare rows, each in one run, of the build that
# is handed out. The machine should have nothing else to do. LANES=settle,journal measures only those.
bench: dist
	infra/setup bench
	cargo build --profile dist --locked -p tests --bin bench
	VELOERA_BIN="$$(realpath "$${CARGO_TARGET_DIR:-target}")/dist/veloera" "$${CARGO_TARGET_DIR:-target}/dist/bench" $(LANES)

# The larger scopes of the model and thousands of seeds: an hour and some gigabytes. What was run is then in docs/soak.md;
# what fails says its seed. VELOERA_SEEDS=n runs so many.
soak:
	infra/setup test
	infra/soak

# A control node and two relay nodes on PostgreSQL and NATS, from installed programs; prints where they are.
cluster:
	infra/setup run test
	cargo build --release --locked -p veloera
	cargo build --locked -p tests --bin cluster
	"$${CARGO_TARGET_DIR:-target}/debug/cluster"
