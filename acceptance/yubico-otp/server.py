"""YubiStack's validation server, with its own key storage, over SQLite in a folder. Its
own entry point fails where it refuses (an unbound name, in 1.0.0), so that it is
written anew here; what reads, decrypts, counts and signs is YubiStack's.

Arguments: FOLDER PUBLIC PRIVATE KEY CLIENT APIKEY. Prints its port and serves until it
is ended.
"""
import os
import sqlite3
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

folder, public, private, key, client, api_key = sys.argv[1:]
values, secrets = os.path.join(folder, "ykval.db"), os.path.join(folder, "ykksm.db")
with sqlite3.connect(values) as db:
    db.execute("CREATE TABLE clients (id INTEGER, active INTEGER, secret TEXT)")
    db.execute("INSERT INTO clients VALUES (?, 1, ?)", (client, api_key))
    db.execute("CREATE TABLE yubikeys (active, created, modified, yk_publicname, yk_counter, yk_use, yk_low, yk_high, nonce)")
with sqlite3.connect(secrets) as db:
    db.execute("CREATE TABLE yubikeys (active TEXT, publicname TEXT, internalname TEXT, aeskey TEXT)")
    db.execute("INSERT INTO yubikeys VALUES ('1', ?, ?, ?)", (public, private, key))
settings = os.path.join(folder, "settings.py")
with open(settings, "w") as out:
    databases = {"ykval": {"ENGINE": "sqlite", "NAME": values}, "ykksm": {"ENGINE": "sqlite", "NAME": secrets}}
    print(f"DATABASES = {databases!r}", file=out)
    print("USE_NATIVE_YKKSM = True", file=out)
    print("SYSLOG_WSGI_AUTH = False", file=out)
    print(f"LOGFILE = {os.path.join(folder, 'log')!r}", file=out)
os.environ["YUBISTACK_SETTINGS"] = settings

from yubistack.exceptions import YKKSMError, YKValError  # it reads the settings
from yubistack.utils import parse_querystring, sign, wsgi_response
from yubistack.ykval import Validator


def verify(environ, start_response):
    asked = parse_querystring(environ["QUERY_STRING"])
    said = {"otp": asked["otp"], "nonce": asked["nonce"]}
    validator = Validator()
    api_key = b""
    try:
        api_key = validator.get_client_apikey(asked["id"])
        signature = asked.pop("h")
        if signature != sign(asked, api_key):
            raise YKValError("BAD_SIGNATURE")
        said = validator.verify(asked["otp"], client_id=asked["id"], nonce=asked["nonce"], timeout=asked["timeout"], sync_level=asked.get("sl"))
        said = {key: said[key] for key in ("otp", "nonce", "sl")}
        status = "OK"
    except YKValError as err:
        status = err.error_code
    except YKKSMError:
        status = "BAD_OTP"
    return wsgi_response(status, start_response, apikey=api_key, extra=said)


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass

    def get_stderr(self):
        return open(os.path.join(folder, "log"), "a")


with make_server("127.0.0.1", 0, verify, handler_class=Quiet) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
