#!/usr/bin/env bash
# Holds the API of the dashboard to its document: dashboard/openapi.json against the stage of the browser tests.
# `tests/contract/run.sh [seconds]`; the stage must have been built (cargo build -p resurge-browser-tests).
set -euo pipefail
cd "$(dirname "$0")/../.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
home="$target/contract"
if ! cmp -s tests/contract/requirements.txt "$home/requirements.txt"; then
    rm -rf "$home"
    python3 -m venv "$home"
    "$home/bin/pip" install -q --disable-pip-version-check -r tests/contract/requirements.txt
    cp tests/contract/requirements.txt "$home/requirements.txt"
fi
PYTHONDONTWRITEBYTECODE=1 exec "$home/bin/python" tests/contract/run.py "$target/debug/stage" "$home/bin/schemathesis" "${1:-45}"
