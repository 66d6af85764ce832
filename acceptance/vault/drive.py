"""Drives a server with hvac, the Python client that Ansible and others use, and prints
what came of each step as a line of JSON. Address and token are in the environment. It
judges nothing: the acceptance test does."""
import json
import os

import hvac

URI = "otpauth://totp/ada@111122223333?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


def step(name, call):
    try:
        got = call()
        data = got.get("data") if isinstance(got, dict) else got if isinstance(got, bool) else None
        print(json.dumps({"step": name, "data": data}))
        return data
    except hvac.exceptions.VaultError as e:
        print(json.dumps({"step": name, "error": type(e).__name__, "errors": e.errors}))


client = hvac.Client(url=os.environ["VAULT_ADDR"], token=os.environ["VAULT_TOKEN"])
write = client.write_data  # hvac 2.4.0 has no class for the engine
step("authenticated", client.is_authenticated)
step("sealed", client.sys.is_sealed)
step("enable", lambda: client.sys.enable_secrets_engine("totp", path="totp"))
mounts = client.sys.list_mounted_secrets_engines()["data"]
print(json.dumps({"step": "mounts", "data": {path: m["type"] for path, m in mounts.items()}}))
step("create", lambda: write("totp/keys/aws", data={"url": URI}))
code = (step("read code", lambda: client.read("totp/code/aws")) or {}).get("code")
step("check code", lambda: write("totp/code/aws", data={"code": code}))
step("check code again", lambda: write("totp/code/aws", data={"code": code}))
step("generate", lambda: write("totp/keys/new", data={"generate": True, "issuer": "AWS", "account_name": "ada", "qr_size": 0}))
step("read key", lambda: client.read("totp/keys/aws"))
step("list", lambda: client.list("totp/keys"))
step("delete", lambda: client.delete("totp/keys/aws"))
step("read deleted", lambda: client.read("totp/keys/aws"))
step("code of none", lambda: client.read("totp/code/aws"))
step("disable", lambda: client.sys.disable_secrets_engine("totp"))
client.token = "mfw.nobodys"
step("another token", lambda: client.list("totp/keys"))
