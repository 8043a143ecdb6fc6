"""Confirms the same people again and again: confirm_many.py ENDPOINT ACCOUNT FUNCTION < events.json

Sends confirmUser each event ten times, in no order, sixteen at a time. Answers with what should not be
there: errors, and events that came back changed.
"""

import json
import random
import sys
from concurrent.futures import ThreadPoolExecutor

from aws import session
from botocore.config import Config

COPIES, AT_ONCE = 10, 16

endpoint, account, function = sys.argv[1:]
once = Config(retries={"total_max_attempts": 1}, max_pool_connections=AT_ONCE)
functions = session(account).client("lambda", endpoint_url=endpoint, config=once)


def send(event):
    answer = functions.invoke(FunctionName=function, Payload=json.dumps(event))
    document = json.load(answer["Payload"])
    if "FunctionError" in answer or document != event:
        return document
    return None


events = json.load(sys.stdin) * COPIES
random.shuffle(events)
with ThreadPoolExecutor(AT_ONCE) as pool:
    answers = list(pool.map(send, events))
json.dump([answer for answer in answers if answer is not None], sys.stdout)
