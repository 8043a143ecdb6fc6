"""Reads users' records, once they say what they should.

records.py ENDPOINT ACCOUNT TABLE WHAT < subs.json

WHAT is `settled`, for records that owe nothing; `tried`, for ones whose deliveries were all tried and are
claimed by nobody; or `now`. Answers with the records by `sub`; those that never came to say it are as
they were in the end.
"""

import json
import sys
import time

from aws import session
from boto3.dynamodb.types import TypeDeserializer

# Only there to end a broken test.
PATIENCE = 60

endpoint, account, table, what = sys.argv[1:]
dynamodb = session(account).client("dynamodb", endpoint_url=endpoint)


def plain(value):
    if isinstance(value, set):
        return sorted(value)
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value if isinstance(value, (str, bool, type(None))) else int(value)


def read(sub):
    key = {"pk": {"S": f"USER#{sub}"}}
    item = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
    if item is None:
        return None
    return plain({name: TypeDeserializer().deserialize(value) for name, value in item.items()})


def says_it(record):
    if what == "now":
        return True
    if record is None:
        return False
    pending, deliveries = record.get("pending", []), record.get("deliveries", {})
    if what == "tried":
        states = [deliveries.get(name, {}).get("state") for name in pending]
        return all(state in ("waiting", "failed") for state in states)
    return not pending


deadline = time.monotonic() + PATIENCE
records = {}
for sub in json.load(sys.stdin):
    while not says_it(record := read(sub)) and time.monotonic() < deadline:
        time.sleep(0.05)
    records[sub] = record
json.dump(records, sys.stdout)
