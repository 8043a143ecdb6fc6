//! Second factors.

use serde_json::{Value, json};

use super::{Case, POOL, account, case, sms};

pub(super) fn cases() -> Vec<Case> {
    let set = |more: Value| {
        let mut input = json!({ "UserPoolId": POOL, "MfaConfiguration": "OPTIONAL" });
        for (name, value) in more.as_object().into_iter().flatten() {
            input[name] = value.clone();
        }
        input
    };
    let totp = || set(json!({ "SoftwareTokenMfaConfiguration": { "Enabled": true } }));
    let required = || {
        json!({
            "UserPoolId": POOL,
            "MfaConfiguration": "ON",
            "SoftwareTokenMfaConfiguration": { "Enabled": true },
        })
    };
    let mail = || set(json!({ "EmailMfaConfiguration": { "Message": "{####}" } }));
    let text =
        |role: &str| set(json!({ "SmsMfaConfiguration": { "SmsConfiguration": sms(role) } }));
    let with = |pool: Value| {
        let mut world = account();
        world["DescribeUserPool"]["UserPool"] = pool;
        world
    };
    let recovery = |name: &str| json!({ "RecoveryMechanisms": [{ "Name": name, "Priority": 1 }] });
    vec![
        case(
            "MFA off, and a factor",
            "SetUserPoolMfaConfig",
            json!({
                "UserPoolId": POOL,
                "MfaConfiguration": "OFF",
                "SoftwareTokenMfaConfiguration": { "Enabled": false },
            }),
            json!({ "UserPoolId": POOL, "MfaConfiguration": "OFF", "WebAuthnConfiguration": {} }),
            account(),
        ),
        case(
            "MFA on, and no factor",
            "SetUserPoolMfaConfig",
            set(json!({ "SoftwareTokenMfaConfiguration": { "Enabled": false } })),
            totp(),
            account(),
        ),
        case(
            "MFA on, and no factor",
            "SetUserPoolMfaConfig",
            set(json!({ "WebAuthnConfiguration": {} })),
            totp(),
            account(),
        ),
        case(
            "phone numbers verified, MFA on, and no text messages",
            "SetUserPoolMfaConfig",
            totp(),
            text("sms"),
            with(json!({ "AutoVerifiedAttributes": ["phone_number"] })),
        ),
        case(
            "a way to send text messages, MFA on, and none as a factor",
            "SetUserPoolMfaConfig",
            totp(),
            text("sms"),
            with(json!({ "SmsConfiguration": sms("sms") })),
        ),
        case(
            "MFA required where a code alone signs in",
            "SetUserPoolMfaConfig",
            required(),
            totp(),
            with(
                json!({ "Policies": { "SignInPolicy": { "AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"] } } }),
            ),
        ),
        case(
            "MFA required where a passkey alone signs in",
            "SetUserPoolMfaConfig",
            required(),
            totp(),
            with(
                json!({ "Policies": { "SignInPolicy": { "AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"] } } }),
            ),
        ),
        case(
            "passkeys on Lite",
            "SetUserPoolMfaConfig",
            json!({ "UserPoolId": POOL, "MfaConfiguration": "OFF", "WebAuthnConfiguration": {} }),
            json!({ "UserPoolId": POOL, "MfaConfiguration": "OFF" }),
            with(json!({ "UserPoolTier": "LITE" })),
        ),
        case(
            "a factor's role that Cognito can't assume",
            "SetUserPoolMfaConfig",
            text("gone"),
            text("sms"),
            account(),
        ),
        case(
            "a factor's role that may send nothing",
            "SetUserPoolMfaConfig",
            text("mute"),
            text("sms"),
            account(),
        ),
        case(
            "text messages as a factor where the phone alone recovers",
            "SetUserPoolMfaConfig",
            text("sms"),
            totp(),
            with(json!({ "AccountRecoverySetting": recovery("verified_phone_number") })),
        ),
        case(
            "mail as a factor where mail alone recovers",
            "SetUserPoolMfaConfig",
            mail(),
            totp(),
            with(json!({
                "AccountRecoverySetting": recovery("verified_email"),
                "EmailConfiguration": { "EmailSendingAccount": "DEVELOPER" },
            })),
        ),
        case(
            "mail as a factor from Cognito's own address",
            "SetUserPoolMfaConfig",
            mail(),
            totp(),
            with(json!({ "EmailConfiguration": { "EmailSendingAccount": "COGNITO_DEFAULT" } })),
        ),
        case(
            "mail as a factor on Lite",
            "SetUserPoolMfaConfig",
            mail(),
            totp(),
            with(json!({
                "UserPoolTier": "LITE", "EmailConfiguration": { "EmailSendingAccount": "DEVELOPER" },
            })),
        ),
    ]
}
