"""Sends one AWS request with boto3: request.py ENDPOINT ACCOUNT SERVICE OPERATION < parameters.json"""

import json
import sys

from aws import session

endpoint, account, service, operation = sys.argv[1:]
client = session(account).client(service, endpoint_url=endpoint)
answer = getattr(client, operation)(**json.load(sys.stdin))
answer.pop("ResponseMetadata", None)
json.dump(answer, sys.stdout, default=str)
