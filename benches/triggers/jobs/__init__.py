"""What each trigger is asked to do, and how to see that it was done."""

import json
import pathlib

FIXTURES = pathlib.Path(__file__).resolve().parents[3] / "lambdas" / "triggers" / "fixtures"


def fixture(name):
    """An event as Cognito sends it."""
    return json.loads((FIXTURES / name).read_text())


def words(*values):
    """A list of texts, as DynamoDB carries it."""
    return {"L": [{"S": value} for value in values]}
