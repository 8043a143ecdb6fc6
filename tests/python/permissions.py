"""Holds the functions against the policies of their roles, on an emulator that checks requests:
permissions.py FIXTURES < stage.json

Says on one line where the functions are to find AWS: here, from where their requests are passed on. Then
it reads what is deployed, drives both functions under the policies as they are, and again under each
policy without one of its actions, or one of its resources. Answers with what went wrong in each run.
"""

import copy
import fnmatch
import json
import sys
import time
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aws import REGION, session
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config
from gate import Gate, serve

# How long, in seconds, a run's deliveries are waited for; less as soon as it is known what they take.
patience = 30

fixtures = Path(sys.argv[1])
stage = {}
# The policies in force, by the function's name in the project file.
policies = {}


def allowed(policy, action, resource, sender):
    """Whether the policy allows it to mail from this sender, the one condition there is."""
    ours = {"StringEquals": {"ses:FromAddress": sender}}
    return any(
        action in statement["Action"]
        and any(fnmatch.fnmatchcase(resource, pattern) for pattern in statement["Resource"])
        and statement.get("Condition", ours) == ours
        for statement in policy["Statement"]
    )


def ses_refusal(body):
    """What SES would refuse to confirmUser. The emulator checks SendEmail on `*`, whatever is named.

    AWS wants the action of the operation and the one of what it does, sending from a template, on
    everything the request names. See "Actions, resources, and condition keys" of SES in the Service
    Authorization Reference, for both versions of the API. In its sandbox it wants them on the identity of
    the recipient, too.
    """
    request = json.loads(body)
    sender = request["FromEmailAddress"].rpartition("<")[2].rstrip(">")
    named = [
        f"identity/{sender.partition('@')[2]}",
        *(f"identity/{address}" for address in request["Destination"]["ToAddresses"]),
        f"configuration-set/{request['ConfigurationSetName']}",
        f"template/{request['Content']['Template']['TemplateName']}",
    ]
    for action in ("ses:SendEmail", "ses:SendTemplatedEmail"):
        for name in named:
            resource = f"arn:aws:ses:{REGION}:{stage['account']}:{name}"
            if not allowed(policies["confirm_user"], action, resource, sender):
                return f"not authorized to perform `{action}' on resource `{resource}'"
    return None


def leading_keys(operation, body):
    """Action, table and partition key of everything a request of DynamoDB touches."""
    request = json.loads(body)

    def of(action, one, key):
        return action, one["TableName"], key["pk"]["S"]

    match operation:
        case "TransactWriteItems":
            for write in request["TransactItems"]:
                [(kind, one)] = write.items()
                yield of(f"{kind}Item", one, one["Item"] if kind == "Put" else one["Key"])
        case "BatchGetItem":
            for table, one in request["RequestItems"].items():
                yield from (("BatchGetItem", table, key["pk"]["S"]) for key in one["Keys"])
        case "Query":
            yield operation, request["TableName"], request["ExpressionAttributeValues"][":user"]["S"]
        case "PutItem":
            yield of(operation, request, request["Item"])
        case "GetItem" | "UpdateItem":
            yield of(operation, request, request["Key"])


def dynamodb_refusal(operation, body):
    """What DynamoDB would refuse by `dynamodb:LeadingKeys`, which the emulator doesn't know. That the action is allowed
    to who asks, it checks itself; which of both functions that is doesn't matter here."""
    statements = [one for policy in policies.values() for one in policy["Statement"]]
    for action, table, key in leading_keys(operation, body):
        resource = f":table/{table}"
        conditions = [
            one["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
            for one in statements
            if f"dynamodb:{action}" in one["Action"]
            and any(pattern.endswith(resource) for pattern in one["Resource"])
        ]
        if not any(fnmatch.fnmatchcase(key, pattern) for pattern in conditions):
            return f"not authorized to perform: dynamodb:{action} on {key} of {table}"
    return None


class Checking(Gate):
    """Does for SES and DynamoDB what the emulator doesn't."""

    def asked(self, headers, body):
        service, _, operation = headers.get("x-amz-target", "").partition(".")
        if service == "DynamoDB_20120810" and policies:
            if refusal := dynamodb_refusal(operation, body):
                kind = "com.amazon.coral.service#AccessDeniedException"
                text = json.dumps({"__type": kind, "Message": refusal}).encode()
                return self.answer(400, {}, text)
        if self.path == "/v2/email/outbound-emails":
            if refusal := ses_refusal(body):
                text = json.dumps({"message": refusal}).encode()
                return self.answer(403, {"x-amzn-ErrorType": "AccessDeniedException"}, text)
            # What was decided here must not be decided there again: an account's root may do anything.
            scope = f"{stage['account']}/20260101/{REGION}/ses/aws4_request"
            del headers["x-amz-security-token"]
            signed = f"Credential={scope}, SignedHeaders=host, Signature=0"
            headers["authorization"] = f"AWS4-HMAC-SHA256 {signed}"
        super().asked(headers, body)


print(serve(Checking), flush=True)
stage.update(json.load(sys.stdin))
Checking.endpoint_url = stage["endpoint_url"]

aws = session(stage["account"])
once = Config(retries={"total_max_attempts": 1}, max_pool_connections=20)
iam, dynamodb, functions = (
    aws.client(service, endpoint_url=stage["endpoint_url"], config=once)
    for service in ("iam", "dynamodb", "lambda")
)
names = stage["outputs"]["functions"]
permissions_table = stage["outputs"]["permissions_table"]
domains_table = stage["outputs"]["domains_table"]


def get(url):
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def mails():
    """What SES has sent for the account."""
    account = stage["account"]
    sent = get(f"{stage['endpoint_url']}/_ministack/ses/messages?account={account}")
    return sent["messages"].get(account, [])


def plain(item):
    return {name: TypeDeserializer().deserialize(value) for name, value in item.items()}


def read(table, **key):
    key = {name: {"S": value} for name, value in key.items()}
    item = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
    return item and plain(item)


def record(sub):
    return read(permissions_table, pk=f"USER#{sub}")


def put(table, **item):
    item = {name: TypeSerializer().serialize(value) for name, value in item.items()}
    dynamodb.put_item(TableName=table, Item=item)


def event(fixture, sub, address, **attributes):
    document = json.loads((fixtures / fixture).read_text())
    document["userName"] = sub
    document["request"]["userAttributes"].update(sub=sub, email=address, **attributes)
    return document


def invoke(function, payload):
    answer = functions.invoke(FunctionName=names[function], Payload=json.dumps(payload))
    document = json.load(answer["Payload"])
    return document, document.get("errorMessage") if "FunctionError" in answer else None


def new():
    sub = str(uuid.uuid4())
    return sub, f"{sub[:8]}@example.com"


def deliveries(sub, address, owed):
    """What is amiss with the deliveries of a user, once they are settled or had the time to be."""
    deadline = time.monotonic() + patience
    while (left := (record(sub) or {}).get("pending")) and time.monotonic() < deadline:
        time.sleep(0.03)
    amiss = [f"{name} pending" for name in sorted(left or ())]
    if len([mail for mail in mails() if address in mail["To"]]) != 1:
        amiss.append("no welcome")
    contacts = get(stage["platforms"] + "/_/contacts")
    amiss += [f"{name} not told" for name in owed if address not in contacts[name]]
    return amiss


def confirm_user():
    """Two people with a domain's address are confirmed, and told in their languages."""

    def confirmed(attributes):
        sub, address = new()
        payload = event("post-confirmation.json", sub, address, **attributes)
        _, error = invoke("confirm_user", payload)
        if error:
            return [f"refused: {error}"]
        amiss = []
        if read(domains_table, pk=f"USER#{sub}", sk="DOMAIN#example.com") is None:
            amiss.append("no membership")
        if (record(sub) or {}).get("role") != "admin":
            amiss.append("no record")
        return amiss + deliveries(sub, address, ["hubspot", "webhook"])

    with ThreadPoolExecutor() as pool:
        return [one for amiss in pool.map(confirmed, [{}, {"locale": "de"}]) for one in amiss]


def generate_token():
    """A token for somebody with a record, for two without, and for one who is owed a welcome."""

    def token(sub, address, **attributes):
        payload = event("pre-token-generation-v2.json", sub, address, **attributes)
        answer, error = invoke("generate_token", payload)
        if error:
            return None, [f"refused: {error}"]
        details = answer["response"]["claimsAndScopeOverrideDetails"]
        return details["accessTokenGeneration"]["claimsToAddOrOverride"], []

    def member():
        sub, address = new()
        put(permissions_table, pk=f"USER#{sub}", role="member", permissions=["audit:read"])
        put(domains_table, pk=f"USER#{sub}", sk="DOMAIN#example.com", role="member")
        claims, amiss = token(sub, address)
        if claims and claims["permissions"] != ["audit:read", "projects:read"]:
            amiss.append("other permissions")
        if claims and claims["domains"] != ["example.com"]:
            amiss.append("other domains")
        return amiss

    def stranger():
        sub, address = new()
        _, amiss = token(sub, address)
        return amiss if record(sub) else [*amiss, "no record"]

    def federated():
        sub, address = new()
        google = {
            "userId": "1234",
            "providerName": "Google",
            "providerType": "Google",
            "issuer": None,
            "primary": "true",
            "dateCreated": "1764000000000",
        }
        claims, amiss = token(
            sub,
            address,
            **{"cognito:user_status": "EXTERNAL_PROVIDER", "identities": json.dumps([google])},
        )
        if claims and claims["domains"] != ["example.com"]:
            amiss.append("joined nothing")
        if read(domains_table, pk=f"USER#{sub}", sk="DOMAIN#example.com") is None:
            amiss.append("no membership")
        if (record(sub) or {}).get("role") != "admin":
            amiss.append("no record of the company's role")
        return amiss

    def forgotten():
        sub, address = new()
        put(
            permissions_table,
            pk=f"USER#{sub}",
            role="member",
            email=address,
            attributes={"name": "Ada"},
            created_at="2026-01-01T00:00:00Z",
            pending={"welcome"},
            deliveries={},
        )
        _, amiss = token(sub, address)
        return amiss + deliveries(sub, address, [])

    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(run) for run in (member, stranger, federated, forgotten)]
        return [one for run in runs for one in run.result()]


drives = {"confirm_user": confirm_user, "generate_token": generate_token}


def role_of(function):
    """The name of a function's role, which is the whole account's and so has the region behind it."""
    role = functions.get_function_configuration(FunctionName=function)["Role"]
    return role.rsplit("/", 1)[-1]


def drive(function, policy):
    """What goes wrong when the role has this policy, in a process that remembers nothing."""
    name = names[function]
    iam.put_role_policy(RoleName=role_of(name), PolicyName=name, PolicyDocument=json.dumps(policy))
    policies[function] = policy
    # The emulator ends the processes of a function that is configured anew.
    functions.update_function_configuration(FunctionName=name, Timeout=5)
    return sorted(set(drives[function]()))


def variations(policy):
    """The policy without each of its actions, and without each resource of statements with several."""
    for index, statement in enumerate(policy["Statement"]):
        for part in ("Action", "Resource"):
            for one in statement[part]:
                if part == "Resource" and len(statement[part]) == 1:
                    continue
                lesser = copy.deepcopy(policy)
                lesser["Statement"][index][part].remove(one)
                if not lesser["Statement"][index][part]:
                    del lesser["Statement"][index]
                yield f"{statement['Sid']} {one}", lesser


for function, name in names.items():
    policies[function] = iam.get_role_policy(RoleName=role_of(name), PolicyName=name)["PolicyDocument"]
answer = {}
for function in drives:
    whole = policies[function]
    patience = 30
    began = time.monotonic()
    answer[function] = {"all": drive(function, whole)}
    # What takes four times as long is not coming.
    patience = max(2, 4 * (time.monotonic() - began))
    for name, lesser in variations(whole):
        answer[function][name] = drive(function, lesser)
    answer[function]["all again"] = drive(function, whole)
json.dump(answer, sys.stdout)
