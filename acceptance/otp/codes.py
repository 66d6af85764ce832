"""Makes codes with pyotp. Standard input is a list of cases in JSON, standard output the
list of codes."""
import hashlib
import json
import sys

import pyotp


def code(case):
    digest = getattr(hashlib, case["algorithm"].lower())
    if case["kind"] == "hotp":
        return pyotp.HOTP(case["secret"], digits=case["digits"], digest=digest).at(case["step"])
    return pyotp.TOTP(case["secret"], digits=case["digits"], digest=digest, interval=case["period"]).at(case["time"])


json.dump([code(case) for case in json.load(sys.stdin)], sys.stdout)
