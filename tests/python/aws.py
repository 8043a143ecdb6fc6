"""What the scripts have in common."""

import boto3

REGION = "eu-west-1"


def session(account):
    """boto3 as an account: emulators take a 12-digit access key ID for one."""
    return boto3.Session(
        aws_access_key_id=account, aws_secret_access_key="secret", region_name=REGION
    )
