//! User pools.

use serde_json::{Value, json};

use super::{Case, POOL, SENDER, account, beside, case, factors, pool, sms};

pub(super) fn cases() -> Vec<Case> {
    let attributes = |count: u32| -> Vec<Value> {
        (0..count)
            .map(|number| json!({ "Name": format!("custom:{number}") }))
            .collect()
    };
    let recovery = |name: &str| json!({ "RecoveryMechanisms": [{ "Name": name, "Priority": 1 }] });
    let first_factors = |factors: &[&str]| {
        json!({
            "UserPoolId": POOL,
            "Policies": { "SignInPolicy": { "AllowedFirstAuthFactors": factors } },
        })
    };
    vec![
        case(
            "days of unused accounts beside those of temporary passwords",
            "UpdateUserPool",
            json!({
                "UserPoolId": POOL,
                "AdminCreateUserConfig": { "UnusedAccountValidityDays": 7 },
                "Policies": { "PasswordPolicy": { "TemporaryPasswordValidityDays": 7 } },
            }),
            json!({
                "UserPoolId": POOL,
                "AdminCreateUserConfig": { "UnusedAccountValidityDays": 0 },
                "Policies": { "PasswordPolicy": { "TemporaryPasswordValidityDays": 7 } },
            }),
            pool(json!({})),
        ),
        case(
            "usernames and aliases at once",
            "CreateUserPool",
            json!({ "PoolName": "p", "AliasAttributes": ["email"], "UsernameAttributes": ["email"] }),
            json!({ "PoolName": "p", "AliasAttributes": [], "UsernameAttributes": ["email"] }),
            json!({}),
        ),
        case(
            "verification before an update of what isn't verified at all",
            "UpdateUserPool",
            // As the lifting of a protection without anything else.
            json!({ "UserPoolId": POOL, "DeletionProtection": "INACTIVE" }),
            json!({ "UserPoolId": POOL, "AutoVerifiedAttributes": ["email"] }),
            pool(json!({
                "UserAttributeUpdateSettings": { "AttributesRequireVerificationBeforeUpdate": ["email"] },
            })),
        ),
        case(
            "phone numbers verified without a way to send",
            "CreateUserPool",
            json!({ "PoolName": "p", "AutoVerifiedAttributes": ["phone_number"] }),
            json!({
                "PoolName": "p", "AutoVerifiedAttributes": ["phone_number"], "SmsConfiguration": sms("sms"),
            }),
            account(),
        ),
        case(
            "a pool made with a second factor and no text messages",
            "CreateUserPool",
            json!({ "PoolName": "p", "MfaConfiguration": "OPTIONAL" }),
            json!({ "PoolName": "p", "MfaConfiguration": "OPTIONAL", "SmsConfiguration": sms("sms") }),
            account(),
        ),
        case(
            "MFA required by an update",
            "UpdateUserPool",
            json!({ "UserPoolId": POOL, "MfaConfiguration": "ON" }),
            json!({ "UserPoolId": POOL, "MfaConfiguration": "OPTIONAL" }),
            pool(json!({ "MfaConfiguration": "OPTIONAL" })),
        ),
        case(
            "MFA made possible by an update, without a factor",
            "UpdateUserPool",
            json!({ "UserPoolId": POOL, "MfaConfiguration": "OPTIONAL" }),
            json!({ "UserPoolId": POOL, "MfaConfiguration": "OFF" }),
            pool(json!({ "MfaConfiguration": "OFF" })),
        ),
        case(
            "a role for text messages that Cognito can't assume",
            "CreateUserPool",
            json!({ "PoolName": "p", "SmsConfiguration": sms("stranger") }),
            json!({ "PoolName": "p", "SmsConfiguration": sms("sms") }),
            account(),
        ),
        case(
            "a role for text messages that Cognito can't assume",
            "UpdateUserPool",
            // The pool's own role is gone: whatever the update is about, it fails.
            json!({ "UserPoolId": POOL, "DeletionProtection": "INACTIVE" }),
            json!({ "UserPoolId": POOL, "SmsConfiguration": sms("sms") }),
            {
                let mut world = account();
                world["DescribeUserPool"]["UserPool"]["SmsConfiguration"] = sms("gone");
                world
            },
        ),
        case(
            "a role for text messages that may send none",
            "UpdateUserPool",
            json!({ "UserPoolId": POOL, "SmsConfiguration": sms("mute") }),
            json!({ "UserPoolId": POOL, "SmsConfiguration": sms("sms") }),
            account(),
        ),
        case(
            "recovery by the phone that is the second factor",
            "UpdateUserPool",
            json!({ "UserPoolId": POOL, "AccountRecoverySetting": recovery("verified_phone_number") }),
            json!({ "UserPoolId": POOL, "AccountRecoverySetting": recovery("verified_email") }),
            factors(json!({ "SmsMfaConfiguration": {} })),
        ),
        case(
            "recovery by the mail that is the second factor",
            "UpdateUserPool",
            json!({
                "UserPoolId": POOL,
                "AccountRecoverySetting": recovery("verified_email"),
                "EmailConfiguration": { "EmailSendingAccount": "DEVELOPER", "SourceArn": SENDER },
            }),
            json!({
                "UserPoolId": POOL,
                "AccountRecoverySetting": recovery("admin_only"),
                "EmailConfiguration": { "EmailSendingAccount": "DEVELOPER", "SourceArn": SENDER },
            }),
            {
                let mut world = account();
                world["GetUserPoolMfaConfig"] = json!({ "EmailMfaConfiguration": {} });
                world["DescribeUserPool"] = json!({ "UserPool": { "MfaConfiguration": "ON" } });
                world
            },
        ),
        case(
            "recovery by the phone that is the second factor",
            "UpdateUserPool",
            json!({ "UserPoolId": POOL, "AccountRecoverySetting": recovery("verified_phone_number") }),
            // Off, it is none any more, though it is still listed.
            json!({
                "UserPoolId": POOL,
                "MfaConfiguration": "OFF",
                "AccountRecoverySetting": recovery("verified_phone_number"),
            }),
            factors(json!({ "SmsMfaConfiguration": {} })),
        ),
        case(
            "codes by mail as a second factor, from Cognito's own address",
            "UpdateUserPool",
            json!({ "UserPoolId": POOL, "EmailConfiguration": { "EmailSendingAccount": "COGNITO_DEFAULT" } }),
            json!({
                "UserPoolId": POOL,
                "EmailConfiguration": { "EmailSendingAccount": "DEVELOPER", "SourceArn": SENDER },
            }),
            {
                let mut world = account();
                world["GetUserPoolMfaConfig"] = json!({ "EmailMfaConfiguration": {} });
                world["DescribeUserPool"] = json!({ "UserPool": { "MfaConfiguration": "ON" } });
                world
            },
        ),
        case(
            "a code that alone signs in where MFA is required",
            "UpdateUserPool",
            first_factors(&["PASSWORD", "SMS_OTP"]),
            first_factors(&["PASSWORD"]),
            pool(json!({ "MfaConfiguration": "ON" })),
        ),
        case(
            "a passkey that alone signs in where MFA is required",
            "UpdateUserPool",
            first_factors(&["PASSWORD", "WEB_AUTHN"]),
            first_factors(&["PASSWORD"]),
            pool(json!({ "MfaConfiguration": "ON" })),
        ),
        case(
            "threat protection below Plus",
            "CreateUserPool",
            json!({ "PoolName": "p", "UserPoolAddOns": { "AdvancedSecurityMode": "AUDIT" } }),
            json!({
                "PoolName": "p", "UserPoolTier": "PLUS", "UserPoolAddOns": { "AdvancedSecurityMode": "AUDIT" },
            }),
            json!({}),
        ),
        case(
            "claims in access tokens on Lite",
            "UpdateUserPool",
            json!({ "UserPoolId": POOL, "LambdaConfig": { "PreTokenGenerationConfig": { "LambdaVersion": "V2_0" } } }),
            json!({ "UserPoolId": POOL, "LambdaConfig": { "PreTokenGenerationConfig": { "LambdaVersion": "V1_0" } } }),
            pool(json!({ "UserPoolTier": "LITE" })),
        ),
        case(
            "sign-in without a password on Lite",
            "CreateUserPool",
            json!({
                "PoolName": "p",
                "UserPoolTier": "LITE",
                "Policies": { "SignInPolicy": { "AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"] } },
            }),
            json!({
                "PoolName": "p",
                "Policies": { "SignInPolicy": { "AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"] } },
            }),
            json!({}),
        ),
        case(
            "password history on Lite",
            "CreateUserPool",
            json!({
                "PoolName": "p", "UserPoolTier": "LITE", "Policies": { "PasswordPolicy": { "PasswordHistorySize": 4 } },
            }),
            json!({
                "PoolName": "p", "UserPoolTier": "LITE", "Policies": { "PasswordPolicy": { "PasswordHistorySize": 0 } },
            }),
            json!({}),
        ),
        case(
            "down to Lite with codes by mail as a second factor",
            "UpdateUserPool",
            json!({
                "UserPoolId": POOL,
                "UserPoolTier": "LITE",
                "EmailConfiguration": { "EmailSendingAccount": "DEVELOPER", "SourceArn": SENDER },
            }),
            json!({
                "UserPoolId": POOL,
                "UserPoolTier": "PLUS",
                "EmailConfiguration": { "EmailSendingAccount": "DEVELOPER", "SourceArn": SENDER },
            }),
            {
                let mut world = account();
                world["GetUserPoolMfaConfig"] = json!({ "EmailMfaConfiguration": {} });
                world
            },
        ),
        case(
            "a code's mail and a link's mail at once",
            "CreateUserPool",
            json!({ "PoolName": "p", "VerificationMessageTemplate": {
                "EmailMessage": "{####}", "EmailMessageByLink": "{##here##}",
            }}),
            json!({ "PoolName": "p", "VerificationMessageTemplate": { "EmailMessage": "{####}" } }),
            json!({}),
        ),
        case(
            "a sender of one's own that isn't named",
            "CreateUserPool",
            json!({ "PoolName": "p", "EmailConfiguration": { "EmailSendingAccount": "DEVELOPER" } }),
            json!({ "PoolName": "p", "EmailConfiguration": { "EmailSendingAccount": "COGNITO_DEFAULT" } }),
            json!({}),
        ),
        case(
            "somebody else's sender",
            "CreateUserPool",
            json!({ "PoolName": "p", "EmailConfiguration": {
                "SourceArn": "arn:aws:ses:eu-west-1:999999999999:identity/acme.com",
            }}),
            json!({ "PoolName": "p", "EmailConfiguration": { "SourceArn": SENDER } }),
            account(),
        ),
        case(
            "a sender that SES hasn't verified",
            "CreateUserPool",
            json!({ "PoolName": "p", "EmailConfiguration": {
                "SourceArn": "arn:aws:ses:eu-west-1:111122223333:identity/new.acme.org",
            }}),
            json!({ "PoolName": "p", "EmailConfiguration": { "SourceArn": SENDER } }),
            account(),
        ),
        case(
            "a sender that SES hasn't verified",
            "UpdateUserPool",
            json!({ "UserPoolId": POOL, "EmailConfiguration": {
                "SourceArn": "arn:aws:ses:eu-west-1:111122223333:identity/gone.acme.org",
            }}),
            // The pool's own, which was verified when it was set.
            json!({ "UserPoolId": POOL, "EmailConfiguration": {
                "SourceArn": "arn:aws:ses:eu-west-1:111122223333:identity/new.acme.org",
            }}),
            {
                let mut world = account();
                world["DescribeUserPool"]["UserPool"]["EmailConfiguration"] = json!({
                    "SourceArn": "arn:aws:ses:eu-west-1:111122223333:identity/new.acme.org",
                });
                world
            },
        ),
        case(
            "a custom attribute that is required",
            "AddCustomAttributes",
            json!({ "UserPoolId": POOL, "CustomAttributes": [{ "Name": "a", "Required": true }] }),
            json!({ "UserPoolId": POOL, "CustomAttributes": [{ "Name": "a" }] }),
            pool(json!({})),
        ),
        case(
            "more custom attributes than a pool may have",
            "AddCustomAttributes",
            json!({ "UserPoolId": POOL, "CustomAttributes": [{ "Name": "a" }, { "Name": "b" }] }),
            json!({ "UserPoolId": POOL, "CustomAttributes": [{ "Name": "a" }] }),
            pool(json!({ "SchemaAttributes": attributes(49) })),
        ),
        case(
            "deleting a protected pool",
            "DeleteUserPool",
            json!({ "UserPoolId": POOL }),
            json!({ "UserPoolId": "eu-west-1_Open" }),
            beside(json!({ "DeletionProtection": "ACTIVE" })),
        ),
        case(
            "deleting a pool that has a domain",
            "DeleteUserPool",
            json!({ "UserPoolId": POOL }),
            json!({ "UserPoolId": "eu-west-1_Open" }),
            beside(json!({ "DeletionProtection": "INACTIVE", "CustomDomain": "auth.acme.com" })),
        ),
    ]
}
