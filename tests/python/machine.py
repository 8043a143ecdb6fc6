"""Gets a machine's token by client credentials (RFC 6749, 4.4): machine.py ACCOUNT CLIENT SCOPE… < outputs.json

Answers with the claims of the access token. The client's secret is read from Cognito, as its operator would.
"""

import base64
import json
import sys
import urllib.parse
import urllib.request

import boto3
import jwt

account, name, *scopes = sys.argv[1:]
outputs = json.load(sys.stdin)
cognito = boto3.client(
    "cognito-idp",
    endpoint_url=outputs["endpoint_url"],
    region_name=outputs["region"],
    aws_access_key_id=account,
    aws_secret_access_key="secret",
)
client = cognito.describe_user_pool_client(
    UserPoolId=outputs["user_pool_id"], ClientId=outputs["clients"][name]["client_id"]
)["UserPoolClient"]
login = f"{client['ClientId']}:{client['ClientSecret']}".encode()
request = urllib.request.Request(
    f"{outputs['endpoint_url']}/oauth2/token",
    data=urllib.parse.urlencode(
        {"grant_type": "client_credentials", "scope": " ".join(scopes)}
    ).encode(),
    headers={"Authorization": "Basic " + base64.b64encode(login).decode()},
)
with urllib.request.urlopen(request, timeout=30) as answer:
    tokens = json.load(answer)
json.dump(jwt.decode(tokens["access_token"], options={"verify_signature": False}), sys.stdout)
