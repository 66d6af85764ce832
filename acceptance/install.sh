#!/usr/bin/env bash
# Installs the peer programs that the acceptance tests compare with. Anything
# that is there already is left alone. A peer that cannot be had is an error: the
# tests must not pass for want of a judge.
set -euo pipefail
missing=()
for program in jq gzip python3; do
  command -v "$program" >/dev/null || missing+=("$program")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing: ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}"
fi
for program in jq gzip python3; do
  command -v "$program" >/dev/null || { echo "acceptance: $program is missing: install it" >&2; exit 1; }
done
