"""Sends calls that Cognito refuses: refused.py ENDPOINT ACCOUNT -- MAIL COMMAND < calls.json

The calls are a list of [who, operation, parameters]. In parameters, `{pool}`, `{web}`, `{server}`, `{token}`
and `{id_token}` stand for a pool, its app clients and the tokens of a user of it; `who` says whether an
operator sends it or a person. Answers with the code of each answer, null for what was taken.
"""

import json
import sys

import pool
from pool import ANOTHER, PASSWORD, Pool, operator, outcome, person


def attribute(name, kind="String", **more):
    return {"Name": name, "AttributeDataType": kind, "Mutable": True, **more}


people = Pool(
    Schema=[
        attribute("name", Required=True),
        attribute(
            "company", StringAttributeConstraints={"MinLength": "2", "MaxLength": "10"}
        ),
        attribute("seats", "Number", NumberAttributeConstraints={"MinValue": "1", "MaxValue": "500"}),
        attribute("opt_in", "Boolean"),
        {**attribute("born"), "Mutable": False},
    ]
)
readable = ["email", "email_verified", "name", "custom:company"]
web = people.client(
    "USER_SRP_AUTH",
    WriteAttributes=["email", "name", "phone_number", "custom:company", "custom:seats", "custom:opt_in", "custom:born"],
    ReadAttributes=readable,
)
narrow = people.client("USER_PASSWORD_AUTH", WriteAttributes=["email", "name"], ReadAttributes=["name"])
server = people.client("USER_PASSWORD_AUTH", GenerateSecret=True)
people.confirmed(web, "ada@refused.example", name="Ada", custom__born="1815")
person.sign_up(
    ClientId=web,
    Username="new@refused.example",
    Password=PASSWORD,
    UserAttributes=pool.attributes(email="new@refused.example", name="New"),
)
people.confirmed(web, "off@refused.example", name="Off")
operator.admin_disable_user(UserPoolId=people.id, Username="off@refused.example")
tokens = person.initiate_auth(
    ClientId=narrow,
    AuthFlow="USER_PASSWORD_AUTH",
    AuthParameters={"USERNAME": "ada@refused.example", "PASSWORD": PASSWORD},
)["AuthenticationResult"]
stand_for = {
    "pool": people.id,
    "web": web,
    "narrow": narrow,
    "server": server,
    "token": tokens["AccessToken"],
    "id_token": tokens["IdToken"],
    "password": PASSWORD,
    "another": ANOTHER,
}


def fill(value):
    if isinstance(value, dict):
        return {name: fill(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [fill(inner) for inner in value]
    for name, text in stand_for.items():
        value = value.replace(f"{{{name}}}", text) if isinstance(value, str) else value
    return value


clients = {"operator": operator, "person": person}
codes = []
for who, operation, parameters in json.load(sys.stdin):
    call = getattr(clients[who], operation)
    codes.append(outcome(call, **fill(parameters)))
seen = person.get_user(AccessToken=tokens["AccessToken"])
read = sorted(one["Name"] for one in seen["UserAttributes"])
json.dump({"codes": codes, "read": read}, sys.stdout)
