//! Sign-ins of more than one step, and what a name means, as third-party clients meet them on the local
//! cloud: boto3 and pycognito.

use serde_json::{Value, json};

use crate::support::{folder, mailed, python};

/// Runs a scenario of a script, with an account of its own.
#[track_caller]
fn scenario(script: &str, name: &str) -> Value {
    let arguments = mailed(&[name]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    python(script, &arguments, &Value::Null)
}

fn tokens() -> Value {
    json!(["AccessToken", "IdToken", "RefreshToken"])
}

#[test]
fn a_required_authenticator_app_is_set_up_in_the_first_sign_in() {
    let seen = scenario("challenges.py", "required-app");
    assert_eq!(
        seen,
        json!({
            "first": "MFA_SETUP",
            "can_set_up": r#"["SOFTWARE_TOKEN_MFA"]"#,
            "has_tokens": false,
            "setup_skipped": "InvalidParameterException",
            "wrong_app_code": "EnableSoftwareTokenMFAException",
            "after_setup": tokens(),
            "session_used_twice": "NotAuthorizedException",
            "factors": ["SOFTWARE_TOKEN_MFA"],
            "same_code_twice": "ExpiredCodeException",
            "wrong_code": "CodeMismatchException",
            "another_challenge": "NotAuthorizedException",
            "signed_in": true,
        })
    );
}

#[test]
fn a_password_for_once_is_followed_by_one_of_the_users_own() {
    let seen = scenario("challenges.py", "new-password");
    assert_eq!(
        seen,
        json!({
            "forced": true,
            "ada": tokens(),
            "ada_again": tokens(),
            "required": r#"["userAttributes.name"]"#,
            "without_name": "InvalidParameterException",
            "weak": "InvalidPasswordException",
            "spaces": "InvalidParameterException",
            "made_up": "NotAuthorizedException",
            "another_user": "NotAuthorizedException",
            "bob": tokens(),
            "name": "Bob",
            "twice": "NotAuthorizedException",
        })
    );
}

#[test]
fn second_factors_by_sms_and_mail_are_sent_and_chosen() {
    let seen = scenario("challenges.py", "codes");
    let number = seen["sms_to"].as_str().unwrap();
    assert_eq!(number.len(), 4, "the end of the number: {seen}");
    assert_eq!(
        seen,
        json!({
            "optional": tokens(),
            "app_not_set_up": "InvalidParameterException",
            "prefer": null,
            "sms": "SMS_MFA",
            "sms_to": number,
            "sms_text": "CODE lets you in",
            "sms_wrong": "CodeMismatchException",
            "sms_in": tokens(),
            "number_verified": "true",
            "sms_by_pycognito": true,
            "sms_by_operator": tokens(),
            "prefer_both": null,
            "choose": ["SELECT_MFA_TYPE", r#"["SMS_MFA","EMAIL_OTP"]"#],
            "choose_wrong": "InvalidParameterException",
            "email": "EMAIL_OTP",
            "email_text": "In by CODE",
            "email_in": tokens(),
            "settings": [["SMS_MFA", "EMAIL_OTP"], null],
            "off": null,
            "off_in": tokens(),
        })
    );
}

#[test]
fn the_first_factor_is_the_users_choice() {
    let seen = scenario("challenges.py", "choice");
    let all = ["PASSWORD", "PASSWORD_SRP", "EMAIL_OTP", "SMS_OTP"];
    assert_eq!(
        seen,
        json!({
            "offered": ["SELECT_CHALLENGE", all],
            "not_offered": "InvalidParameterException",
            "wrong_password": "NotAuthorizedException",
            "password": tokens(),
            "password_at_once": tokens(),
            "password_next": ["PASSWORD", tokens()],
            "srp": "PASSWORD_VERIFIER",
            "srp_in": tokens(),
            "email": "EMAIL_OTP",
            "email_wrong": "CodeMismatchException",
            "email_in": tokens(),
            "sms": "SMS_OTP",
            "sms_in": tokens(),
            "nobody": all,
            "nobody_password": "NotAuthorizedException",
            "nobody_code": ["EMAIL_OTP", "CodeMismatchException"],
            "sign_up_in": tokens(),
            "sign_up_twice": "NotAuthorizedException",
        })
    );
}

#[test]
fn wrong_passwords_lock_their_user_out_for_a_while() {
    let seen = scenario("challenges.py", "lock-out");
    assert_eq!(
        seen["wrong"],
        json!(["Incorrect username or password."; 5].to_vec())
    );
    assert_eq!(seen["at_last"], "Password attempts exceeded");
    assert_eq!(seen["other"], "in");
    let enough = "LimitExceededException";
    assert_eq!(seen["codes"], json!([null, null, null, null, null, enough]));
}

#[test]
fn a_client_with_a_secret_proves_it_in_every_step() {
    let seen = scenario("challenges.py", "secret");
    let denied = "NotAuthorizedException";
    assert_eq!(
        seen,
        json!({
            "unproved": denied,
            "wrong": denied,
            "proved": null,
            "in": tokens(),
            "without": denied,
            "refresh": [denied, denied, null],
        })
    );
}

#[test]
fn an_address_is_one_user_in_any_letters() {
    let seen = scenario("names.py", "letter-case");
    assert_eq!(
        seen,
        json!({
            "sign_up_again": "UsernameExistsException",
            // As it was given; what is compared has no case.
            "email": true,
            "srp": true,
            "USER_PASSWORD_AUTH": true,
            "ADMIN_USER_PASSWORD_AUTH": true,
            "new_password": true,
            "groups": ["readers"],
            "disabled": "NotAuthorizedException",
            "set": true,
            "made_again": "UsernameExistsException",
            "deleted": "UserNotFoundException",
            "apart": "UsernameExistsException",
        })
    );
}

#[test]
fn the_sign_in_page_knows_names_in_any_letters_and_no_way_around_a_factor() {
    let seen = scenario("names.py", "page");
    assert_eq!(
        seen,
        json!({
            "in": [302, true],
            "wrong": [200, false],
            "required": [403, false],
        })
    );
}

#[test]
fn a_proved_alias_is_one_users() {
    let seen = scenario("names.py", "aliases");
    assert_eq!(
        seen,
        json!({
            "by": [true, true, true],
            "same_name": "UsernameExistsException",
            "address_as_name": "InvalidParameterException",
            "same_alias": "AliasExistsException",
            "still_ada": true,
            "moved": null,
            "verified": ["false", "true"],
            "whose": "bob",
            "made": "AliasExistsException",
            "made_by_force": null,
            "whose_now": "eve",
            "proved_by_operator": "AliasExistsException",
        })
    );
}

#[test]
fn a_changed_address_waits_until_it_is_proved() {
    let seen = scenario("names.py", "changes");
    assert_eq!(
        seen,
        json!({
            "taken": "AliasExistsException",
            "delivered": [["email", "a***@n***"]],
            "waiting": ["ada@example.com", "Ada"],
            "old_name": true,
            "wrong": "CodeMismatchException",
            "twice": "ExpiredCodeException",
            "changed": ["ada@new.example.com", "true"],
            "new_name": true,
            "no_name": "UserNotFoundException",
            "operator_waits": "ada@new.example.com",
            "operator_vouches": "ada@newer.example.com",
            "old_code": "ExpiredCodeException",
            "at_once": ["ada@new.example.com", "false"],
            "proved": "true",
        })
    );
}

#[test]
fn a_client_that_hides_users_answers_for_nobody_as_for_somebody() {
    let seen = scenario("names.py", "hidden");
    let wrong = json!([
        "NotAuthorizedException",
        "NotAuthorizedException",
        null,
        "CodeMismatchException",
    ]);
    assert_eq!(seen["somebody"], wrong);
    assert_eq!(seen["nobody"], wrong);
    let shows = json!(["00000000-0000-0000-0000-000000000000", "EMAIL", "x***@x***"]);
    assert_eq!(seen["shows"], json!([shows, shows]));
    assert_eq!(seen["told"], json!(["UserNotFoundException"; 4].to_vec()));
}

#[test]
fn a_slow_trigger_is_called_again_and_a_wrong_answer_is_none() {
    let seen = folder("trigger-calls").join("seen");
    let seen = scenario("post_confirmation.py", seen.to_str().unwrap());
    assert_eq!(
        seen,
        json!({
            "right": [null, 1],
            "slow-once": [null, 2],
            "nothing": ["InvalidLambdaResponseException", 1],
            "another": ["InvalidLambdaResponseException", 1],
            "error": ["UserLambdaValidationException", 1],
        })
    );
}
