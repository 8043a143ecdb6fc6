"""Calls an API with each of several tokens: status.py METHOD URL < tokens.json

Answers with status, WWW-Authenticate and body for each name.
"""

import json
import sys

import requests

method, url = sys.argv[1:]
answers = {}
for name, token in json.load(sys.stdin).items():
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = {"name": "apollo"} if method == "POST" else None
    answer = requests.request(method, url, headers=headers, json=body, timeout=30)
    challenge = answer.headers.get("WWW-Authenticate")
    answers[name] = [answer.status_code, challenge, answer.text]
json.dump(answers, sys.stdout)
