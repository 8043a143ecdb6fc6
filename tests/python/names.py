"""Who a name means, and what becomes of changed ones: names.py SCENARIO ENDPOINT ACCOUNT -- MAIL COMMAND"""

import http.client
import re
import urllib.parse

import pool
from pool import ANOTHER, PASSWORD, Pool, at, attributes, code, endpoint, operator, outcome, person
from pycognito.aws_srp import AWSSRP


def srp(pool, client, name, password=PASSWORD):
    proof = AWSSRP(
        username=name, password=password, pool_id=pool.id, client_id=client, client=person
    )
    return "AuthenticationResult" in proof.authenticate_user()


def letter_case():
    """One user, however their address is written."""
    people = Pool()
    client = people.client("USER_PASSWORD_AUTH", "USER_SRP_AUTH", "ADMIN_USER_PASSWORD_AUTH")
    signed_up = at("ada").title()
    written = signed_up.swapcase()

    def sign_up(name):
        return person.sign_up(
            ClientId=client,
            Username=name,
            Password=PASSWORD,
            UserAttributes=attributes(email=name),
        )

    sign_up(signed_up)
    seen = {"sign_up_again": outcome(sign_up, name=written)}
    by_client = {"ClientId": client, "Username": written}
    by_operator = {"UserPoolId": people.id, "Username": written}
    person.resend_confirmation_code(**by_client)
    # It went where the user signed up.
    person.confirm_sign_up(ConfirmationCode=code(signed_up), **by_client)
    seen["email"] = people.attributes(written)["email"] == signed_up
    seen["srp"] = srp(people, client, written)
    for flow, call in [
        ("USER_PASSWORD_AUTH", person.initiate_auth),
        ("ADMIN_USER_PASSWORD_AUTH", operator.admin_initiate_auth),
    ]:
        ids = {"UserPoolId": people.id} if call == operator.admin_initiate_auth else {}
        parameters = {"USERNAME": written, "PASSWORD": PASSWORD}
        answer = call(ClientId=client, AuthFlow=flow, AuthParameters=parameters, **ids)
        seen[flow] = "AuthenticationResult" in answer
    person.forgot_password(**by_client)
    person.confirm_forgot_password(
        ConfirmationCode=code(signed_up), Password=ANOTHER, **by_client
    )
    seen["new_password"] = srp(people, client, written, ANOTHER)
    operator.create_group(UserPoolId=people.id, GroupName="readers")
    operator.admin_add_user_to_group(GroupName="readers", **by_operator)
    groups = operator.admin_list_groups_for_user(**by_operator)["Groups"]
    seen["groups"] = [group["GroupName"] for group in groups]
    operator.admin_disable_user(**by_operator)
    seen["disabled"] = outcome(srp, pool=people, client=client, name=written, password=ANOTHER)
    operator.admin_enable_user(**by_operator)
    operator.admin_set_user_password(Password=PASSWORD, Permanent=True, **by_operator)
    seen["set"] = srp(people, client, signed_up)
    seen["made_again"] = outcome(operator.admin_create_user, **by_operator)
    operator.admin_delete_user(**by_operator)
    seen["deleted"] = outcome(operator.admin_get_user, UserPoolId=people.id, Username=signed_up)

    # In a pool that tells names apart they are two.
    strict = Pool(UsernameConfiguration={"CaseSensitive": True})
    client = strict.client("USER_SRP_AUTH")
    for name in (signed_up, written):
        sign_up(name)
    seen["apart"] = outcome(sign_up, name=written)
    return seen


def page():
    """The sign-in page takes a name in any letters, and lets nobody around a second factor."""
    people = Pool()
    callback = "http://localhost:3000/callback"
    client = people.client(
        "USER_PASSWORD_AUTH",
        CallbackURLs=[callback],
        AllowedOAuthFlows=["code"],
        AllowedOAuthScopes=["openid"],
        AllowedOAuthFlowsUserPoolClient=True,
        SupportedIdentityProviders=["COGNITO"],
    )
    name = people.confirmed(client, at("ada"))

    def submit(name, password):
        form = {
            "client_id": client,
            "redirect_uri": callback,
            "response_type": "code",
            "scope": "openid",
            "username": name,
            "password": password,
        }
        url = urllib.parse.urlsplit(endpoint)
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/login", urllib.parse.urlencode(form), kind)
        answer = connection.getresponse()
        return [answer.status, "code=" in (answer.getheader("location") or "")]

    seen = {"in": submit(name.upper(), PASSWORD), "wrong": submit(name.upper(), ANOTHER)}
    people.factors("ON", SoftwareTokenMfaConfiguration={"Enabled": True})
    seen["required"] = submit(name, PASSWORD)
    return seen


def aliases():
    """Usernames with addresses and nicknames beside them: one proved alias is one user's."""
    people = Pool(
        UsernameAttributes=None, AliasAttributes=["email", "preferred_username"]
    )
    client = people.client("USER_SRP_AUTH")
    address = at("Ada")

    def sign_up(name, **values):
        return person.sign_up(
            ClientId=client,
            Username=name,
            Password=PASSWORD,
            UserAttributes=attributes(email=address, **values),
        )

    def confirm(name, sent, **more):
        return person.confirm_sign_up(
            ClientId=client, Username=name, ConfirmationCode=sent, **more
        )

    sign_up("Ada", preferred_username="Countess")
    confirm("ADA", code(address))
    seen = {
        "by": [srp(people, client, name) for name in ("aDa", address.upper(), "countess")],
        "same_name": outcome(sign_up, name="ADA"),
        "address_as_name": outcome(sign_up, name=at("bob")),
    }
    sign_up("bob")
    sent = code(address)
    seen["same_alias"] = outcome(confirm, name="bob", sent=sent)
    seen["still_ada"] = srp(people, client, address)
    seen["moved"] = outcome(confirm, name="bob", sent=sent, ForceAliasCreation=True)
    seen["verified"] = [
        people.attributes(name)["email_verified"] for name in ("ada", "bob")
    ]
    seen["whose"] = operator.admin_get_user(UserPoolId=people.id, Username=address)["Username"]
    made = {
        "UserPoolId": people.id,
        "Username": "eve",
        "MessageAction": "SUPPRESS",
        "UserAttributes": attributes(email=address, email_verified="true"),
    }
    seen["made"] = outcome(operator.admin_create_user, **made)
    seen["made_by_force"] = outcome(
        operator.admin_create_user, ForceAliasCreation=True, **made
    )
    seen["whose_now"] = operator.admin_get_user(UserPoolId=people.id, Username=address)["Username"]
    seen["proved_by_operator"] = outcome(
        operator.admin_update_user_attributes,
        UserPoolId=people.id,
        Username="bob",
        UserAttributes=attributes(email_verified="true"),
    )
    return seen


def changes():
    """A changed address waits until it is proved, where the pool wants that."""
    waits = {"AttributesRequireVerificationBeforeUpdate": ["email"]}
    people = Pool(UserAttributeUpdateSettings=waits)
    client = people.client("USER_SRP_AUTH", "USER_PASSWORD_AUTH")
    old, new, newer = at("ada"), at("ada", "new."), at("ada", "newer.")
    people.confirmed(client, old)
    people.confirmed(client, at("bob"))
    parameters = {"USERNAME": old, "PASSWORD": PASSWORD}
    tokens = person.initiate_auth(
        ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters
    )
    token = tokens["AuthenticationResult"]["AccessToken"]

    def change(address):
        return person.update_user_attributes(
            AccessToken=token, UserAttributes=attributes(email=address, name="Ada")
        )

    def verify(sent):
        return person.verify_user_attribute(
            AccessToken=token, AttributeName="email", Code=sent
        )

    delivered = change(new)["CodeDeliveryDetailsList"]
    seen = {
        "taken": outcome(change, address=at("bob").upper()),
        "delivered": [[one["AttributeName"], one["Destination"]] for one in delivered],
        "waiting": [people.attributes(old)[name] for name in ("email", "name")],
        "old_name": srp(people, client, old),
        "wrong": outcome(verify, sent="000000" if code(new) != "000000" else "000001"),
    }
    person.get_user_attribute_verification_code(AccessToken=token, AttributeName="email")
    sent = code(new)
    verify(sent)
    seen["twice"] = outcome(verify, sent=sent)
    seen["changed"] = [people.attributes(new)[name] for name in ("email", "email_verified")]
    seen["new_name"] = srp(people, client, new)
    seen["no_name"] = outcome(srp, pool=people, client=client, name=old)

    # An operator's change waits as well, unless they vouch for it. A code of before proves nothing of it.
    by_operator = {"UserPoolId": people.id, "Username": new}
    operator.admin_update_user_attributes(
        UserAttributes=attributes(email=old), **by_operator
    )
    seen["operator_waits"] = people.attributes(new)["email"]
    sent = code(old)
    operator.admin_update_user_attributes(
        UserAttributes=attributes(email=newer, email_verified="true"), **by_operator
    )
    seen["operator_vouches"] = people.attributes(newer)["email"]
    seen["old_code"] = outcome(verify, sent=sent)

    # Elsewhere it is set at once, unproved.
    others = Pool()
    client = others.client("USER_PASSWORD_AUTH")
    others.confirmed(client, old)
    token = person.initiate_auth(
        ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters
    )["AuthenticationResult"]["AccessToken"]
    change(new)
    seen["at_once"] = [others.attributes(new)[name] for name in ("email", "email_verified")]
    verify(code(new))
    seen["proved"] = others.attributes(new)["email_verified"]
    return seen


def hidden():
    """Where an app client hides who has an account, nobody's name answers as somebody's does."""
    people = Pool()
    flows = ("USER_PASSWORD_AUTH", "USER_SRP_AUTH")
    client = people.client(*flows, PreventUserExistenceErrors="ENABLED")
    open_client = people.client(*flows)
    people.confirmed(client, at("ada"))

    def all_of(client, name):
        by_name = {"ClientId": client, "Username": name}
        sign_in = {"ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH"}
        wrong = {"USERNAME": name, "PASSWORD": ANOTHER}
        return [
            outcome(person.initiate_auth, AuthParameters=wrong, **sign_in),
            outcome(srp, pool=people, client=client, name=name, password=ANOTHER),
            outcome(person.forgot_password, **by_name),
            outcome(
                person.confirm_forgot_password,
                ConfirmationCode="000000",
                Password=ANOTHER,
                **by_name,
            ),
        ]

    def challenge(name):
        """What shows of a sign-in by SRP, and of where a code goes, but for the address itself."""
        begun = person.initiate_auth(
            ClientId=client,
            AuthFlow="USER_SRP_AUTH",
            AuthParameters={"USERNAME": name, "SRP_A": "1f"},
        )["ChallengeParameters"]
        sent = person.forgot_password(ClientId=client, Username=name)["CodeDeliveryDetails"]
        names_user = re.sub(r"[0-9a-f]", "0", begun["USER_ID_FOR_SRP"])
        return [names_user, sent["DeliveryMedium"], re.sub(r"\w", "x", sent["Destination"])]

    nobody = at("nobody")
    return {
        "shows": [challenge(at("ada")), challenge(nobody)],
        "somebody": all_of(client, at("ada")),
        "nobody": all_of(client, nobody),
        "told": all_of(open_client, nobody),
    }


pool.main(
    {"letter-case": letter_case, "page": page, "aliases": aliases, "changes": changes, "hidden": hidden}
)
