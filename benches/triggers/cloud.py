"""Speaks to the AWS stand-in: requests as values, the tables both jobs use, and single calls."""

import base64
import datetime
import http.client
import io
import json
import re
import typing
import urllib.parse
import zipfile

TABLES = {"PERMISSIONS_TABLE": "bench-permissions", "DOMAINS_TABLE": "bench-domains"}
PERMISSIONS, DOMAINS = TABLES.values()
FUNCTION = "benchmark"


class Request(typing.NamedTuple):
    """A request to one service; stand-ins check no signature."""

    method: str
    path: str
    service: str
    headers: dict
    body: object

    def head(self):
        """The headers an SDK sends: reading them is part of what a stand-in takes."""
        credential = f"test/20260101/eu-west-1/{self.service}/aws4_request"
        signed = "content-type;host;x-amz-date;x-amz-target;x-amz-user-agent"
        agent = "aws-sdk-rust/1.5.0 os/linux lang/rust/1.95.0"
        return {
            **self.headers,
            "Amz-Sdk-Invocation-Id": "5f1c2a44-3f3e-4a0b-9c55-0a8f5d7e1b20",
            "Amz-Sdk-Request": "attempt=1; max=3",
            "User-Agent": agent,
            "X-Amz-User-Agent": f"{agent} ua/2.1 api/{self.service}/1.0.0 m/E,b app/{FUNCTION}",
            "X-Amz-Date": "20260101T000000Z",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, "
            f"Signature={'0' * 64}",
        }

    def text(self):
        """Its body: forms are text already."""
        return self.body if isinstance(self.body, str) else json.dumps(self.body)

    def bytes(self, host):
        """As it goes over the wire."""
        body = self.text().encode()
        headers = {**self.head(), "Host": host, "Content-Length": len(body)}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{self.method} {self.path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def dynamodb(operation, body):
    """A request to DynamoDB."""
    headers = {
        "X-Amz-Target": f"DynamoDB_20120810.{operation}",
        "Content-Type": "application/x-amz-json-1.0",
    }
    return Request("POST", "/", "dynamodb", headers, body)


def lambda_request(method, path, body, headers=None):
    """A request to Lambda."""
    headers = {"Content-Type": "application/json", **(headers or {})}
    return Request(method, path, "lambda", headers, body)


def invoke_event(payload):
    """An asynchronous invocation of the function that stands for the one measured."""
    path = f"/2015-03-31/functions/{FUNCTION}/invocations"
    return lambda_request("POST", path, payload, {"X-Amz-Invocation-Type": "Event"})


class Cloud:
    """An AWS stand-in at an address, over plain HTTP."""

    def __init__(self, url):
        address = urllib.parse.urlsplit(url)
        self.host, self.port = address.hostname, address.port or 80

    def call(self, request):
        """The answer to a request: a value when it is JSON, else its text."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        connection.request(request.method, request.path, request.text(), request.head())
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        if answer.status >= 300:
            raise SystemExit(f"{request.path} failed: {answer.status} {text}")
        return json.loads(text) if text.startswith("{") else text

    def put(self, table, item):
        self.call(dynamodb("PutItem", {"TableName": table, "Item": item}))

    def make_tables(self):
        """Makes both tables."""
        for table, keys in ((PERMISSIONS, ["pk"]), (DOMAINS, ["pk", "sk"])):
            kinds = zip(keys, ("HASH", "RANGE"))
            request = {
                "TableName": table,
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [
                    {"AttributeName": key, "AttributeType": "S"} for key in keys
                ],
                "KeySchema": [{"AttributeName": key, "KeyType": kind} for key, kind in kinds],
            }
            self.call(dynamodb("CreateTable", request))

    def make_function(self):
        """Makes a function whose queue takes every event and which then runs none of them: no processor
        may be taken from what is measured. On AWS, too, a concurrency of zero does that."""
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("bootstrap", "#!/bin/sh\n")
        settings = {
            "FunctionName": FUNCTION,
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Role": "arn:aws:iam::000000000000:role/benchmark",
            "Code": {"ZipFile": base64.b64encode(package.getvalue()).decode()},
        }
        self.call(lambda_request("POST", "/2015-03-31/functions", settings))
        concurrency = f"/2017-10-31/functions/{FUNCTION}/concurrency"
        self.call(lambda_request("PUT", concurrency, {"ReservedConcurrentExecutions": 0}))
        retries = f"/2019-09-25/functions/{FUNCTION}/event-invoke-config"
        self.call(lambda_request("PUT", retries, {"MaximumRetryAttempts": 0}))

    def refused_events(self):
        """How many events that function's queue took and could not run, by CloudWatch's count."""
        now = datetime.datetime.now(datetime.UTC)
        day = datetime.timedelta(days=1)
        question = {
            "Action": "GetMetricStatistics",
            "Version": "2010-08-01",
            "Namespace": "AWS/Lambda",
            "MetricName": "Throttles",
            "Dimensions.member.1.Name": "FunctionName",
            "Dimensions.member.1.Value": FUNCTION,
            "StartTime": (now - day).isoformat(),
            "EndTime": (now + day).isoformat(),
            "Period": "86400",
            "Statistics.member.1": "Sum",
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        request = Request("POST", "/", "monitoring", headers, urllib.parse.urlencode(question))
        return sum(int(float(found)) for found in re.findall("<Sum>(.*?)</Sum>", self.call(request)))
