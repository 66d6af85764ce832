"""YubiOTP on many cases in one process.

decode: lines KEY OTP -> UID SESSION TIMESTAMP USE RANDOM, or "refused"
encode: lines PUBLIC UID KEY SESSION TIMESTAMP USE RANDOM -> OTP
verify: arguments URL ID APIKEY; lines OTP -> the status, or "untrusted"
"""
import sys
from base64 import b64decode
from binascii import hexlify, unhexlify

from yubiotp.client import YubiClient20
from yubiotp.otp import OTP, CRCError, decode_otp, encode_otp


def decode(key, otp):
    try:
        public, o = decode_otp(otp.encode(), unhexlify(key))
    except CRCError:
        return "refused"
    return f"{public.decode() or '-'} {hexlify(o.uid).decode()} {o.session} {o.timestamp} {o.counter} {o.rand}"


def encode(public, uid, key, session, timestamp, use, rand):
    o = OTP(unhexlify(uid), int(session), int(timestamp), int(use), int(rand))
    return encode_otp(o, unhexlify(key), b"" if public == "-" else public.encode()).decode()


def verify(otp):
    client = YubiClient20(int(sys.argv[3]), b64decode(sys.argv[4]), timestamp=True, sl="secure", timeout=5)
    client.base_url = sys.argv[2]
    answer = client.verify(otp)
    if not answer.is_valid(strict=True):
        return "untrusted " + str(answer.fields.get("status"))
    return answer.fields["status"] + (" ok" if answer.is_ok() else " no")


for line in sys.stdin:
    print({"decode": decode, "encode": encode, "verify": verify}[sys.argv[1]](*line.split()), flush=True)
