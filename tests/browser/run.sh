#!/usr/bin/env bash
# The page: its types, its arithmetic, and all of it in a real Chromium.
# The stage must have been built (cargo build -p resurge-browser-tests).
set -euo pipefail
cd "$(dirname "$0")"

npm ci --silent --no-audit --no-fund
node_modules/.bin/tsc --noEmit -p ../../dashboard/page
# Two files at a time: each has its own stage and browser, and waits for most of its time.
shopt -s extglob
node --test --test-concurrency=2 unit/*.test.mjs ./!(crowd).test.mjs
# This one measures how long frames take.
node --test crowd.test.mjs
