#!/usr/bin/env bash
# Installs moto, a stand-in for AWS, into a virtual environment inside the clone.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=.cache/acceptance/venv-moto
if ! cmp -s acceptance/moto/requirements.txt "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r acceptance/moto/requirements.txt
  cp acceptance/moto/requirements.txt "$venv/installed.txt"
fi
"$venv/bin/moto_server" --help >/dev/null
