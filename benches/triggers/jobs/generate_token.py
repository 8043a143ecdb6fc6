"""generateToken: an administrator of two companies signs in, again and again."""

from cloud import DOMAINS, PERMISSIONS, dynamodb

from . import fixture, words

NAME = "generateToken"
PACKAGE = "generate-token"
MODULE = "generate_token"
SETTINGS = {"ROLES": "member,admin"}
WAITS_FOR = "the two reads, side by side"

EVENT = fixture("pre-token-generation-v2.json")
SUB = EVENT["request"]["userAttributes"]["sub"]
USER = {"S": f"USER#{SUB}"}


def fill(cloud):
    """Puts into the tables what the job reads."""
    cloud.put(PERMISSIONS, {"pk": {"S": "ROLE#member"}, "permissions": words("projects:read")})
    admin = words("projects:*", "billing:*", "members:*")
    cloud.put(PERMISSIONS, {"pk": {"S": "ROLE#admin"}, "permissions": admin})
    user = {
        "pk": USER,
        "email": {"S": "ada@acme.example"},
        "role": {"S": "admin"},
        "permissions": words("reports:read", "projects:read"),
        "created_at": {"S": "2026-01-01T00:00:00Z"},
    }
    cloud.put(PERMISSIONS, user)
    for domain in ("acme.example", "acme.test"):
        cloud.put(DOMAINS, {"pk": USER, "sk": {"S": f"DOMAIN#{domain}"}, "role": {"S": "admin"}})


def new_event():
    return EVENT


def stages(_event):
    """The requests of one event: those of a stage side by side, stages one after the other."""
    return [[item(USER["S"]), domains(USER)]]


def cold_stages(event):
    """Those of a cold start and its first event: it begins with all roles, and a second connection."""
    return [[roles(), domains({"S": "USER#nobody"})], *stages(event)]


def outcome(_cloud, _event, answer):
    """What must be the same whoever does the job."""
    return answer["response"]


def check(_cloud, _events):
    """Nothing is left behind."""


def item(key):
    request = {"TableName": PERMISSIONS, "Key": {"pk": {"S": key}}, "ConsistentRead": True}
    return dynamodb("GetItem", request)


def roles():
    keys = [{"pk": {"S": f"ROLE#{role}"}} for role in SETTINGS["ROLES"].split(",")]
    return dynamodb("BatchGetItem", {"RequestItems": {PERMISSIONS: {"Keys": keys}}})


def domains(user):
    request = {
        "TableName": DOMAINS,
        "KeyConditionExpression": "pk = :user AND begins_with(sk, :domain)",
        "ExpressionAttributeValues": {":user": user, ":domain": {"S": "DOMAIN#"}},
        "ConsistentRead": True,
    }
    return dynamodb("Query", request)
