//! What Cognito refuses of users and of who looks after them, a call each. The local cloud refuses it with
//! the same code.

use serde_json::{Value, json};

use crate::support::{mailed, python};

/// A call: what it is, who sends it, the operation, its parameters, the code of the answer.
type Refused = (
    &'static str,
    &'static str,
    &'static str,
    Value,
    &'static str,
);

fn attributes(pairs: &[(&str, &str)]) -> Value {
    pairs
        .iter()
        .map(|(name, value)| json!({ "Name": name, "Value": value }))
        .collect()
}

/// A sign-up with these attributes beside address and name.
fn sign_up(more: &[(&str, &str)]) -> Value {
    let address = "eve@refused.example";
    json!({
        "ClientId": "{web}",
        "Username": address,
        "Password": "{password}",
        "UserAttributes": attributes(&[&[("email", address), ("name", "Eve")], more].concat()),
    })
}

/// A change of a signed-in user's own attributes.
fn change(pairs: &[(&str, &str)]) -> Value {
    json!({ "AccessToken": "{token}", "UserAttributes": attributes(pairs) })
}

fn with(mut parameters: Value, name: &str, value: Value) -> Value {
    parameters[name] = value;
    parameters
}

fn sign_in(client: &str, flow: &str, parameters: Value) -> Value {
    json!({ "ClientId": client, "AuthFlow": flow, "AuthParameters": parameters })
}

/// A user who is made by an operator.
fn made(more: &[(&str, &str)]) -> Value {
    let address = "made@refused.example";
    json!({
        "UserPoolId": "{pool}",
        "Username": address,
        "MessageAction": "SUPPRESS",
        "UserAttributes": attributes(&[&[("email", address)], more].concat()),
    })
}

const INVALID: &str = "InvalidParameterException";
const DENIED: &str = "NotAuthorizedException";
const WEAK: &str = "InvalidPasswordException";

fn sign_ups() -> Vec<Refused> {
    let row = |what, parameters, code| (what, "person", "sign_up", parameters, code);
    vec![
        row(
            "a required attribute is missing",
            with(
                sign_up(&[]),
                "UserAttributes",
                attributes(&[("email", "eve@refused.example")]),
            ),
            INVALID,
        ),
        row(
            "an attribute the client may not write",
            sign_up(&[("nickname", "E")]),
            DENIED,
        ),
        row(
            "one the pool lacks",
            sign_up(&[("custom:nope", "1")]),
            DENIED,
        ),
        row(
            "a proof of one's own address",
            sign_up(&[("email_verified", "true")]),
            DENIED,
        ),
        row(
            "a proof of one's own number",
            sign_up(&[("phone_number_verified", "true")]),
            DENIED,
        ),
        row("a `sub` of one's own", sign_up(&[("sub", "x")]), DENIED),
        row(
            "too long",
            sign_up(&[("custom:company", "Analytical Engines")]),
            INVALID,
        ),
        row("too short", sign_up(&[("custom:company", "A")]), INVALID),
        row("too large", sign_up(&[("custom:seats", "501")]), INVALID),
        row("too small", sign_up(&[("custom:seats", "0")]), INVALID),
        row("no number", sign_up(&[("custom:seats", "many")]), INVALID),
        row("no boolean", sign_up(&[("custom:opt_in", "yes")]), INVALID),
        row(
            "a number of 18 digits",
            sign_up(&[("phone_number", "+123456789012345678")]),
            INVALID,
        ),
        row(
            "a number without its country",
            sign_up(&[("phone_number", "5550100")]),
            INVALID,
        ),
        row(
            "an address without a domain",
            with(
                with(sign_up(&[]), "Username", json!("eve")),
                "UserAttributes",
                attributes(&[("name", "Eve")]),
            ),
            INVALID,
        ),
        row(
            "a space before the password",
            with(sign_up(&[]), "Password", json!(" {password}")),
            INVALID,
        ),
        row(
            "a space after the password",
            with(sign_up(&[]), "Password", json!("{password} ")),
            INVALID,
        ),
        row(
            "a short password",
            with(sign_up(&[]), "Password", json!("Sh0rt")),
            WEAK,
        ),
        row(
            "a client with a secret doesn't prove it",
            with(sign_up(&[]), "ClientId", json!("{server}")),
            DENIED,
        ),
        row(
            "a proof that is wrong",
            with(
                with(sign_up(&[]), "ClientId", json!("{server}")),
                "SecretHash",
                json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            ),
            DENIED,
        ),
        row(
            "a proof by a client without a secret",
            with(sign_up(&[]), "SecretHash", json!("AAAAAAAA")),
            DENIED,
        ),
        row(
            "an account there is, in other letters",
            with(
                with(sign_up(&[]), "Username", json!("ADA@refused.example")),
                "UserAttributes",
                attributes(&[("email", "ADA@refused.example"), ("name", "Ada")]),
            ),
            "UsernameExistsException",
        ),
    ]
}

fn sign_ins() -> Vec<Refused> {
    let ada = json!({ "USERNAME": "ada@refused.example", "PASSWORD": "{password}" });
    let row = |what, parameters, code| (what, "person", "initiate_auth", parameters, code);
    let password = "USER_PASSWORD_AUTH";
    vec![
        row(
            "a password, to a client for SRP",
            sign_in("{web}", password, ada.clone()),
            INVALID,
        ),
        row(
            "SRP, to a client for passwords",
            sign_in(
                "{narrow}",
                "USER_SRP_AUTH",
                json!({ "USERNAME": "ada@refused.example", "SRP_A": "1f" }),
            ),
            INVALID,
        ),
        row(
            "a choice, which the client doesn't give",
            sign_in(
                "{web}",
                "USER_AUTH",
                json!({ "USERNAME": "ada@refused.example" }),
            ),
            INVALID,
        ),
        row(
            "an operator's flow",
            sign_in("{narrow}", "ADMIN_USER_PASSWORD_AUTH", ada.clone()),
            INVALID,
        ),
        (
            "an operator's, to a client without it",
            "operator",
            "admin_initiate_auth",
            with(
                sign_in("{web}", "ADMIN_USER_PASSWORD_AUTH", ada.clone()),
                "UserPoolId",
                json!("{pool}"),
            ),
            INVALID,
        ),
        row(
            "a client with a secret doesn't prove it",
            sign_in("{server}", password, ada.clone()),
            DENIED,
        ),
        row(
            "a wrong password",
            sign_in(
                "{narrow}",
                password,
                with(ada.clone(), "PASSWORD", json!("{another}")),
            ),
            DENIED,
        ),
        row(
            "nobody",
            sign_in(
                "{narrow}",
                password,
                with(ada.clone(), "USERNAME", json!("nobody@refused.example")),
            ),
            "UserNotFoundException",
        ),
        row(
            "somebody who hasn't confirmed",
            sign_in(
                "{narrow}",
                password,
                with(ada.clone(), "USERNAME", json!("new@refused.example")),
            ),
            "UserNotConfirmedException",
        ),
        row(
            "somebody who is disabled",
            sign_in(
                "{narrow}",
                password,
                with(ada, "USERNAME", json!("off@refused.example")),
            ),
            DENIED,
        ),
        row(
            "no name",
            sign_in("{narrow}", password, json!({ "PASSWORD": "{password}" })),
            INVALID,
        ),
        (
            "an answer to no challenge",
            "person",
            "respond_to_auth_challenge",
            json!({
                "ClientId": "{narrow}",
                "ChallengeName": "MFA_SETUP",
                "ChallengeResponses": { "USERNAME": "ada@refused.example" },
            }),
            INVALID,
        ),
        (
            "an answer in a session made up",
            "person",
            "respond_to_auth_challenge",
            json!({
                "ClientId": "{narrow}",
                "ChallengeName": "SMS_MFA",
                "Session": "a session of no sign-in at all",
                "ChallengeResponses": { "USERNAME": "ada@refused.example", "SMS_MFA_CODE": "123456" },
            }),
            DENIED,
        ),
    ]
}

fn of_the_signed_in() -> Vec<Refused> {
    let row = |what, parameters, code| (what, "person", "update_user_attributes", parameters, code);
    vec![
        row("`sub`, overwritten", change(&[("sub", "x")]), DENIED),
        row(
            "what the client may not write",
            change(&[("custom:company", "Looms")]),
            DENIED,
        ),
        row(
            "a proof of one's own address",
            change(&[("email_verified", "true")]),
            DENIED,
        ),
        row(
            "a name that is required, emptied",
            change(&[("name", "")]),
            INVALID,
        ),
        row(
            "an address that is none",
            change(&[("email", "ada")]),
            INVALID,
        ),
        row(
            "somebody else's address",
            change(&[("email", "OFF@refused.example")]),
            "AliasExistsException",
        ),
        (
            "a user by an ID token",
            "person",
            "get_user",
            json!({ "AccessToken": "{id_token}" }),
            DENIED,
        ),
        (
            "a password with a space around it",
            "person",
            "change_password",
            json!({
                "AccessToken": "{token}",
                "PreviousPassword": "{password}",
                "ProposedPassword": " {another}",
            }),
            INVALID,
        ),
        (
            "a wrong password before",
            "person",
            "change_password",
            json!({
                "AccessToken": "{token}",
                "PreviousPassword": "{another}",
                "ProposedPassword": "{another}",
            }),
            DENIED,
        ),
        (
            "a code that was never sent",
            "person",
            "verify_user_attribute",
            json!({ "AccessToken": "{token}", "AttributeName": "email", "Code": "123456" }),
            "ExpiredCodeException",
        ),
        (
            "a factor the pool hasn't got",
            "person",
            "set_user_mfa_preference",
            json!({ "AccessToken": "{token}", "SMSMfaSettings": { "Enabled": true } }),
            INVALID,
        ),
        (
            "an authenticator app where there are none",
            "person",
            "associate_software_token",
            json!({ "AccessToken": "{token}" }),
            "SoftwareTokenMFANotFoundException",
        ),
        (
            "a code without the client's proof",
            "person",
            "confirm_sign_up",
            json!({ "ClientId": "{server}", "Username": "new@refused.example", "ConfirmationCode": "123456" }),
            DENIED,
        ),
        (
            "a forgotten password without it",
            "person",
            "forgot_password",
            json!({ "ClientId": "{server}", "Username": "ada@refused.example" }),
            DENIED,
        ),
    ]
}

fn of_operators() -> Vec<Refused> {
    let row = |what, parameters, code| (what, "operator", "admin_create_user", parameters, code);
    let update = |pairs: &[(&str, &str)]| {
        json!({
            "UserPoolId": "{pool}",
            "Username": "ADA@refused.example",
            "UserAttributes": attributes(pairs),
        })
    };
    let set = |what, parameters, code| {
        let operation = "admin_update_user_attributes";
        (what, "operator", operation, parameters, code)
    };
    vec![
        row(
            "too long",
            made(&[("custom:company", "Analytical Engines")]),
            INVALID,
        ),
        row("one the pool lacks", made(&[("custom:nope", "1")]), INVALID),
        row(
            "a number that is none",
            made(&[("phone_number", "5550100")]),
            INVALID,
        ),
        row(
            "a proof of no number",
            made(&[("phone_number_verified", "true")]),
            INVALID,
        ),
        row(
            "a space around the password",
            with(made(&[]), "TemporaryPassword", json!("{password} ")),
            INVALID,
        ),
        row(
            "an account there is, in other letters",
            json!({ "UserPoolId": "{pool}", "Username": "ADA@REFUSED.EXAMPLE" }),
            "UsernameExistsException",
        ),
        set("`sub`, overwritten", update(&[("sub", "x")]), INVALID),
        set(
            "what can't change",
            update(&[("custom:born", "1816")]),
            INVALID,
        ),
        set(
            "one the pool lacks",
            update(&[("custom:nope", "1")]),
            INVALID,
        ),
        set(
            "somebody else's address",
            update(&[("email", "Off@refused.example"), ("email_verified", "true")]),
            "AliasExistsException",
        ),
        (
            "a password with a space around it",
            "operator",
            "admin_set_user_password",
            json!({
                "UserPoolId": "{pool}",
                "Username": "ada@refused.example",
                "Password": " {another}",
                "Permanent": true,
            }),
            INVALID,
        ),
    ]
}

#[test]
fn what_cognito_refuses_the_local_cloud_refuses() {
    let calls = [sign_ups(), sign_ins(), of_the_signed_in(), of_operators()].concat();
    let sent: Vec<Value> = calls
        .iter()
        .map(|(_, who, operation, parameters, _)| json!([who, operation, parameters]))
        .collect();
    let arguments = mailed(&[]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let seen = python("refused.py", &arguments, &json!(sent));
    let wrong: Vec<String> = calls
        .iter()
        .zip(seen["codes"].as_array().unwrap())
        .filter(|((.., code), answer)| *answer != code)
        .map(|((what, _, operation, ..), answer)| format!("{operation}, {what}: {answer}"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(sent.len(), seen["codes"].as_array().unwrap().len());
    // What the client may read of its user, and no more.
    assert_eq!(seen["read"], json!(["name", "sub"]));
}
