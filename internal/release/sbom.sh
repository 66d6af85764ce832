#!/usr/bin/env bash
# Writes an SBOM beside each function's ZIP in bin/release.
set -euo pipefail
go run ./internal/sbom -version "$1" -time "$2" bin/release/*.zip
