#!/bin/sh
# Makes .venv from requirements.lock, each package checked against its hash, with labkit in it.
set -eu

python=$(sh scripts/python.sh)
echo "… Making .venv with $("$python" --version) and the pinned packages (once, one to two minutes)."
"$python" -m venv --clear .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile \
    --require-hashes --requirement requirements.lock
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --no-deps --no-build-isolation --editable .
touch .venv/ready
