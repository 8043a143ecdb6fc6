"""Signs people up and confirms them, all at once.

opt_in.py ANSWER ADDRESS... -- MAIL COMMAND < outputs.json

ANSWER is what they say to marketing, `true` or `false`. Answers with `sub`, and how many seconds the
confirmation took, for each address.
"""

import json
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore import UNSIGNED
from botocore.config import Config

PASSWORD = "Correct-Horse-7-Battery"

split = sys.argv.index("--")
marketing, *addresses = sys.argv[1:split]
mail_command = sys.argv[split + 1 :]
outputs = json.load(sys.stdin)
client_id = outputs["clients"]["web"]["client_id"]
cognito = boto3.client(
    "cognito-idp",
    endpoint_url=outputs["endpoint_url"],
    region_name=outputs["region"],
    config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
)


def sign_up(address):
    attributes = {
        "email": address,
        "name": "Ada Lovelace",
        "custom:company": "Engines",
        "custom:marketing_opt_in": marketing,
    }
    answer = cognito.sign_up(
        ClientId=client_id,
        Username=address,
        Password=PASSWORD,
        UserAttributes=[{"Name": name, "Value": value} for name, value in attributes.items()],
    )
    return answer["UserSub"]


def confirm(address):
    (code,) = codes[address]
    began = time.monotonic()
    cognito.confirm_sign_up(ClientId=client_id, Username=address, ConfirmationCode=code)
    return time.monotonic() - began


with ThreadPoolExecutor() as pool:
    subs = list(pool.map(sign_up, addresses))
    codes = {}
    for mail in json.loads(subprocess.check_output(mail_command)):
        for address in mail["to"]:
            codes.setdefault(address, []).extend(re.findall(r"\b\d{6}\b", mail["text"]))
    seconds = list(pool.map(confirm, addresses))
answer = {
    address: {"sub": sub, "seconds": took}
    for address, sub, took in zip(addresses, subs, seconds, strict=True)
}
json.dump(answer, sys.stdout)
