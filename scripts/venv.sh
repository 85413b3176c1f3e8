#!/bin/sh
# Makes .venv from requirements.lock, each package checked against its hash, with labkit in it.
set -eu

python=$(sh scripts/python.sh)
echo "… Making .venv with $("$python" --version) and the pinned packages (once, one to two minutes)."
"$python" -m venv --clear .venv
# The lock is complete. A pip that resolved it again would look at newer releases, which have no hash.
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile \
    --no-deps --require-hashes --requirement requirements.lock
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --no-deps --no-build-isolation --editable .
.venv/bin/python -m pip check --disable-pip-version-check # nothing was left out of the lock
# Compiled once and on all cores: else every kernel of a user who writes no bytecode pays for it.
.venv/bin/python -m compileall -q -j 0 .venv/lib labkit >/dev/null 2>&1 || true
touch .venv/ready
