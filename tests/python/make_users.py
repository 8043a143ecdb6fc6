"""Makes users as an administrator does, past every trigger: make_users.py ACCOUNT COUNT < outputs.json

Answers with the `sub` of each.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

from aws import session

account, count = sys.argv[1], int(sys.argv[2])
outputs = json.load(sys.stdin)
client = session(account).client("cognito-idp", endpoint_url=outputs["endpoint_url"])


def make(number):
    address = f"u{number}@many.example"
    made = client.admin_create_user(
        UserPoolId=outputs["user_pool_id"],
        Username=address,
        MessageAction="SUPPRESS",
        UserAttributes=[
            {"Name": "email", "Value": address},
            {"Name": "email_verified", "Value": "true"},
            {"Name": "name", "Value": f"User {number}"},
        ],
    )
    attributes = {one["Name"]: one["Value"] for one in made["User"]["Attributes"]}
    return attributes["sub"]


with ThreadPoolExecutor(4) as pool:
    json.dump(list(pool.map(make, range(count))), sys.stdout)
