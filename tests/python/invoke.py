"""Invokes functions as Cognito does: invoke.py ENDPOINT ACCOUNT < turns.json

The input is a list of turns, made all at once; a turn is a list of [function, event], made one after the
other. Answers each with what came back, `error` (whether the function failed), and how many `seconds` it
took.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from aws import session
from botocore.config import Config

endpoint, account = sys.argv[1:]
turns = json.load(sys.stdin)
once = Config(retries={"total_max_attempts": 1}, max_pool_connections=len(turns))
functions = session(account).client("lambda", endpoint_url=endpoint, config=once)


def invoke(function, event):
    began = time.monotonic()
    answer = functions.invoke(FunctionName=function, Payload=json.dumps(event))
    document = json.load(answer["Payload"])
    seconds = time.monotonic() - began
    return {"answer": document, "error": "FunctionError" in answer, "seconds": seconds}


with ThreadPoolExecutor(len(turns)) as pool:
    take = [pool.submit(lambda turn: [invoke(*one) for one in turn], turn) for turn in turns]
    json.dump([one.result() for one in take], sys.stdout)
