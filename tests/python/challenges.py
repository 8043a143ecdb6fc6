"""Sign-ins of more than one step, through boto3 and pycognito: challenges.py SCENARIO ENDPOINT ACCOUNT -- MAIL COMMAND"""

import json
import urllib.request

import pool
from pool import ANOTHER, PASSWORD, Pool, at, attributes, code, endpoint, operator, outcome, person, totp
from pycognito import Cognito
from pycognito.aws_srp import AWSSRP
from pycognito.exceptions import (
    ForceChangePasswordException,
    SMSMFAChallengeException,
    SoftwareTokenMFAChallengeException,
)


def srp(pool, client, name, password=PASSWORD, **more):
    return AWSSRP(
        username=name, password=password, pool_id=pool.id, client_id=client, client=person, **more
    )


def cognito(pool, client, name):
    signed_in = Cognito(pool.id, client, username=name, user_pool_region=operator.meta.region_name)
    signed_in.client = person
    # It checks tokens by the pool's keys, which it would get from AWS.
    keys = f"{endpoint}/{pool.id}/.well-known/jwks.json"
    with urllib.request.urlopen(keys, timeout=30) as answer:
        signed_in.pool_jwk = json.load(answer)
    return signed_in


def has_tokens(answer):
    return sorted(answer["AuthenticationResult"].keys() & {"AccessToken", "IdToken", "RefreshToken"})


def required_app():
    """A pool that requires an authenticator app: setting it up is part of the first sign-in."""
    people = Pool()
    people.factors("ON", SoftwareTokenMfaConfiguration={"Enabled": True})
    client = people.client("USER_SRP_AUTH")
    name = people.confirmed(client, at("ada"))
    first = srp(people, client, name).authenticate_user()
    seen = {
        "first": first["ChallengeName"],
        "can_set_up": first["ChallengeParameters"]["MFAS_CAN_SETUP"],
        "has_tokens": "AuthenticationResult" in first,
    }
    setup = {"ClientId": client, "ChallengeName": "MFA_SETUP", "ChallengeResponses": {"USERNAME": name}}
    seen["setup_skipped"] = outcome(
        person.respond_to_auth_challenge, Session=first["Session"], **setup
    )
    app = person.associate_software_token(Session=first["Session"])
    secret = app["SecretCode"]
    seen["wrong_app_code"] = outcome(
        person.verify_software_token, Session=app["Session"], UserCode="000000"
    )
    verified = person.verify_software_token(Session=app["Session"], UserCode=totp(secret))
    done = person.respond_to_auth_challenge(Session=verified["Session"], **setup)
    seen["after_setup"] = has_tokens(done)
    seen["session_used_twice"] = outcome(
        person.respond_to_auth_challenge, Session=verified["Session"], **setup
    )

    again = cognito(people, client, name)
    try:
        again.authenticate(PASSWORD)
    except SoftwareTokenMFAChallengeException as challenge:
        tokens = challenge.get_tokens()
    seen["factors"] = operator.admin_get_user(UserPoolId=people.id, Username=name)["UserMFASettingList"]
    answer = {
        "ClientId": client,
        "ChallengeName": "SOFTWARE_TOKEN_MFA",
        "Session": tokens["Session"],
    }
    responses = {"USERNAME": name, "SOFTWARE_TOKEN_MFA_CODE": totp(secret)}
    seen["same_code_twice"] = outcome(
        person.respond_to_auth_challenge, ChallengeResponses=responses, **answer
    )
    responses["SOFTWARE_TOKEN_MFA_CODE"] = "000000"
    seen["wrong_code"] = outcome(
        person.respond_to_auth_challenge, ChallengeResponses=responses, **answer
    )
    seen["another_challenge"] = outcome(
        person.respond_to_auth_challenge,
        **{**answer, "ChallengeName": "MFA_SETUP"},
        ChallengeResponses={"USERNAME": name},
    )
    again.respond_to_software_token_mfa_challenge(totp(secret, ahead=1), tokens)
    seen["signed_in"] = bool(again.access_token and again.refresh_token)
    return seen


def new_password():
    """Users an operator made: their own password, with what the pool requires of them."""
    schema = [{"Name": "name", "AttributeDataType": "String", "Required": True, "Mutable": True}]
    people = Pool(Schema=schema)
    client = people.client("USER_SRP_AUTH")
    for address, values in [(at("ada"), {"name": "Ada"}), (at("bob"), {})]:
        operator.admin_create_user(
            UserPoolId=people.id,
            Username=address,
            TemporaryPassword=ANOTHER,
            MessageAction="SUPPRESS",
            UserAttributes=attributes(email=address, email_verified="true", **values),
        )
    seen = {}
    try:
        srp(people, client, at("ADA"), ANOTHER).authenticate_user()
    except ForceChangePasswordException:
        seen["forced"] = True
    ada = srp(people, client, at("ada"), ANOTHER).set_new_password_challenge(PASSWORD)
    seen["ada"] = has_tokens(ada)
    seen["ada_again"] = has_tokens(srp(people, client, at("ada")).authenticate_user())

    bob = srp(people, client, at("bob"), ANOTHER)
    parameters = bob.get_auth_params()
    begun = person.initiate_auth(
        ClientId=client, AuthFlow="USER_SRP_AUTH", AuthParameters=parameters
    )
    asked = person.respond_to_auth_challenge(
        ClientId=client,
        ChallengeName="PASSWORD_VERIFIER",
        ChallengeResponses=bob.process_challenge(begun["ChallengeParameters"], parameters),
    )
    seen["required"] = asked["ChallengeParameters"]["requiredAttributes"]

    def answer(session=asked["Session"], **responses):
        return person.respond_to_auth_challenge(
            ClientId=client,
            ChallengeName="NEW_PASSWORD_REQUIRED",
            Session=session,
            ChallengeResponses={"USERNAME": at("bob"), **responses},
        )

    named = {"userAttributes.name": "Bob"}
    seen["without_name"] = outcome(answer, NEW_PASSWORD=PASSWORD)
    seen["weak"] = outcome(answer, NEW_PASSWORD="weak", **named)
    seen["spaces"] = outcome(answer, NEW_PASSWORD=f" {PASSWORD}", **named)
    seen["made_up"] = outcome(answer, session="x" * 64, NEW_PASSWORD=PASSWORD, **named)
    seen["another_user"] = outcome(
        answer, NEW_PASSWORD=PASSWORD, **{**named, "USERNAME": at("ada")}
    )
    seen["bob"] = has_tokens(answer(NEW_PASSWORD=PASSWORD, **named))
    seen["name"] = people.attributes(at("bob"))["name"]
    seen["twice"] = outcome(answer, NEW_PASSWORD=PASSWORD, **named)
    return seen


def codes():
    """Second factors that are sent: by SMS and by mail, chosen where there are both."""
    sms = pool.sms_role()
    people = Pool(SmsConfiguration=sms, EmailConfiguration=pool.own_mail())
    people.factors(
        "OPTIONAL",
        SmsMfaConfiguration={
            "SmsConfiguration": sms,
            "SmsAuthenticationMessage": "{####} lets you in",
        },
        EmailMfaConfiguration={"Subject": "In", "Message": "In by {####}"},
        SoftwareTokenMfaConfiguration={"Enabled": True},
    )
    client = people.client("USER_PASSWORD_AUTH", "USER_SRP_AUTH", "ADMIN_USER_PASSWORD_AUTH")
    number = f"+1555{pool.account[-7:]}"
    name = people.confirmed(client, at("ada"), phone_number=number)

    def sign_in():
        return person.initiate_auth(
            ClientId=client,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )

    def respond(asked, **responses):
        return person.respond_to_auth_challenge(
            ClientId=client,
            ChallengeName=asked["ChallengeName"],
            Session=asked["Session"],
            ChallengeResponses={"USERNAME": name, **responses},
        )

    without = sign_in()
    token = without["AuthenticationResult"]["AccessToken"]
    seen = {"optional": has_tokens(without)}
    on = {"Enabled": True}
    preferred = {"Enabled": True, "PreferredMfa": True}

    def prefer(**settings):
        return outcome(person.set_user_mfa_preference, AccessToken=token, **settings)

    seen["app_not_set_up"] = prefer(SoftwareTokenMfaSettings=on)
    seen["prefer"] = prefer(SMSMfaSettings=preferred)
    asked = sign_in()
    seen["sms"] = asked["ChallengeName"]
    seen["sms_to"] = asked["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"].lstrip("+*")
    seen["sms_text"] = pool.mails(number)[-1].replace(code(number), "CODE")
    wrong = f"{(int(code(number)) + 1) % 1_000_000:06}"
    seen["sms_wrong"] = outcome(respond, asked=asked, SMS_MFA_CODE=wrong)
    seen["sms_in"] = has_tokens(respond(asked, SMS_MFA_CODE=code(number)))
    seen["number_verified"] = people.attributes(name)["phone_number_verified"]

    # pycognito knows of this factor as well.
    try:
        srp(people, client, name).authenticate_user()
    except SMSMFAChallengeException as challenge:
        signed_in = cognito(people, client, name)
        signed_in.respond_to_sms_mfa_challenge(code(number), challenge.get_tokens())
        seen["sms_by_pycognito"] = bool(signed_in.access_token)

    # Through an operator's own service.
    asked = operator.admin_initiate_auth(
        UserPoolId=people.id,
        ClientId=client,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
    )
    done = operator.admin_respond_to_auth_challenge(
        UserPoolId=people.id,
        ClientId=client,
        ChallengeName=asked["ChallengeName"],
        Session=asked["Session"],
        ChallengeResponses={"USERNAME": name, "SMS_MFA_CODE": code(number)},
    )
    seen["sms_by_operator"] = has_tokens(done)

    seen["prefer_both"] = prefer(SMSMfaSettings=on, EmailMfaSettings=on)
    asked = sign_in()
    seen["choose"] = [asked["ChallengeName"], asked["ChallengeParameters"]["MFAS_CAN_CHOOSE"]]
    seen["choose_wrong"] = outcome(respond, asked=asked, ANSWER="SOFTWARE_TOKEN_MFA")
    asked = respond(asked, ANSWER="EMAIL_OTP")
    seen["email"] = asked["ChallengeName"]
    seen["email_text"] = pool.mails(name)[-1].replace(code(name), "CODE")
    seen["email_in"] = has_tokens(respond(asked, EMAIL_OTP_CODE=code(name)))
    found = person.get_user(AccessToken=token)
    seen["settings"] = [found["UserMFASettingList"], found.get("PreferredMfaSetting")]
    seen["off"] = prefer(SMSMfaSettings={"Enabled": False}, EmailMfaSettings={"Enabled": False})
    seen["off_in"] = has_tokens(sign_in())
    return seen


def choice():
    """USER_AUTH: the first factor is the user's choice."""
    factors = ["PASSWORD", "EMAIL_OTP", "SMS_OTP"]
    people = Pool(
        SmsConfiguration=pool.sms_role(),
        EmailConfiguration=pool.own_mail(),
        Policies={
            "PasswordPolicy": {"MinimumLength": 12},
            "SignInPolicy": {"AllowedFirstAuthFactors": factors},
        },
    )
    client = people.client("USER_AUTH", PreventUserExistenceErrors="ENABLED")
    number = f"+1556{pool.account[-7:]}"
    name = people.confirmed(client, at("ada"), phone_number=number)

    def begin(username=name, **parameters):
        return person.initiate_auth(
            ClientId=client,
            AuthFlow="USER_AUTH",
            AuthParameters={"USERNAME": username, **parameters},
        )

    def respond(asked, username=name, **responses):
        return person.respond_to_auth_challenge(
            ClientId=client,
            ChallengeName=asked["ChallengeName"],
            Session=asked["Session"],
            ChallengeResponses={"USERNAME": username, **responses},
        )

    asked = begin()
    seen = {"offered": [asked["ChallengeName"], asked["AvailableChallenges"]]}
    seen["not_offered"] = outcome(respond, asked=asked, ANSWER="WEB_AUTHN")
    seen["wrong_password"] = outcome(respond, asked=asked, ANSWER="PASSWORD", PASSWORD=ANOTHER)
    seen["password"] = has_tokens(respond(asked, ANSWER="PASSWORD", PASSWORD=PASSWORD))
    seen["password_at_once"] = has_tokens(
        begin(username=at("ada").upper(), PREFERRED_CHALLENGE="PASSWORD", PASSWORD=PASSWORD)
    )
    asked = begin(PREFERRED_CHALLENGE="PASSWORD")
    seen["password_next"] = [asked["ChallengeName"], has_tokens(respond(asked, PASSWORD=PASSWORD))]

    proof = srp(people, client, name)
    parameters = proof.get_auth_params()
    asked = begin(PREFERRED_CHALLENGE="PASSWORD_SRP", SRP_A=parameters["SRP_A"])
    seen["srp"] = asked["ChallengeName"]
    done = person.respond_to_auth_challenge(
        ClientId=client,
        ChallengeName="PASSWORD_VERIFIER",
        ChallengeResponses=proof.process_challenge(asked["ChallengeParameters"], parameters),
    )
    seen["srp_in"] = has_tokens(done)

    asked = respond(begin(), ANSWER="EMAIL_OTP")
    seen["email"] = asked["ChallengeName"]
    seen["email_wrong"] = outcome(respond, asked=asked, EMAIL_OTP_CODE="00000000")
    seen["email_in"] = has_tokens(respond(asked, EMAIL_OTP_CODE=code(name)))
    asked = begin(PREFERRED_CHALLENGE="SMS_OTP")
    seen["sms"] = asked["ChallengeName"]
    seen["sms_in"] = has_tokens(respond(asked, SMS_OTP_CODE=code(number)))

    # A name that nobody has looks the same up to the end.
    nobody = at("nobody")
    asked = begin(username=nobody)
    seen["nobody"] = asked["AvailableChallenges"]
    seen["nobody_password"] = outcome(
        respond, asked=asked, username=nobody, ANSWER="PASSWORD", PASSWORD=PASSWORD
    )
    asked = begin(username=nobody, PREFERRED_CHALLENGE="EMAIL_OTP")
    seen["nobody_code"] = [
        asked["ChallengeName"],
        outcome(respond, asked=asked, username=nobody, EMAIL_OTP_CODE="00000000"),
    ]

    # From sign-up to sign-in with one code, and no password at all.
    address = at("bob")
    made = person.sign_up(
        ClientId=client, Username=address, UserAttributes=attributes(email=address)
    )
    confirmed = person.confirm_sign_up(
        ClientId=client,
        Username=address,
        ConfirmationCode=code(address),
        Session=made["Session"],
    )
    at_once = {
        "ClientId": client,
        "AuthFlow": "USER_AUTH",
        "Session": confirmed["Session"],
    }
    seen["sign_up_in"] = has_tokens(
        person.initiate_auth(AuthParameters={"USERNAME": address}, **at_once)
    )
    seen["sign_up_twice"] = outcome(
        person.initiate_auth, AuthParameters={"USERNAME": address}, **at_once
    )
    return seen


def lock_out():
    """Wrong passwords in a row keep a user out for a while, and nobody else."""
    people = Pool()
    client = people.client("USER_PASSWORD_AUTH")
    name = people.confirmed(client, at("ada"))
    other = people.confirmed(client, at("bob"))

    def message(name, password):
        try:
            person.initiate_auth(
                ClientId=client,
                AuthFlow="USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": name, "PASSWORD": password},
            )
        except person.exceptions.NotAuthorizedException as error:
            return error.response["Error"]["Message"]
        return "in"

    # A lock lasts a second at first, and longer with every try after it: a slow machine meets a later one.
    wrong = []
    while len(wrong) < 12 and "Password attempts exceeded" not in wrong:
        wrong.append(message(name, ANOTHER))
    seen = {"wrong": wrong[:5], "at_last": wrong[-1], "other": message(other, PASSWORD)}
    address = at("eve")
    person.sign_up(
        ClientId=client,
        Username=address,
        Password=PASSWORD,
        UserAttributes=attributes(email=address),
    )
    resend = {"ClientId": client, "Username": address}
    seen["codes"] = [outcome(person.resend_confirmation_code, **resend) for _ in range(6)]
    return seen


def secret():
    """An app client with a secret proves it in every step; a refresh by the name Cognito made up."""
    people = Pool()
    client = people.client("USER_SRP_AUTH", GenerateSecret=True)
    described = operator.describe_user_pool_client(UserPoolId=people.id, ClientId=client)
    key = described["UserPoolClient"]["ClientSecret"]
    name = at("ada")
    by = {"ClientId": client, "Username": name}

    def proof(of):
        return AWSSRP.get_secret_hash(of, client, key)

    person.sign_up(
        Password=PASSWORD,
        SecretHash=proof(name),
        UserAttributes=attributes(email=name),
        **by,
    )
    confirm = {"ConfirmationCode": code(name), **by}
    seen = {
        "unproved": outcome(person.confirm_sign_up, **confirm),
        "wrong": outcome(person.confirm_sign_up, SecretHash=proof("bob"), **confirm),
        "proved": outcome(person.confirm_sign_up, SecretHash=proof(name), **confirm),
    }
    tokens = srp(people, client, name, client_secret=key).authenticate_user()
    seen["in"] = has_tokens(tokens)
    seen["without"] = outcome(srp(people, client, name).authenticate_user)
    user = operator.admin_get_user(UserPoolId=people.id, Username=name)["Username"]

    def refresh(**proof):
        refreshed = {"REFRESH_TOKEN": tokens["AuthenticationResult"]["RefreshToken"], **proof}
        return outcome(
            person.initiate_auth,
            ClientId=client,
            AuthFlow="REFRESH_TOKEN_AUTH",
            AuthParameters=refreshed,
        )

    seen["refresh"] = [
        refresh(),
        refresh(SECRET_HASH=proof(name)),
        refresh(SECRET_HASH=proof(user)),
    ]
    return seen


pool.main(
    {
        "required-app": required_app,
        "new-password": new_password,
        "codes": codes,
        "choice": choice,
        "lock-out": lock_out,
        "secret": secret,
    }
)
