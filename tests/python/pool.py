"""A user pool without triggers, as the tests of sign-in want it, and the mail of its users.

Scripts get ENDPOINT ACCOUNT -- MAIL COMMAND as their last arguments.
"""

import base64
import hashlib
import hmac
import json
import re
import struct
import subprocess
import sys
import time

import boto3
from aws import REGION, session
from botocore import UNSIGNED
from botocore.config import Config

PASSWORD = "Correct-Horse-7-Battery"
ANOTHER = "Another-Horse-8-Battery"
UNPROVED = "Not-A-Password-Of-9"

split = sys.argv.index("--")
endpoint, account = sys.argv[split - 2 : split]
mail_command = sys.argv[split + 1 :]
aws = session(account)
operator = aws.client("cognito-idp", endpoint_url=endpoint)
# A person's own program has no AWS credentials.
person = boto3.client(
    "cognito-idp",
    endpoint_url=endpoint,
    region_name=REGION,
    config=Config(signature_version=UNSIGNED),
)


# The tests of a run share a mailbox.
DOMAIN = f"a{account}.example"


def at(name, host=""):
    """An address of this account's own."""
    return f"{name}@{host}{DOMAIN}"


def attributes(**values):
    """`custom__company` becomes `custom:company`."""
    return [{"Name": name.replace("__", ":"), "Value": value} for name, value in values.items()]


def outcome(call, **parameters):
    """What became of a call: an error's code, or nothing."""
    try:
        call(**parameters)
    except operator.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    return None


def mails(address):
    """Everything that was sent to an address or a number, oldest first."""
    mail = json.loads(subprocess.check_output(mail_command))
    return [one["text"] for one in mail if address in one["to"]]


def code(address):
    """The last code sent there."""
    return re.findall(r"\b\d{6,8}\b", mails(address)[-1])[-1]


def totp(secret, ahead=0):
    """The code of an authenticator app (RFC 6238), some steps ahead of time."""
    step = struct.pack(">Q", int(time.time()) // 30 + ahead)
    digest = hmac.new(base64.b32decode(secret), step, hashlib.sha1).digest()
    at = digest[-1] & 15
    number = struct.unpack(">I", digest[at : at + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def sms_role():
    """A role by which Cognito may send messages, and the ID it shows."""
    iam = aws.client("iam", endpoint_url=endpoint)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "cognito-idp.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "sms"}},
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = iam.create_role(RoleName=f"sms-{time.time_ns()}", AssumeRolePolicyDocument=trust)["Role"]
    allow = {"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_role_policy(RoleName=role["RoleName"], PolicyName="sms", PolicyDocument=policy)
    return {"SnsCallerArn": role["Arn"], "ExternalId": "sms", "SnsRegion": REGION}


def own_mail():
    """Mail from an address of one's own, which factors by mail want."""
    ses = aws.client("sesv2", endpoint_url=endpoint)
    address = f"hello-{time.time_ns()}@example.com"
    ses.create_email_identity(EmailIdentity=address)
    arn = f"arn:aws:ses:{REGION}:{account}:identity/{address}"
    return {"EmailSendingAccount": "DEVELOPER", "SourceArn": arn, "From": address}


class Pool:
    """A pool, where addresses are the usernames unless `properties` say otherwise."""

    def __init__(self, **properties):
        given = {
            "PoolName": "people",
            "UsernameAttributes": ["email"],
            "UsernameConfiguration": {"CaseSensitive": False},
            "AutoVerifiedAttributes": ["email"],
            "UserPoolTier": "ESSENTIALS",
            "Policies": {"PasswordPolicy": {"MinimumLength": 12}},
            **properties,
        }
        given = {name: value for name, value in given.items() if value is not None}
        self.id = operator.create_user_pool(**given)["UserPool"]["Id"]

    def client(self, *flows, **properties):
        """An app client; its ID."""
        made = operator.create_user_pool_client(
            UserPoolId=self.id,
            ClientName="client",
            ExplicitAuthFlows=[f"ALLOW_{flow}" for flow in (*flows, "REFRESH_TOKEN_AUTH")],
            **properties,
        )
        return made["UserPoolClient"]["ClientId"]

    def factors(self, mode, **blocks):
        operator.set_user_pool_mfa_config(UserPoolId=self.id, MfaConfiguration=mode, **blocks)

    def confirmed(self, client, address, **values):
        """A user who has signed up and confirmed it."""
        person.sign_up(
            ClientId=client,
            Username=address,
            Password=PASSWORD,
            UserAttributes=attributes(email=address, **values),
        )
        person.confirm_sign_up(
            ClientId=client, Username=address, ConfirmationCode=code(address)
        )
        return address

    def attributes(self, name):
        found = operator.admin_get_user(UserPoolId=self.id, Username=name)
        return {one["Name"]: one["Value"] for one in found["UserAttributes"]}


def main(scenarios):
    """Runs the scenario of the first argument; its answer, whatever the account, is the script's."""
    answer = json.dumps(scenarios[sys.argv[1]](), default=str)
    sys.stdout.write(answer.replace(DOMAIN, "example.com"))
