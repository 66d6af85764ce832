#!/usr/bin/env bash
# Installs the peer programs that the acceptance tests compare with. Anything
# that is there already is left alone. A peer that cannot be had is an error: the
# tests must not pass for want of a judge.
set -euo pipefail
cd "$(dirname "$0")/.."
missing=()
programs=(ssh-keygen groff zsh fish jq gzip openssl python3 node npm chromium zbarimg qrencode rsvg-convert oathtool pass gpg /usr/bin/aws)
declare -A package=([ssh-keygen]=openssh-client [groff]=groff-base [node]=nodejs [zbarimg]=zbar-tools [rsvg-convert]=librsvg2-bin [gpg]=gnupg [/usr/bin/aws]=awscli)
for program in "${programs[@]}"; do
  command -v "$program" >/dev/null || missing+=("${package[$program]:-$program}")
done
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
[ -e /usr/lib/password-store/extensions/otp.bash ] || missing+=(pass-extension-otp)
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing: ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
for program in "${programs[@]}"; do
  command -v "$program" >/dev/null || { echo "acceptance: $program is missing: install it" >&2; exit 1; }
done
for part in acceptance/*/install.sh; do
  bash "$part"
done
