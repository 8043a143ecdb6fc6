"""Signs somebody in, as a front end would: sign_in.py ADDRESS PASSWORD < outputs.json

Answers with the claims of the access token, or with the code and words of the refusal. The signature is
checked by other tests.
"""

import json
import sys

import boto3
import jwt
from botocore import UNSIGNED
from botocore.config import Config
from pycognito.aws_srp import AWSSRP

address, password = sys.argv[1:]
outputs = json.load(sys.stdin)
cognito = boto3.client(
    "cognito-idp",
    endpoint_url=outputs["endpoint_url"],
    region_name=outputs["region"],
    config=Config(signature_version=UNSIGNED),
)
client = AWSSRP(
    username=address,
    password=password,
    pool_id=outputs["user_pool_id"],
    client_id=outputs["clients"]["web"]["client_id"],
    client=cognito,
)
try:
    tokens = client.authenticate_user()["AuthenticationResult"]
    claims = jwt.decode(tokens["AccessToken"], options={"verify_signature": False})
    answer = {"claims": claims}
except cognito.exceptions.ClientError as error:
    answer = {"refused": error.response["Error"]}
json.dump(answer, sys.stdout)
