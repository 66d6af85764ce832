#!/usr/bin/env bash
# Installs the AWS CLI, version 1, into a virtual environment inside the clone; and what
# makes its codes and reads its QR codes: oathtool and zbarimg.
set -euo pipefail
cd "$(dirname "$0")/../.."
missing=()
command -v oathtool >/dev/null || missing+=(oathtool)
command -v zbarimg >/dev/null || missing+=(zbar-tools)
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
venv=.cache/acceptance/venv-awscli
if ! cmp -s acceptance/awscli/requirements.txt "$venv/installed.txt"; then
  rm -rf "$venv"
  mkdir -p "$(dirname "$venv")"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r acceptance/awscli/requirements.txt
  cp acceptance/awscli/requirements.txt "$venv/installed.txt"
fi
oathtool --version >/dev/null
zbarimg --version >/dev/null
"$venv/bin/aws" --version
