"""confirmUser's job as a Python team would write it: one read, one transaction, one hand-over."""

import datetime
import json
import os

import boto3

PERMISSIONS_TABLE = os.environ["PERMISSIONS_TABLE"]
DOMAINS_TABLE = os.environ["DOMAINS_TABLE"]
DEFAULT_ROLE = os.environ["DEFAULT_ROLE"]
FUNCTION = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
STATE = ("sub", "email", "email_verified", "phone_number_verified", "identities")

dynamodb = boto3.client("dynamodb")
aws_lambda = boto3.client("lambda")


def domain_item(domain):
    key = {"pk": {"S": f"DOMAIN#{domain}"}, "sk": {"S": "META"}}
    return dynamodb.get_item(TableName=DOMAINS_TABLE, Key=key).get("Item")


def record(attributes, role):
    told = {
        name.removeprefix("custom:"): {"S": value}
        for name, value in attributes.items()
        if name not in STATE and not name.startswith("cognito:")
    }
    now = {"S": datetime.datetime.now(datetime.timezone.utc).isoformat()}
    item = {
        "pk": {"S": f"USER#{attributes['sub']}"},
        "attributes": {"M": told},
        "role": {"S": role},
        "permissions": {"L": []},
        "created_at": now,
        "confirmed_at": now,
    }
    if "email" in attributes:
        item["email"] = {"S": attributes["email"]}
        item["pending"] = {"SS": ["welcome"]}
        item["deliveries"] = {"M": {}}
    return item


def write(item, domain):
    """Whether anything is owed to the user afterwards. A second copy of an event finds the first one's
    record."""
    put = {
        "TableName": PERMISSIONS_TABLE,
        "Item": item,
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    puts = [{"Put": put}]
    if domain is not None:
        membership = {"pk": item["pk"], "sk": {"S": f"DOMAIN#{domain}"}, "role": item["role"]}
        puts.append({"Put": {"TableName": DOMAINS_TABLE, "Item": membership}})
    try:
        dynamodb.transact_write_items(TransactItems=puts)
        return "pending" in item
    except dynamodb.exceptions.TransactionCanceledException as error:
        why = error.response["CancellationReasons"][0]
        if why["Code"] != "ConditionalCheckFailed":
            raise
        return "pending" in why.get("Item", {})


def handler(event):
    if event["triggerSource"] != "PostConfirmation_ConfirmSignUp":
        return event
    attributes = event["request"]["userAttributes"]
    registered = domain = None
    if "email" in attributes and attributes.get("email_verified") == "true":
        domain = attributes["email"].rpartition("@")[2].lower()
        registered = domain_item(domain)
    role = (registered or {}).get("role", {}).get("S", DEFAULT_ROLE)
    if write(record(attributes, role), domain if registered else None):
        aws_lambda.invoke(
            FunctionName=FUNCTION,
            InvocationType="Event",
            Payload=json.dumps({"saasauth": "deliver", "sub": attributes["sub"]}),
        )
    line = {"level": "INFO", "message": "user recorded", "user": attributes["sub"], "role": role}
    print(json.dumps(line), flush=True)
    return event


domain_item("")
