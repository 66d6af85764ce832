#!/usr/bin/env bash
# Installs pcscd, a virtual reader for it, and the programs that a virtual YubiKey is
# held to: Yubico's own ykman, opensc-tool, oathtool. All come from the distribution; what
# is there already is left alone. No service is left running: the test starts its own.
set -euo pipefail
cd "$(dirname "$0")/../.."
packages=(pcscd vsmartcard-vpcd libpcsclite1 yubikey-manager opensc pcsc-tools oathtool openssl)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing: ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
for program in pcscd ykman opensc-tool oathtool openssl script; do
  PATH="$PATH:/usr/sbin" command -v "$program" >/dev/null || { echo "acceptance: $program is missing: install it" >&2; exit 1; }
done
# Recorded traffic of real keys, in the module cache.
(cd acceptance/yubikey && GOFLAGS=-mod=readonly go mod download)
