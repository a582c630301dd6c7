#!/usr/bin/env bash
# The page: its types, its arithmetic, and all of it in a real Chromium.
# The stage must have been built (cargo build -p resurge-browser-tests).
set -euo pipefail
cd "$(dirname "$0")"

npm ci --silent --no-audit --no-fund
node_modules/.bin/tsc --noEmit -p ../../dashboard/page
# One file after the other: some measure how long things take.
node --test --test-concurrency=1 unit/*.test.mjs ./*.test.mjs
