"""A PostConfirmation trigger that is slow, wrong or broken: post_confirmation.py SEEN ENDPOINT ACCOUNT -- MAIL COMMAND

SEEN is a file that the trigger keeps its calls in. Answers with the code of each confirmation, and how often
the trigger was called for it.
"""

import io
import json
import sys
import zipfile

import pool
from pool import PASSWORD, Pool, at, attributes, code, outcome, person

# It does as the confirmation's metadata say.
BOOTSTRAP = f"""#!{sys.executable}
import json, os, time, urllib.request

# On AWS an address; in the local cloud a URL, whose path is a secret.
api = os.environ["AWS_LAMBDA_RUNTIME_API"]
api = (api if "://" in api else "http://" + api) + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(api + "next") as call:
        request = call.headers["Lambda-Runtime-Aws-Request-Id"]
        event = json.load(call)
    mode = event["request"]["clientMetadata"]["mode"]
    with open(os.environ["SEEN"], "a+") as seen:
        print(mode, file=seen, flush=True)
        seen.seek(0)
        calls = seen.read().split().count(mode)
    if mode == "slow-once" and calls == 1:
        time.sleep(6)
    kind, answer = "response", event
    if mode == "nothing":
        answer = {{}}
    if mode == "another":
        answer = {{**event, "userName": "another"}}
    if mode == "error":
        kind, answer = "error", {{"errorMessage": "no", "errorType": "Refused"}}
    body = json.dumps(answer).encode()
    urllib.request.urlopen(urllib.request.Request(api + request + "/" + kind, body))
"""

seen = sys.argv[1]
packed = io.BytesIO()
with zipfile.ZipFile(packed, "w") as package:
    entry = zipfile.ZipInfo("bootstrap")
    entry.external_attr = 0o755 << 16
    package.writestr(entry, BOOTSTRAP)
statement = {
    "Effect": "Allow",
    "Principal": {"Service": "lambda.amazonaws.com"},
    "Action": "sts:AssumeRole",
}
role = pool.aws.client("iam", endpoint_url=pool.endpoint).create_role(
    RoleName="trigger",
    AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
)["Role"]
functions = pool.aws.client("lambda", endpoint_url=pool.endpoint)
function = functions.create_function(
    FunctionName="trigger",
    Role=role["Arn"],
    Runtime="provided.al2023",
    Handler="bootstrap",
    Timeout=30,
    Code={"ZipFile": packed.getvalue()},
    Environment={"Variables": {"SEEN": seen}},
)["FunctionArn"]
functions.add_permission(
    FunctionName="trigger",
    StatementId="cognito",
    Action="lambda:InvokeFunction",
    Principal="cognito-idp.amazonaws.com",
)
people = Pool(LambdaConfig={"PostConfirmation": function})
client = people.client("USER_SRP_AUTH")
answer = {}
for mode in ("right", "slow-once", "nothing", "another", "error"):
    address = at(mode)
    person.sign_up(
        ClientId=client,
        Username=address,
        Password=PASSWORD,
        UserAttributes=attributes(email=address),
    )
    ended = outcome(
        person.confirm_sign_up,
        ClientId=client,
        Username=address,
        ConfirmationCode=code(address),
        ClientMetadata={"mode": mode},
    )
    with open(seen) as calls:
        answer[mode] = [ended, calls.read().split().count(mode)]
json.dump(answer, sys.stdout)
