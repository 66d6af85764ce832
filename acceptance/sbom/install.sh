#!/usr/bin/env bash
# Installs what judges SBOMs, into .cache/acceptance of this clone. What is there in
# the right version is left alone.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
venv=$here/../../.cache/acceptance/venv-sbom
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
  echo "acceptance: installing the judge of SBOMs"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/installed.txt"
fi
