"""Opens or makes an age payload with rage's library.

usage: rage.py open IDENTITY | open-passphrase PASSPHRASE | seal RECIPIENT
The text comes by standard input and goes to standard output. What is on the command
line are keys that the test made for one run.
"""
import sys

import pyrage

what, key = sys.argv[1:]
text = sys.stdin.buffer.read()
if what == "open":
    out = pyrage.decrypt(text, [pyrage.x25519.Identity.from_str(key)])
elif what == "open-passphrase":
    out = pyrage.passphrase.decrypt(text, key)
elif what == "seal":
    out = pyrage.encrypt(text, [pyrage.x25519.Recipient.from_str(key)])
else:
    sys.exit("rage.py: what is " + what)
sys.stdout.buffer.write(out)
