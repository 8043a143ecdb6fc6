"""Stands for the marketing platforms, as their documents describe them: platforms.py

Says on one line where it listens: `url` for all of them, each below its own name, and `unheard`, an
address that refuses every connection until told otherwise. Ends with its input. It knows the platforms'
keys, paths and answers, keeps the contacts it is told of, and fails as it is told to:

    GET  /_/seen      every request, in order        GET  /_/contacts  platform -> address -> contact
    PUT  /_/keys      {platform: key}                PUT  /_/faults    [{platform, address, fault}]
    PUT  /_/listen    listens at `unheard` as well

A fault belongs to one platform, and to one address when it names one: `429` and `500` answer that,
`garbage` is somebody else's page, `slow` answers nothing for longer than anybody waits, `hang_up`
breaks the connection, and `lost` breaks it after the work is done.
"""

import base64
import hashlib
import hmac
import json
import re
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

# The triggers wait for three seconds.
SLOW = 5

lock = threading.Lock()
keys, faults, seen = {}, [], []
contacts = {name: {} for name in ("mailchimp", "hubspot", "beehiiv", "kit", "webhook")}


class Refused(Exception):
    """An answer other than success."""

    def __init__(self, status, body=None):
        self.status, self.body = status, body


def need(right, status=400, body=None):
    if not right:
        raise Refused(status, body)


def contact(platform, address, **values):
    """The contact of this address, made when there is none; `told` counts how often it was written."""
    entry = contacts[platform].setdefault(address.lower(), {"told": 0, "tags": [], "forms": []})
    entry["told"] += 1
    entry.update(values)
    return entry


def tag(entry, *names):
    entry["tags"] = sorted({*entry["tags"], *names})


def md5(text):
    return hashlib.md5(text.lower().encode()).hexdigest()


def mailchimp(request):
    login = base64.b64encode(b"saasauth:" + keys["mailchimp"].encode()).decode()
    given = request.headers.get("authorization")
    need(given == f"Basic {login}", 401, {"title": "API Key Invalid"})
    path = re.fullmatch(r"/3\.0/lists/(a1b2c3d4e5)/members/([0-9a-f]{32})(/tags)?", request.path)
    need(path, 404)
    if path[3]:
        need(request.method == "POST", 405)
        member = [one for one in contacts["mailchimp"].values() if one["hash"] == path[2]]
        need(member, 404)
        need(all(tag["status"] == "active" for tag in request.json["tags"]))
        tag(member[0], *(tag["name"] for tag in request.json["tags"]))
        return 204, None
    need(request.method == "PUT", 405)
    address = request.json["email_address"]
    need(md5(address) == path[2])
    known = contacts["mailchimp"].get(address.lower(), {})
    status = known.get("status", request.json["status_if_new"])
    fields = request.json.get("merge_fields", {})
    contact("mailchimp", address, hash=path[2], status=status, fields=fields)
    return 200, {"id": path[2], "email_address": address, "status": status}


def hubspot(request):
    need(request.headers.get("authorization") == f"Bearer {keys['hubspot']}", 401)
    need(request.path == "/crm/objects/2026-03/contacts/batch/upsert", 404)
    need(request.method == "POST", 405)
    (one,) = request.json["inputs"]
    need(one["idProperty"] == "email" and one["properties"]["email"] == one["id"])
    contact("hubspot", one["id"], fields=one["properties"])
    return 200, {"status": "COMPLETE", "results": [{"id": "1", "properties": one["properties"]}]}


def beehiiv(request):
    need(request.headers.get("authorization") == f"Bearer {keys['beehiiv']}", 401)
    path = re.fullmatch(r"/v2/publications/([^/]+)/subscriptions(/.+)?", request.path)
    need(path, 404)
    everybody, below = contacts["beehiiv"], path[2] or ""

    def data(entry):
        return {"data": {"id": entry["id"], "email": entry["email"], "status": entry["status"]}}

    if request.method == "GET" and below.startswith("/by_email/"):
        entry = everybody.get(unquote(below.removeprefix("/by_email/")).lower())
        need(entry, 404)
        return 200, data(entry)
    if request.method == "POST" and not below:
        address = request.json["email"]
        need(request.json["reactivate_existing"] is False)
        given = request.json.get("custom_fields", [])
        fields = {field["name"]: field["value"] for field in given}
        entry = contact("beehiiv", address, fields=fields, status="active")
        entry.update(id="sub_" + md5(address), email=address)
        return 201, data(entry)
    subscription = below.removesuffix("/tags")
    found = [entry for entry in everybody.values() if f"/{entry['id']}" == subscription]
    need(found, 404)
    if request.method == "POST" and below.endswith("/tags"):
        tag(found[0], *request.json["tags"])
        return 200, data(found[0])
    need(request.method == "PUT", 405)
    given = request.json["custom_fields"]
    found[0]["fields"].update((field["name"], field["value"]) for field in given)
    return 200, data(found[0])


def kit(request):
    need(request.headers.get("x-kit-api-key") == keys["kit"], 401)
    need(request.method == "POST", 405)
    if request.path == "/v4/tags":
        return 201, {"tag": {"id": 7, "name": request.json["name"]}}
    address = request.json["email_address"].lower()
    if request.path == "/v4/subscribers":
        known = contacts["kit"].get(address, {})
        state = known.get("state", request.json["state"])
        contact("kit", address, state=state, fields=request.json.get("fields", {}))
        return 201, {"subscriber": {"id": 1, "email_address": address, "state": state}}
    path = re.fullmatch(r"/v4/(forms|tags)/([^/]+)/subscribers", request.path)
    need(path and address in contacts["kit"], 404)
    listed = contacts["kit"][address][path[1]]
    if path[2] not in listed:
        listed.append(path[2])
    return 201, {"subscriber": {"id": 1, "email_address": address}}


def webhook(request):
    need(request.method == "POST" and request.path == "", 404)
    given = request.headers.get("x-saasauth-signature", "")
    given = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", given)
    need(given and abs(time.time() - int(given[1])) < 60, 401)
    signed = given[1].encode() + b"." + request.body
    right = hmac.new(keys["webhook"].encode(), signed, hashlib.sha256).hexdigest()
    need(hmac.compare_digest(right, given[2]), 401)
    address = request.json["user"]["email"]
    # A receiver knows what it had by the event's `id`.
    known = contacts["webhook"].get(address.lower(), {}).get("event", {})
    contact("webhook", address, event=request.json)
    return (409 if known.get("id") == request.json["id"] else 204), None


def fault_of(platform, request):
    """The fault this request is to meet. Its address is in the body or path, or there as a hash."""
    text = (unquote(request.path) + request.body.decode()).lower()
    for one in sorted(faults, key=lambda one: one.get("address") is None):
        address = (one.get("address") or "").lower()
        named = address in text or md5(address) in text
        if one["platform"] == platform and (not address or named):
            return one["fault"]
    return None


class Request:
    def __init__(self, handler, body):
        self.method, self.body = handler.command, body
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        _, platform, *rest = urlsplit(handler.path).path.split("/")
        self.platform, self.path = platform, "".join(f"/{part}" for part in rest)
        try:
            self.json = json.loads(body or "null")
        except ValueError:
            self.json = None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=None, kind="application/json", **headers):
        if not isinstance(body, bytes):
            body = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def hang_up(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        request = Request(self, body)
        if request.platform == "_":
            with lock:
                return self.answer(200, json.dumps(self.control(request)).encode())
        with lock:
            fault = fault_of(request.platform, request)
            entry = {
                "platform": request.platform,
                "method": request.method,
                "path": request.path,
                "query": urlsplit(self.path).query,
                "headers": request.headers,
                "body": request.json,
                "fault": fault,
                "status": None,
                "began": time.time(),
            }
            seen.append(entry)
        if fault == "slow":
            time.sleep(SLOW)
        if fault in ("slow", "hang_up"):
            return self.hang_up()
        if fault in ("429", "500"):
            entry["status"] = int(fault)
            later = {"Retry_After": "1"} if fault == "429" else {}
            return self.answer(int(fault), {"message": "not now"}, **later)
        if fault == "garbage":
            entry["status"] = 200
            return self.answer(200, b"<html>Welcome to our wifi</html>", "text/html")
        try:
            with lock:
                status, answer = globals()[request.platform](request)
        except Refused as refused:
            status, answer = refused.status, refused.body
        if fault == "lost":
            return self.hang_up()
        entry["status"] = status
        self.answer(status, answer)

    do_GET = do_POST = do_PUT = handle_any

    def control(self, request):
        if request.path == "/seen":
            return seen
        if request.path == "/contacts":
            return contacts
        if request.path == "/keys":
            keys.update(request.json)
        elif request.path == "/faults":
            faults[:] = request.json
        elif request.path == "/listen":
            serve(unheard)
        return None


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        # Whoever asked has gone: a killed function, or one that waits no longer.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def serve(bound):
    server = Server(bound.getsockname(), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = bound
    server.server_activate()
    threading.Thread(target=server.serve_forever, daemon=True).start()


def bound():
    one = socket.socket()
    one.bind(("127.0.0.1", 0))
    return one, f"http://127.0.0.1:{one.getsockname()[1]}"


heard, url = bound()
# Bound, but not listening: connections are refused, and nobody else can take the port.
unheard, unheard_url = bound()
serve(heard)
print(json.dumps({"url": url, "unheard": unheard_url}), flush=True)
sys.stdin.read()
