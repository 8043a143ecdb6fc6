"""Stands between the functions and the emulator, and fails as AWS does: aws_faults.py

Says on one line where the functions are to find AWS, and reads on one line where it is: {endpoint_url}.
Ends with its input. Passes requests on, but for the faults it is told of:

    PUT /_/faults     {account, faults: [{name, action, has, kind, operations, requests}]}
    GET /_/seen       every request, in order

The faults of an account take the place of those it had. A fault belongs to the requests of its account
with this `action` (such as `GetItem`; null for all), whose body has all the texts of `has`. It is over
after as many `operations`, as many `requests`, or, without either, when it is told so; all attempts the
SDK makes at something are one operation. Its `kind` is one of

    throttled, 500    the service's own answer     cancelled    a transaction met a throttled table
    hang_up           breaks the connection        slow         passed on later than anybody waits
    lost              passed on, but the answer never arrives
    unprocessed       of a batch that is read, all is left for later
    unverified        SES has not verified whom a mail is for, or from
"""

import json
import re
import sys
import threading
import time

from gate import Gate, serve

# The longest anybody waits is two seconds for DynamoDB, and five for the function itself.
SLOW = 6

THROTTLED = {
    "dynamodb": (400, "ProvisionedThroughputExceededException"),
    "ses": (429, "TooManyRequestsException"),
    "lambda": (429, "TooManyRequestsException"),
}
BROKEN = {
    "dynamodb": (500, "InternalServerError"),
    "ses": (500, "InternalServiceErrorException"),
    "lambda": (500, "ServiceException"),
}
# What the service says of itself, which is not for the users.
DETAILS = "detail-of-the-service: table starter-local-permissions, request 7Q2J"

# As SES words it; it names the addresses.
UNVERIFIED = (
    "Email address is not verified. The following identities failed the check in region EU-WEST-1: "
    "ada@acme.test"
)

lock = threading.Lock()
faults, seen = {}, []


def cancelled(body):
    """One of the writes met a throttled table, and so none was made."""
    reasons = [{"Code": "None"} for _ in json.loads(body)["TransactItems"]]
    reasons[0] = {"Code": "ThrottlingError", "Message": DETAILS}
    codes = ", ".join(reason["Code"] for reason in reasons)
    return {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "CancellationReasons": reasons,
        "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons "
        f"[{codes}]",
    }


def fault_of(account, action, operation, text):
    """The fault this request is to meet."""
    for one in faults.get(account, []):
        if one["action"] not in (None, action) or not all(part in text for part in one["has"]):
            continue
        met, operations, requests = one["met"], one["operations"], one["requests"]
        if requests is not None and len(met) >= requests:
            continue
        if operations is not None and len({*met, operation}) > operations:
            continue
        met.append(operation)
        return one
    return None


class Failing(Gate):
    def asked(self, headers, body):
        if self.path.startswith("/_/"):
            return self.told(body)
        # Credential=ACCOUNT/DATE/REGION/SERVICE/aws4_request: the functions sign with their account.
        authorization = headers.get("authorization", "")
        signed = re.search(r"Credential=(\d{12})/\d+/[^/]+/([^/]+)/", authorization)
        account, service = signed.groups()
        match service:
            case "dynamodb":
                action = headers["x-amz-target"].partition(".")[2]
            case "ses":
                action = "SendEmail" if self.path == "/v2/email/outbound-emails" else self.path
            case "lambda":
                action = "Invoke" if self.path.endswith("/invocations") else self.path
            case _:
                action = self.path
        with lock:
            # What is signed by hand is sent once, and an operation of its own.
            operation = headers.get("amz-sdk-invocation-id", f"request {len(seen)}")
            fault = fault_of(account, action, operation, body.decode())
            entry = {
                "account": account,
                "action": action,
                "operation": operation,
                "fault": fault and fault["name"],
                "kind": fault and fault["kind"],
                "status": None,
                "ended": False,
            }
            seen.append(entry)
        try:
            self.meet(fault and fault["kind"], service, headers, body, entry)
        finally:
            entry["ended"] = True

    def meet(self, kind, service, headers, body, entry):
        if kind == "hang_up":
            return self.hang_up()
        if kind in ("throttled", "500"):
            status, code = (THROTTLED if kind == "throttled" else BROKEN)[service]
            return self.fail(service, status, code, entry)
        if kind == "unverified":
            return self.say(400, {"message": UNVERIFIED}, entry, {"x-amzn-ErrorType": "MessageRejected"})
        if kind == "cancelled":
            return self.say(400, cancelled(body), entry)
        if kind == "unprocessed":
            document = {"Responses": {}, "UnprocessedKeys": json.loads(body)["RequestItems"]}
            return self.say(200, document, entry)
        if kind == "slow":
            time.sleep(SLOW)
        status, headers, body = self.pass_on(headers, body)
        entry["status"] = status
        if kind == "lost":
            return self.hang_up()
        self.answer(status, headers, body)

    def fail(self, service, status, code, entry):
        """An error as the service spells it."""
        if service == "dynamodb":
            name = f"com.amazonaws.dynamodb.v20120810#{code}"
            return self.say(status, {"__type": name, "message": DETAILS}, entry)
        self.say(status, {"message": DETAILS}, entry, {"x-amzn-ErrorType": code})

    def say(self, status, document, entry, headers=None):
        entry["status"] = status
        text = json.dumps(document).encode()
        self.answer(status, {"Content-Type": "application/json", **(headers or {})}, text)

    def told(self, body):
        with lock:
            if self.path == "/_/faults":
                document = json.loads(body)
                told = [{**one, "met": []} for one in document["faults"]]
                faults[document["account"]] = told
            answer = json.dumps(seen if self.path == "/_/seen" else None)
        self.answer(200, {"Content-Type": "application/json"}, answer.encode())

    do_GET = do_PUT = Gate.do_POST


print(serve(Failing), flush=True)
Failing.endpoint_url = json.loads(sys.stdin.readline())["endpoint_url"]
sys.stdin.read()
