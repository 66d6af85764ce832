#!/usr/bin/env bash
# Installs the peers of Yubico OTP, of the distribution: Yubico's own C programs
# (ykparse, ykgenerate, modhex, ykclient), YubiOTP in Python and
# Auth::Yubikey_Decrypter in Perl; only the distribution's own python3 finds its modules.
# And YubiStack, a validation server in Python, inside the clone.
set -euo pipefail
cd "$(dirname "$0")/../.."
missing=()
command -v ykparse >/dev/null && command -v ykgenerate >/dev/null && command -v modhex >/dev/null || missing+=(libyubikey-dev)
command -v ykclient >/dev/null || missing+=(libykclient-dev)
/usr/bin/python3 -c 'import yubiotp.client' 2>/dev/null || missing+=(python3-yubiotp)
perl -MAuth::Yubikey_Decrypter -e 1 2>/dev/null || missing+=(libauth-yubikey-decrypter-perl)
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing: ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
for program in ykparse ykgenerate modhex ykclient; do
  command -v "$program" >/dev/null || { echo "acceptance: $program is missing: install it" >&2; exit 1; }
done
/usr/bin/python3 -c 'import yubiotp.client'
perl -MAuth::Yubikey_Decrypter -e 1
venv=.cache/acceptance/venv-yubico-otp
if ! cmp -s acceptance/yubico-otp/requirements.txt "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r acceptance/yubico-otp/requirements.txt
  cp acceptance/yubico-otp/requirements.txt "$venv/installed.txt"
fi
"$venv/bin/python" -c 'import yubistack.utils'
