"""Signs a person up, confirms the address and signs in, as a front end would.

sign_up.py ADDRESS NAME -- MAIL COMMAND < outputs.json

Uses nothing but the outputs and the mailbox. Answers with the tokens, and with the claims a third party
reads from them after checking their signatures.
"""

import json
import re
import subprocess
import sys
from urllib.parse import urlencode
from urllib.request import urlopen

import boto3
import jwt
from botocore import UNSIGNED
from botocore.config import Config
from pycognito.aws_srp import AWSSRP

PASSWORD = "Correct-Horse-7-Battery"

address, name, _, *mail_command = sys.argv[1:]
outputs = json.load(sys.stdin)
client_id = outputs["clients"]["web"]["client_id"]
# A browser has no AWS credentials.
cognito = boto3.client(
    "cognito-idp",
    endpoint_url=outputs["endpoint_url"],
    region_name=outputs["region"],
    config=Config(signature_version=UNSIGNED),
)


def refusal(operation, **parameters):
    """The error code of a request that must fail."""
    try:
        getattr(cognito, operation)(**parameters)
    except cognito.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    return None


def mailed():
    mail = json.loads(subprocess.check_output(mail_command))
    return [one for one in mail if address in one["to"]]


def sign_in():
    client = AWSSRP(
        username=address,
        password=PASSWORD,
        pool_id=outputs["user_pool_id"],
        client_id=client_id,
        client=cognito,
    )
    return client.authenticate_user()["AuthenticationResult"]


def claims(tokens):
    """The claims of both tokens, read by PyJWT against the published keys."""
    keys = jwt.PyJWKClient(outputs["jwks_uri"])

    def read(token, **options):
        key = keys.get_signing_key_from_jwt(token)
        return jwt.decode(token, key, algorithms=["RS256"], issuer=outputs["issuer"], **options)

    # An access token names its client in another claim than `aud`.
    return {
        "id": read(tokens["IdToken"], audience=client_id),
        "access": read(tokens["AccessToken"]),
    }


answer = {}
cognito.sign_up(
    ClientId=client_id,
    Username=address,
    Password=PASSWORD,
    UserAttributes=[
        {"Name": "email", "Value": address},
        {"Name": "name", "Value": name},
        {"Name": "custom:company", "Value": "Acme"},
    ],
)
answer["sign_in_before_confirming"] = refusal(
    "initiate_auth",
    ClientId=client_id,
    AuthFlow="USER_SRP_AUTH",
    AuthParameters={"USERNAME": address, "SRP_A": "1f"},
)
(mail,) = mailed()
code = re.search(r"\b\d{6}\b", mail["text"])[0]
wrong = f"{(int(code) + 1) % 1_000_000:06}"
confirmation = {"ClientId": client_id, "Username": address}
answer["wrong_code"] = refusal("confirm_sign_up", ConfirmationCode=wrong, **confirmation)
cognito.confirm_sign_up(ConfirmationCode=code, **confirmation)
answer["code_used_twice"] = refusal("confirm_sign_up", ConfirmationCode=code, **confirmation)

tokens = sign_in()
answer["tokens"] = tokens
answer["claims"] = claims(tokens)

def refresh(token):
    answer = cognito.get_tokens_from_refresh_token(ClientId=client_id, RefreshToken=token)
    return answer["AuthenticationResult"]


refreshed = refresh(tokens["RefreshToken"])
answer["refreshed"] = claims(refreshed)
if second := refreshed.get("RefreshToken"):
    # The first may be used again for as long as the client allows, the older operation not at all, and the token endpoint
    # goes on from the second.
    answer["first_again"] = refusal(
        "get_tokens_from_refresh_token", ClientId=client_id, RefreshToken=tokens["RefreshToken"]
    )
    answer["by_the_flow"] = refusal(
        "initiate_auth",
        ClientId=client_id,
        AuthFlow="REFRESH_TOKEN_AUTH",
        AuthParameters={"REFRESH_TOKEN": second},
    )
    form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": second}
    with urlopen(outputs["endpoint_url"] + "/oauth2/token", urlencode(form).encode()) as reply:
        third = json.load(reply)
    answer["at_the_token_endpoint"] = [
        third["refresh_token"] not in (second, tokens["RefreshToken"]),
        claims({"IdToken": third["id_token"], "AccessToken": third["access_token"]}) is not None,
    ]
    cognito.revoke_token(ClientId=client_id, Token=third["refresh_token"])
    answer["revoked"] = refusal(
        "get_tokens_from_refresh_token", ClientId=client_id, RefreshToken=third["refresh_token"]
    )
answer["mail"] = mailed()[1:]
json.dump(answer, sys.stdout)
