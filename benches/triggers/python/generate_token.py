"""generateToken's job as a Python team would write it: client and roles at the start, both reads at once,
roles remembered for a minute."""

import datetime
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import boto3

PERMISSIONS_TABLE = os.environ["PERMISSIONS_TABLE"]
DOMAINS_TABLE = os.environ["DOMAINS_TABLE"]
DEFAULT_ROLE = os.environ["DEFAULT_ROLE"]
FRESH = 60

dynamodb = boto3.client("dynamodb")
readers = ThreadPoolExecutor(max_workers=2)
roles = {}


def texts(value):
    if value is None:
        return []
    return value["SS"] if "SS" in value else [one["S"] for one in value["L"]]


def read(names):
    asked = time.time()
    keys = [{"pk": {"S": f"ROLE#{role}"}} for role in names]
    answer = dynamodb.batch_get_item(RequestItems={PERMISSIONS_TABLE: {"Keys": keys}})
    for item in answer["Responses"][PERMISSIONS_TABLE]:
        role = item["pk"]["S"].removeprefix("ROLE#")
        roles[role] = (asked, texts(item.get("permissions")))


def permissions_of(role):
    if time.time() - roles.get(role, (0, []))[0] >= FRESH:
        read([role])
    return roles.get(role, (0, []))[1]


def covers(held, wanted):
    return held == "*" or (held.endswith(":*") and wanted.startswith(held[:-1]))


def compact(permissions):
    distinct = sorted(set(permissions))
    return [
        one
        for one in distinct
        if not any(other != one and covers(other, one) for other in distinct)
    ]


def create(sub, attributes):
    now = datetime.datetime.now(datetime.timezone.utc).isoformat()
    item = {
        "pk": {"S": f"USER#{sub}"},
        "role": {"S": DEFAULT_ROLE},
        "permissions": {"L": []},
        "created_at": {"S": now},
    }
    if "email" in attributes:
        item["email"] = {"S": attributes["email"]}
    dynamodb.put_item(
        TableName=PERMISSIONS_TABLE, Item=item, ConditionExpression="attribute_not_exists(pk)"
    )
    return item


def handler(event):
    attributes = event["request"]["userAttributes"]
    user = {"S": f"USER#{attributes['sub']}"}
    record = readers.submit(
        dynamodb.get_item, TableName=PERMISSIONS_TABLE, Key={"pk": user}, ConsistentRead=True
    )
    memberships = readers.submit(
        dynamodb.query,
        TableName=DOMAINS_TABLE,
        KeyConditionExpression="pk = :user AND begins_with(sk, :domain)",
        ExpressionAttributeValues={":user": user, ":domain": {"S": "DOMAIN#"}},
        ConsistentRead=True,
    )
    item = record.result().get("Item") or create(attributes["sub"], attributes)
    if item.get("status", {"S": "active"}).get("S") != "active":
        raise PermissionError("this account is disabled")
    role = item.get("role", {}).get("S", DEFAULT_ROLE)
    claims = {
        "role": role,
        "permissions": compact(permissions_of(role) + texts(item.get("permissions"))),
        "domains": [
            one["sk"]["S"].removeprefix("DOMAIN#") for one in memberships.result()["Items"]
        ],
    }
    line = {"level": "INFO", "message": "claims added", "user": attributes["sub"], "role": role}
    print(json.dumps(line), flush=True)
    event["response"] = {
        "claimsAndScopeOverrideDetails": {
            "idTokenGeneration": {"claimsToAddOrOverride": claims},
            "accessTokenGeneration": {"claimsToAddOrOverride": claims},
            "groupOverrideDetails": event["request"]["groupConfiguration"],
        }
    }
    return event


read(os.environ["ROLES"].split(","))
