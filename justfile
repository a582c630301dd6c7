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

# The page in a real Chromium: types, units, every control, outages, crowds, accessibility.
browser:
    cargo build -p resurge-browser-tests
    bash tests/browser/run.sh

# The API against its document; so many seconds of made-up requests.
contract seconds="45":
    cargo build -p resurge-browser-tests
    bash tests/contract/run.sh {{seconds}}

# What the page costs, and how soon it shows what happened, as a table; needs a machine with nothing else to do.
figures:
    cargo build --release -p resurge-browser-tests
    cd tests/browser && RESURGE_PROFILE=release node figures.mjs

# The pictures of docs/images.
screenshots:
    cargo build -p resurge-browser-tests
    cd tests/browser && node screenshots.mjs

# The simulation of the core, from a seed: `just sim 1 100000`.
sim seed="1" seeds="100000":
    RESURGE_SIM_SEED={{seed}} RESURGE_SIM_SEEDS={{seeds}} cargo test --release -p resurge --lib sim

# Golden journals that are not there yet; those that are are never written again.
golden:
    cargo test -p resurge-tests --test format -- --ignored golden_journals_are_written_once
    cd tests/golden/v2 && find . -type f ! -name SHA256SUMS -printf '%P\n' | LC_ALL=C sort | xargs sha256sum > SHA256SUMS

# One campaign from a seed, with a size of its own: `just campaign c3 7 10000`.
campaign name seed="1" count="100":
    RESURGE_CAMPAIGN={{name}} RESURGE_CAMPAIGN_SEED={{seed}} RESURGE_CAMPAIGN_COUNT={{count}} cargo test -q -p resurge-campaigns --test campaigns

# All campaigns at their long sizes, one after the other: hours. Root for c4 and c8.
campaigns seed="1":
    just campaign c3 {{seed}} 10000
    just campaign c3-runs {{seed}} 2000
    just campaign c4 {{seed}} 5000
    just campaign c4-process {{seed}} 500
    just campaign c4-repair {{seed}} 1000
    just campaign c6 {{seed}} 100000
    just campaign c6-hang {{seed}} 60
    just campaign c7 {{seed}} 100000
    just campaign c8 {{seed}} 2048
    just campaign c8-room {{seed}} 24
    just campaign c8-bodies {{seed}} 24
    just campaign c9 {{seed}} 16
    just campaign c10 {{seed}} 16
    just campaign c10-single {{seed}} 1000000
    just campaign c10-files {{seed}} 50000
    just campaign c10-both {{seed}} 10000
    just campaign c10-killed {{seed}} 10000
    just campaign c19 {{seed}} 1700
    just campaign c20 {{seed}} 5000
    just campaign c20-power {{seed}} 1000
    just campaign c20-calls {{seed}} 60
    just campaign c20-index {{seed}} 500
    just campaign c21 {{seed}} 500

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
