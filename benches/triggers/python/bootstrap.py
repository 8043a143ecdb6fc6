"""Asks the Runtime API for events and posts the answers. Less than AWS's own runtime client does, so
the figures flatter Python."""

import http.client
import json
import os

from handler import handler  # the trigger packaged with this

BASE = "/2018-06-01/runtime/invocation"
connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])

while True:
    connection.request("GET", f"{BASE}/next")
    answer = connection.getresponse()
    event = json.loads(answer.read())
    request_id = answer.headers["Lambda-Runtime-Aws-Request-Id"]
    try:
        path, body = "response", handler(event)
    except Exception as error:  # whatever it is, the caller must hear of it
        path, body = "error", {"errorType": type(error).__name__, "errorMessage": str(error)}
    connection.request("POST", f"{BASE}/{request_id}/{path}", json.dumps(body))
    connection.getresponse().read()
