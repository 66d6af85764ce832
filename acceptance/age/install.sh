#!/usr/bin/env bash
# Installs age's own command line, and rage, an implementation in Rust that shares no
# code with it, inside the clone.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=$PWD/.cache/acceptance/age
for program in age age-keygen; do
  [ "$("$tools/$program" --version 2>/dev/null)" = v1.2.1 ] || GOBIN="$tools" GOFLAGS= go install "filippo.io/age/cmd/$program@v1.2.1"
done
venv=.cache/acceptance/venv-age
if ! cmp -s acceptance/age/requirements.txt "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r acceptance/age/requirements.txt
  cp acceptance/age/requirements.txt "$venv/installed.txt"
fi
"$tools/age" --version >/dev/null
"$venv/bin/python" -c 'import pyrage'
