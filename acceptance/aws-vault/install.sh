#!/usr/bin/env bash
# Builds aws-vault from its module: a real consumer of codes and sessions. It is
# linked into nothing of ours.
set -euo pipefail
cd "$(dirname "$0")"
go build -trimpath -o ../../.cache/acceptance/aws-vault github.com/99designs/aws-vault/v7
../../.cache/acceptance/aws-vault --version >/dev/null 2>&1 || { echo "acceptance: aws-vault does not run" >&2; exit 1; }
