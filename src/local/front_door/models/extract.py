"""Makes the tables beside it, one for each service: what AWS's service models say about the requests that the front door is
shown.

Run it with the Python of an environment that has exactly this botocore:

    python -m pip install botocore==1.44.8
    python extract.py            # writes the tables
    python extract.py --check    # fails if that would change any

Kept of a service: its protocol, and of each operation where its parameters travel, which are required, and
what their values are held to. Descriptions and answers are left out. Patterns are Java's in the models; they are
written here as Rust's `regex` spells the same, and those that need look-around are left out, by name.
"""

import json
import pathlib
import re
import sys

import botocore
from botocore.loaders import Loader

BOTOCORE = "1.44.8"

# All operations of Cognito, for people's own code calls any of them. Of the others those that the tool, its
# triggers or a person at a deployed stage would use.
ALL = None
SERVICES = {
    "cognito-idp": ALL,
    "cloudwatch": [
        "DeleteAlarms",
        "DescribeAlarms",
        "ListTagsForResource",
        "PutMetricAlarm",
        "TagResource",
        "UntagResource",
    ],
    "dynamodb": [
        "BatchGetItem",
        "BatchWriteItem",
        "CreateTable",
        "DeleteItem",
        "DeleteTable",
        "DescribeContinuousBackups",
        "DescribeTable",
        "DescribeTimeToLive",
        "GetItem",
        "ListTables",
        "ListTagsOfResource",
        "PutItem",
        "Query",
        "Scan",
        "TagResource",
        "TransactGetItems",
        "TransactWriteItems",
        "UntagResource",
        "UpdateContinuousBackups",
        "UpdateItem",
        "UpdateTable",
        "UpdateTimeToLive",
    ],
    "iam": [
        "AttachRolePolicy",
        "CreatePolicy",
        "CreateRole",
        "DeleteRole",
        "DeleteRolePermissionsBoundary",
        "DeleteRolePolicy",
        "DetachRolePolicy",
        "GetRole",
        "GetRolePolicy",
        "ListAttachedRolePolicies",
        "ListRolePolicies",
        "ListRoleTags",
        "ListRoles",
        "PutRolePermissionsBoundary",
        "PutRolePolicy",
        "TagRole",
        "UntagRole",
        "UpdateAssumeRolePolicy",
        "UpdateRole",
        "UpdateRoleDescription",
    ],
    "lambda": [
        "AddPermission",
        "CreateAlias",
        "CreateFunction",
        "DeleteFunction",
        "DeleteFunctionConcurrency",
        "DeleteFunctionEventInvokeConfig",
        "GetFunction",
        "GetFunctionConfiguration",
        "GetFunctionEventInvokeConfig",
        "GetPolicy",
        "Invoke",
        "ListFunctions",
        "ListTags",
        "ListVersionsByFunction",
        "PublishVersion",
        "PutFunctionConcurrency",
        "PutFunctionEventInvokeConfig",
        "RemovePermission",
        "TagResource",
        "UntagResource",
        "UpdateFunctionCode",
        "UpdateFunctionConfiguration",
        "UpdateFunctionEventInvokeConfig",
    ],
    "logs": [
        "CreateLogGroup",
        "CreateLogStream",
        "DeleteLogGroup",
        "DeleteRetentionPolicy",
        "DescribeLogGroups",
        "DescribeLogStreams",
        "FilterLogEvents",
        "GetLogEvents",
        "ListTagsForResource",
        "PutLogEvents",
        "PutRetentionPolicy",
        "TagResource",
        "UntagResource",
    ],
    "resourcegroupstaggingapi": [
        "GetResources",
        "GetTagKeys",
        "GetTagValues",
        "TagResources",
        "UntagResources",
    ],
    "sesv2": [
        "CreateConfigurationSet",
        "CreateConfigurationSetEventDestination",
        "CreateEmailIdentity",
        "CreateEmailTemplate",
        "DeleteConfigurationSet",
        "DeleteEmailIdentity",
        "DeleteEmailTemplate",
        "DeleteSuppressedDestination",
        "GetAccount",
        "GetConfigurationSet",
        "GetEmailIdentity",
        "GetEmailTemplate",
        "GetSuppressedDestination",
        "ListConfigurationSets",
        "ListEmailIdentities",
        "ListEmailTemplates",
        "ListTagsForResource",
        "PutConfigurationSetReputationOptions",
        "PutConfigurationSetSendingOptions",
        "PutConfigurationSetSuppressionOptions",
        "PutEmailIdentityConfigurationSetAttributes",
        "PutEmailIdentityDkimAttributes",
        "PutEmailIdentityMailFromAttributes",
        "PutSuppressedDestination",
        "SendBulkEmail",
        "SendEmail",
        "TagResource",
        "TestRenderEmailTemplate",
        "UntagResource",
        "UpdateEmailTemplate",
    ],
    "sqs": [
        "ChangeMessageVisibility",
        "ChangeMessageVisibilityBatch",
        "CreateQueue",
        "DeleteMessage",
        "DeleteMessageBatch",
        "DeleteQueue",
        "GetQueueAttributes",
        "GetQueueUrl",
        "ListQueueTags",
        "ListQueues",
        "PurgeQueue",
        "ReceiveMessage",
        "SendMessage",
        "SendMessageBatch",
        "SetQueueAttributes",
        "TagQueue",
        "UntagQueue",
    ],
    "ssm": [
        "AddTagsToResource",
        "DeleteParameter",
        "DeleteParameters",
        "DescribeParameters",
        "GetParameter",
        "GetParameterHistory",
        "GetParameters",
        "GetParametersByPath",
        "ListTagsForResource",
        "PutParameter",
        "RemoveTagsFromResource",
    ],
    "sts": ["AssumeRole", "GetCallerIdentity", "GetSessionToken"],
}

# Patterns that AWS itself doesn't hold requests to.
NOT_HELD = {
    # A custom domain has dots; what holds for a prefix is a rule of the front door.
    ("cognito-idp", "DomainType"),
}

# Java's shorthands hold ASCII, Rust's all of Unicode.
INSIDE = {"w": "0-9A-Za-z_", "d": "0-9", "s": r" \t\n\x0B\f\r"}
OUTSIDE = {"w": "[0-9A-Za-z_]", "d": "[0-9]", "s": r"[ \t\n\x0B\f\r]", "S": r"[^ \t\n\x0B\f\r]"}


def pattern(java):
    """The pattern in Rust's spelling, or None where Rust has none."""
    if re.search(r"\(\?<?[=!]", java):
        return None
    java = java.replace(r"[\S]", r"\S")
    out, inside, at = [], False, 0
    while at < len(java):
        one = java[at]
        two = java[at : at + 2]
        if one == "\\":
            name = java[at + 1]
            if name == "u":
                out.append("\\x{" + java[at + 2 : at + 6] + "}")
                at += 6
                continue
            table = INSIDE if inside else OUTSIDE
            if name in table:
                out.append(table[name])
            elif name == "b":
                out.append(r"(?-u:\b)")
            elif name in ":/@ =,'\"!%<>;":
                out.append(name)
            else:
                out.append(two)
            at += 2
            continue
        if inside:
            if one == "[":
                out.append(r"\[")
                at += 1
                continue
            if one == "]":
                inside = False
            # What is a set operation in Rust is two characters in the models.
            elif one in "&~" and two == one * 2:
                out.append("\\" + one)
                at += 1
                continue
        elif one == "[":
            inside = True
            if java[at + 1] == "^":
                out.append("[^")
                at += 2
                continue
        out.append(one)
        at += 1
    return "".join(out)


LOCATIONS = {"uri": "uri", "querystring": "query", "header": "header", "headers": "headers"}


class Service:
    def __init__(self, name, model):
        self.name = name
        self.model = model
        self.shapes = {}
        self.skipped = []
        metadata = model["metadata"]
        self.table = {"protocol": metadata["protocol"]}
        if "targetPrefix" in metadata:
            self.table["target"] = metadata["targetPrefix"]
        if "xmlNamespace" in metadata:
            self.table["namespace"] = metadata["xmlNamespace"]
        self.table["errors"] = self.errors()
        self.table["operations"] = self.operations(SERVICES[name])
        self.table["shapes"] = dict(sorted(self.shapes.items()))

    def errors(self):
        """Codes whose answer isn't a plain 400."""
        statuses = {}
        for name, shape in self.model["shapes"].items():
            if shape.get("exception"):
                error = shape.get("error", {})
                status = error.get("httpStatusCode", 400)
                if status != 400:
                    statuses[error.get("code", name)] = status
        return dict(sorted(statuses.items()))

    def operations(self, wanted):
        operations = {}
        for name in sorted(self.model["operations"] if wanted is ALL else wanted):
            operation = self.model["operations"][name]
            entry = {}
            if self.table["protocol"] == "rest-json":
                http = operation["http"]
                entry["http"] = f"{http['method']} {http['requestUri']}"
            if "input" in operation:
                entry["input"] = self.shape(operation["input"]["shape"])
            operations[name] = entry
        return operations

    def shape(self, name):
        """Keeps the shape and all below it; returns its name."""
        if name in self.shapes:
            return name
        shape = self.model["shapes"][name]
        entry = {"type": shape["type"]}
        # Before what is below it: some shapes hold themselves.
        self.shapes[name] = entry
        for key in ("min", "max", "enum"):
            if key in shape:
                entry[key] = shape[key]
        if shape.get("sensitive"):
            entry["sensitive"] = True
        trivial = (".*", r"[\s\S]*", "(?s).*")
        held = (self.name, name) not in NOT_HELD
        if held and "pattern" in shape and shape["pattern"] not in trivial:
            spelled = pattern(shape["pattern"])
            if spelled is None:
                self.skipped.append(name)
            else:
                entry["pattern"] = spelled
                if spelled != shape["pattern"]:
                    entry["shown"] = shape["pattern"]
        if shape["type"] == "structure":
            if shape.get("required"):
                entry["required"] = shape["required"]
            if "payload" in shape:
                entry["payload"] = shape["payload"]
            entry["members"] = {
                member: self.member(member, target)
                for member, target in shape["members"].items()
                if not target.get("deprecated") or target["shape"]
            }
        if shape["type"] == "list":
            entry["of"] = self.member("member", shape["member"])
            if shape.get("flattened"):
                entry["flat"] = True
        if shape["type"] == "map":
            entry["keys"] = self.shape(shape["key"]["shape"])
            entry["of"] = self.shape(shape["value"]["shape"])
        return name

    def member(self, name, member):
        target = self.shape(member["shape"])
        location = LOCATIONS.get(member.get("location"))
        called = member.get("locationName", name)
        if location:
            return f"{target} {location} {called}"
        # A list's element is called `member` in a form, and has no name in JSON.
        if called != name and name != "member":
            return f"{target} body {called}"
        return target


def text(service):
    """A shape a line: as small as JSON gets without becoming unreadable in a diff."""
    small = lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    lines = ["{", f'"botocore":{small(BOTOCORE)},']
    # Shapes whose pattern needs look-around: they are held to the rest of their limits only.
    lines.append(f'"skipped":{small(service.skipped)},')
    for key in ("protocol", "target", "namespace", "errors"):
        if key in service.table:
            lines.append(f"{small(key)}:{small(service.table[key])},")
    for key in ("operations", "shapes"):
        lines.append(f"{small(key)}:{{")
        lines.append(",\n".join(f"{small(one)}:{small(value)}" for one, value in service.table[key].items()))
        lines.append("}," if key == "operations" else "}")
    return "\n".join([*lines, "}", ""])


def main():
    if botocore.__version__ != BOTOCORE:
        sys.exit(f"this is botocore {botocore.__version__}; the tables are made from {BOTOCORE}")
    loader = Loader()
    for name in SERVICES:
        new = text(Service(name, loader.load_service_model(name, "service-2")))
        json.loads(new)
        file = pathlib.Path(__file__).parent / f"{name}.json"
        if "--check" not in sys.argv[1:]:
            file.write_text(new)
        elif not file.exists() or file.read_text() != new:
            sys.exit(f"{file.name} is not what this script makes; run it without --check")


if __name__ == "__main__":
    main()
