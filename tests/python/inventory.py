"""Names everything that is in an account: inventory.py ENDPOINT ACCOUNT"""

import json
import sys

from aws import session
from botocore.exceptions import ClientError

endpoint, account = sys.argv[1:]


def names(service, operation, listed, name, **parameters):
    """Whatever the service lists, page after page."""
    client = session(account).client(service, endpoint_url=endpoint)
    found, token = [], {}
    while True:
        answer = getattr(client, operation)(**parameters, **token)
        for one in answer[listed]:
            found.append(one if name is None else one[name])
        if not answer.get("NextToken"):
            return sorted(found)
        token = {"NextToken": answer["NextToken"]}


def templates():
    try:
        return names("sesv2", "list_email_templates", "TemplatesMetadata", "TemplateName")
    except ClientError as error:
        # moto has none, and doesn't know the question.
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return []
        raise


def queues():
    client = session(account).client("sqs", endpoint_url=endpoint)
    urls = client.list_queues().get("QueueUrls", [])
    return sorted(url.rpartition("/")[2] for url in urls)


json.dump(
    {
        "user_pools": names("cognito-idp", "list_user_pools", "UserPools", "Name", MaxResults=60),
        "tables": names("dynamodb", "list_tables", "TableNames", None),
        "functions": names("lambda", "list_functions", "Functions", "FunctionName"),
        "roles": names("iam", "list_roles", "Roles", "RoleName"),
        "queues": queues(),
        "log_groups": names("logs", "describe_log_groups", "logGroups", "logGroupName"),
        "identities": names("sesv2", "list_email_identities", "EmailIdentities", "IdentityName"),
        "configuration_sets": names("sesv2", "list_configuration_sets", "ConfigurationSets", None),
        "templates": templates(),
    },
    sys.stdout,
)
