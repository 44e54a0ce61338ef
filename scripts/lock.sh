#!/usr/bin/env bash
# Pins every requirement with its hashes, for Linux and macOS alike: requirements.lock for the
# project (Python 3.11 to 3.13), scripts/locks/*.lock for the older Sparks (Python 3.9 to 3.13).
# What is pinned stays pinned unless the ranges ask for more; `make lock UPGRADE=1` takes newer.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
"${PYTHON:-.venv/bin/python}" -m venv "$tools/venv"
"$tools/venv/bin/pip" install --quiet --disable-pip-version-check uv

# compile OUTPUT PYTHON ARGUMENT...
compile() {
    local output=$1 python=$2 pins=$tools/pins
    shift 2
    rm -f "$pins"
    if [ -z "${UPGRADE:-}" ] && [ -f "$output" ]; then cp "$output" "$pins"; fi
    "$tools/venv/bin/uv" pip compile --quiet --universal --python-version "$python" \
        --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
        --output-file "$pins" "$@"
    {
        echo "# Written by \`make lock\`; installed with --require-hashes by \`make setup\`."
        cat "$pins"
    } >"$output"
    echo "$output: $(grep -c '^[a-z0-9]' "$output") packages"
}

compile requirements.lock 3.11 pyproject.toml --extra dev --extra deploy --extra ui
# Into the same environment, so at the same versions.
compile scripts/locks/notebook.lock 3.11 pyproject.toml --extra notebook --constraint requirements.lock
for input in scripts/locks/*.in; do
    compile "${input%.in}.lock" 3.9 "$input" --no-config
done
