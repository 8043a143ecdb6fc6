"""The DynamoDB stand-in: starts it, fills it, and measures its own round trip."""

import contextlib
import http.client
import json
import os
import selectors
import shutil
import socket
import subprocess
import time
import urllib.parse

SUB = "5f1c2a44-3f3e-4a0b-9c55-0a8f5d7e1b20"
TABLES = {"PERMISSIONS_TABLE": "bench-permissions", "DOMAINS_TABLE": "bench-domains"}
PERMISSIONS, DOMAINS = TABLES.values()
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/dynamodb/aws4_request, "
    "SignedHeaders=host, Signature=0"
)


@contextlib.contextmanager
def ministack(log):
    """A MiniStack of our own; its address."""
    program = shutil.which("ministack")
    if program is None:
        raise SystemExit("`ministack` is not on the PATH: pip install ministack==1.5.33")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "GATEWAY_PORT": str(port), "MINISTACK_HOST": "127.0.0.1"}
    process = subprocess.Popen([program], env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/_ministack/health")
                if connection.getresponse().status == 200:
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("MiniStack does not start; see the log")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


class Store:
    """A DynamoDB at an address, over plain HTTP."""

    def __init__(self, url):
        address = urllib.parse.urlsplit(url)
        self._host, self._port = address.hostname, address.port or 80

    def fill(self):
        """Makes the tables anew, with one administrator of two domains."""
        for table in TABLES.values():
            self._call("DeleteTable", {"TableName": table}, may_fail=True)
        for table, keys in ((PERMISSIONS, ["pk"]), (DOMAINS, ["pk", "sk"])):
            kinds = zip(keys, ("HASH", "RANGE"))
            self._call(
                "CreateTable",
                {
                    "TableName": table,
                    "BillingMode": "PAY_PER_REQUEST",
                    "AttributeDefinitions": [
                        {"AttributeName": key, "AttributeType": "S"} for key in keys
                    ],
                    "KeySchema": [{"AttributeName": key, "KeyType": kind} for key, kind in kinds],
                },
            )
        words = lambda *values: {"L": [{"S": value} for value in values]}
        self._put(PERMISSIONS, {"pk": {"S": "ROLE#member"}, "permissions": words("projects:read")})
        admin = words("projects:*", "billing:*", "members:*")
        self._put(PERMISSIONS, {"pk": {"S": "ROLE#admin"}, "permissions": admin})
        user = {
            "pk": {"S": f"USER#{SUB}"},
            "email": {"S": "ada@acme.example"},
            "role": {"S": "admin"},
            "permissions": words("reports:read", "projects:read"),
            "created_at": {"S": "2026-01-01T00:00:00Z"},
        }
        self._put(PERMISSIONS, user)
        for domain in ("acme.example", "acme.test"):
            membership = {
                "pk": {"S": f"USER#{SUB}"},
                "sk": {"S": f"DOMAIN#{domain}"},
                "role": {"S": "admin"},
            }
            self._put(DOMAINS, membership)

    def round_trips(self, count):
        """Seconds each pair of a trigger's two reads takes, sent side by side with no work around them."""
        key = {"pk": {"S": f"USER#{SUB}"}}
        requests = [
            ("GetItem", {"TableName": PERMISSIONS, "Key": key, "ConsistentRead": True}),
            (
                "Query",
                {
                    "TableName": DOMAINS,
                    "KeyConditionExpression": "pk = :user AND begins_with(sk, :domain)",
                    "ExpressionAttributeValues": {":user": key["pk"], ":domain": {"S": "DOMAIN#"}},
                    "ConsistentRead": True,
                },
            ),
        ]
        requests = [self._bytes(operation, body) for operation, body in requests]
        taken = []
        while len(taken) < count:
            wires = {
                socket.create_connection((self._host, self._port)): request for request in requests
            }
            selector = selectors.DefaultSelector()
            for wire in wires:
                wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(wire, selectors.EVENT_READ)
            # MiniStack closes a connection after a thousand requests.
            for _ in range(min(500, count - len(taken))):
                taken.append(self._pair(selector, wires))
            selector.close()
            for wire in wires:
                wire.close()
        return taken

    @staticmethod
    def _pair(selector, wires):
        began = time.perf_counter()
        for wire, request in wires.items():
            wire.sendall(request)
        waiting = {wire: b"" for wire in wires}
        while waiting:
            for ready, _ in selector.select():
                waiting[ready.fileobj] += ready.fileobj.recv(65536)
                if is_whole(waiting[ready.fileobj]):
                    del waiting[ready.fileobj]
        return time.perf_counter() - began

    def _put(self, table, item):
        self._call("PutItem", {"TableName": table, "Item": item})

    def _headers(self, operation):
        return {
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": SIGNED,
        }

    def _bytes(self, operation, body):
        body = json.dumps(body).encode()
        headers = {**self._headers(operation), "Host": self._host, "Content-Length": len(body)}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST / HTTP/1.1\r\n{lines}\r\n".encode() + body

    def _call(self, operation, body, may_fail=False):
        connection = http.client.HTTPConnection(self._host, self._port, timeout=30)
        connection.request("POST", "/", json.dumps(body), self._headers(operation))
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        if answer.status != 200 and not may_fail:
            raise SystemExit(f"{operation} failed: {answer.status} {text}")


def is_whole(answer):
    """Whether an HTTP answer has arrived to its end."""
    head, separator, body = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    for line in head.lower().split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return len(body) >= int(value)
    return body.endswith(b"0\r\n\r\n")
