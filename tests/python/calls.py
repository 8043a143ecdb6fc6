"""Sends AWS requests with boto3, one after the other: calls.py ENDPOINT ACCOUNT < calls.json

A call is [SERVICE, OPERATION, PARAMETERS]. A parameter {"from": [N, KEY, …]} is taken out of the answer of call N. Each
answer is what boto3 returns, or {"code", "message", "status"} of the error. boto3 checks nothing itself.
"""

import json
import sys

from botocore.config import Config
from botocore.exceptions import ClientError

from aws import session

endpoint, account = sys.argv[1:]
unchecked = Config(parameter_validation=False, retries={"max_attempts": 1})
answers = []


def filled(value):
    if isinstance(value, dict) and list(value) == ["from"]:
        number, *path = value["from"]
        found = answers[number]
        for key in path:
            found = found[key]
        return found
    if isinstance(value, dict):
        return {name: filled(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner) for inner in value]
    return value


for service, operation, parameters in json.load(sys.stdin):
    client = session(account).client(service, endpoint_url=endpoint, config=unchecked)
    try:
        answer = getattr(client, operation)(**filled(parameters))
        answer.pop("ResponseMetadata", None)
    except ClientError as error:
        answer = {
            "code": error.response["Error"]["Code"],
            "message": error.response["Error"]["Message"],
            "status": error.response["ResponseMetadata"]["HTTPStatusCode"],
        }
    answers.append(answer)
json.dump(answers, sys.stdout, default=str)
