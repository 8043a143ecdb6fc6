"""confirmUser: one new employee of a registered company after another confirms an address."""

import copy
import datetime
import time
import uuid

from cloud import DOMAINS, FUNCTION, PERMISSIONS, dynamodb, invoke_event

from . import fixture, words

NAME = "confirmUser"
PACKAGE = "confirm-user"
MODULE = "confirm_user"
# A mail is owed, so that every event ends in a hand-over.
SETTINGS = {"EMAIL_FROM": "hello@acme.example", "WELCOME_TEMPLATE": "welcome"}
WAITS_FOR = "the read, the transaction and the hand-over, one after the other"

FIXTURE = fixture("post-confirmation.json")
DOMAIN = FIXTURE["request"]["userAttributes"]["email"].partition("@")[2]
# When a record says it was made or confirmed.
TIMES = ("created_at", "confirmed_at")


def fill(cloud):
    """Registers the company."""
    domain = {"pk": {"S": f"DOMAIN#{DOMAIN}"}, "sk": {"S": "META"}, "role": {"S": "engineer"}}
    cloud.put(DOMAINS, domain)


def new_event():
    """The confirmation of somebody not seen before."""
    event = copy.deepcopy(FIXTURE)
    event["userName"] = event["request"]["userAttributes"]["sub"] = str(uuid.uuid4())
    return event


def stages(event):
    """The requests of one event: those of a stage side by side, stages one after the other."""
    sub = sub_of(event)
    user = {
        "pk": {"S": f"USER#{sub}"},
        "email": {"S": event["request"]["userAttributes"]["email"]},
        "attributes": {"M": {name: {"S": "Ada Lovelace"} for name in ("name", "company", "other")}},
        "role": {"S": "engineer"},
        "permissions": words(),
        "pending": {"SS": ["welcome"]},
        "deliveries": {"M": {}},
        **{name: {"S": "2026-01-01T00:00:00Z"} for name in TIMES},
    }
    record = {
        "TableName": PERMISSIONS,
        "Item": user,
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    membership = {"pk": user["pk"], "sk": {"S": f"DOMAIN#{DOMAIN}"}, "role": user["role"]}
    puts = [{"Put": record}, {"Put": {"TableName": DOMAINS, "Item": membership}}]
    return [
        [domain(DOMAIN)],
        [dynamodb("TransactWriteItems", {"TransactItems": puts})],
        [invoke_event({"saasauth": "deliver", "sub": sub})],
    ]


def cold_stages(event):
    """Those of a cold start and its first event: it begins with a read that opens the connection."""
    return [[domain("")], *stages(event)]


def outcome(cloud, event, answer):
    """What must be the same whoever does the job: the event back, and the items, but for who and when."""
    if answer != event:
        raise SystemExit(f"Cognito wants its event back as it came, not {answer}")
    sub = sub_of(event)
    items = []
    for table in (PERMISSIONS, DOMAINS):
        request = {
            "TableName": table,
            "KeyConditionExpression": "pk = :user",
            "ExpressionAttributeValues": {":user": {"S": f"USER#{sub}"}},
        }
        items += cloud.call(dynamodb("Query", request))["Items"]
    for item in items:
        item["pk"]["S"] = item["pk"]["S"].replace(sub, "…")
        for name in TIMES:
            if name in item:
                item[name] = time_of(item[name]["S"])
    return items


def check(cloud, events):
    """Sees that every event was handed over: so many were queued for a function that runs none."""
    deadline = time.monotonic() + 10
    while (queued := cloud.refused_events()) < events and time.monotonic() < deadline:
        time.sleep(0.2)
    if queued != events:
        raise SystemExit(f"{queued} of {events} hand-overs arrived at `{FUNCTION}`")


def sub_of(event):
    return event["request"]["userAttributes"]["sub"]


def time_of(text):
    """That a text is a point in time of today, which is all that can be the same."""
    age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(text)
    return "lately" if abs(age) < datetime.timedelta(minutes=1) else text


def domain(name):
    key = {"pk": {"S": f"DOMAIN#{name}"}, "sk": {"S": "META"}}
    return dynamodb("GetItem", {"TableName": DOMAINS, "Key": key})
