# The one door. `just` lists what is behind it.

default:
    @just --list

# Everything that CI checks.
ci:
    bash .ci/run

# Format, lints, tidy: what to run before a commit.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --all-features -- -D warnings
    cargo test -p resurge-tests --test tidy

# The tests of the README.
test:
    cargo test --workspace

# The simulation of the core, from a seed: `just sim 1 100000`.
sim seed="1" seeds="100000":
    RESURGE_SIM_SEED={{seed}} RESURGE_SIM_SEEDS={{seeds}} cargo test --release -p resurge --lib sim

# Golden journals of a format that has none yet; those that are there are never written again.
golden:
    cargo test -p resurge-tests --test format -- --ignored golden_journals_are_written_once
    cd tests/golden/v2 && find . -type f ! -name SHA256SUMS -printf '%P\n' | LC_ALL=C sort | xargs sha256sum > SHA256SUMS

# The demo of the launcher.
demo:
    cargo run --release --example launcher -- demo

# API documentation, without warnings.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features

# Supply chain rules, where cargo-deny is installed.
deny:
    cargo deny check

# Accept what the compiler now says about the wiring mistakes.
bless:
    TRYBUILD=overwrite cargo test -p resurge-ui-tests
