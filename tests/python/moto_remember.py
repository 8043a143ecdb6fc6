"""Gives moto back what it forgets of a user pool: moto_remember.py ENDPOINT ACCOUNT USER_POOL_ID

moto replaces a pool's whole configuration by what UpdateUserPool sends. That request has no fields for
what is fixed at creation, so moto forgets that users sign in with their email, in any case. It doesn't
look at the fields of a request either, which allows this one to put them back.
"""

import json
import sys
import urllib.request

from aws import REGION, session

endpoint, account, pool_id = sys.argv[1:]
cognito = session(account).client("cognito-idp", endpoint_url=endpoint)
pool = cognito.describe_user_pool(UserPoolId=pool_id)["UserPool"]
forgotten = {"UsernameAttributes": ["email"], "UsernameConfiguration": {"CaseSensitive": False}}
assert not forgotten.keys() & pool.keys(), "this moto remembers; the script has become useless"

scope = f"{account}/20260101/{REGION}/cognito-idp/aws4_request"
request = urllib.request.Request(
    endpoint,
    data=json.dumps({**pool, **forgotten, "UserPoolId": pool_id}, default=str).encode(),
    headers={
        "X-Amz-Target": "AWSCognitoIdentityProviderService.UpdateUserPool",
        "Content-Type": "application/x-amz-json-1.1",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none",
    },
)
urllib.request.urlopen(request).close()
json.dump(None, sys.stdout)
