//! Second factors: SetUserPoolMfaConfig.

use serde_json::Value;

use super::pools::{
    INVALID, MAIL_RECOVERY, MAIL_SENDER, PHONE_RECOVERY, PUBLISH, TRUST, is_trusted, may_publish,
    recovers_only_by,
};
use super::tiers::{NOT_IN_TIER, on_lite};
use super::{Rule, When, given, refuse_if, texts};

const SET: &[&str] = &["SetUserPoolMfaConfig"];

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "MFA off, and a factor",
        service: "cognito-idp",
        operations: SET,
        code: INVALID,
        when: When::Input(|input| {
            refuse_if(
                input["MfaConfiguration"] == "OFF" && names_factor(input),
                "Invalid MFA configuration given, can't turn off MFA and configure an MFA together.",
            )
        }),
        source: "go-to-k/cdkd#1923, measured: a factor that says Enabled: false, too; passkeys are none",
    },
    Rule {
        name: "MFA on, and no factor",
        service: "cognito-idp",
        operations: SET,
        code: INVALID,
        when: When::Input(|input| {
            if !is_on(input) || enables_factor(input) {
                return None;
            }
            // Cognito words it in two ways; passkeys bring out the second.
            Some(if given(input, "/WebAuthnConfiguration") {
                "Invalid MFA Configuration given. SMS MFA, Email MFA, or Software Token MFA must be enabled.".into()
            } else {
                "Invalid MFA configuration given, can't disable all MFAs with a required or optional configuration."
                    .into()
            })
        }),
        source: "aws/aws-sdk-js#4186; go-to-k/cdkd#1920",
    },
    Rule {
        name: "phone numbers verified, MFA on, and no text messages",
        service: "cognito-idp",
        operations: SET,
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                let pool = facts.pool().await?;
                refuse_if(
                    is_on(facts.input)
                        && !given(facts.input, "/SmsMfaConfiguration")
                        && texts(pool, "/AutoVerifiedAttributes")
                            .any(|name| name == "phone_number"),
                    "SMS configuration is required when phone_number is selected for auto verification",
                )
            })
        }),
        source: "hashicorp/terraform-provider-aws#28294",
    },
    Rule {
        name: "a way to send text messages, MFA on, and none as a factor",
        service: "cognito-idp",
        operations: SET,
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                let pool = facts.pool().await?;
                refuse_if(
                    is_on(facts.input)
                        && !given(facts.input, "/SmsMfaConfiguration")
                        && given(pool, "/SmsConfiguration/SnsCallerArn"),
                    "Can't turn off SMS_MFA when SMS configuration is set for the user pool",
                )
            })
        }),
        source: "aws-amplify/amplify-backend#1481, #1523; awslabs/nx-plugin-for-aws#1108",
    },
    Rule {
        name: "MFA required where a code alone signs in",
        service: "cognito-idp",
        operations: SET,
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                let required = facts.input["MfaConfiguration"] == "ON";
                refuse_if(
                    required && signs_in_by(facts.pool().await?, &CODES),
                    ONLY_PASSWORD,
                )
            })
        }),
        source: "go-to-k/cdkd#1975, #2069, measured: EMAIL_OTP and SMS_OTP alike, and OPTIONAL is taken",
    },
    Rule {
        name: "MFA required where a passkey alone signs in",
        service: "cognito-idp",
        operations: SET,
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                let required = facts.input["MfaConfiguration"] == "ON";
                let counts_as_two = facts.input["WebAuthnConfiguration"]["FactorConfiguration"]
                    == "MULTI_FACTOR_WITH_USER_VERIFICATION";
                refuse_if(
                    required && !counts_as_two && signs_in_by(facts.pool().await?, &[PASSKEY]),
                    "Cannot set WebAuthn factor configuration to SINGLE_FACTOR if MFA is required and WebAuthn is an \
                     allowed first auth factor",
                )
            })
        }),
        source: "go-to-k/cdkd#2064, measured: with no word of passkeys, too",
    },
    Rule {
        name: "passkeys on Lite",
        service: "cognito-idp",
        operations: SET,
        code: NOT_IN_TIER,
        when: When::Facts(|facts| {
            Box::pin(async {
                if !given(facts.input, "/WebAuthnConfiguration") {
                    return None;
                }
                on_lite(facts, "Passkey Sign-In").await
            })
        }),
        source: "guide, User pool feature plans; model, WebAuthnConfigurationType",
    },
    Rule {
        name: "a factor's role that Cognito can't assume",
        service: "cognito-idp",
        operations: SET,
        code: "InvalidSmsRoleTrustRelationshipException",
        when: When::Facts(|facts| {
            Box::pin(async {
                let sms = sms_configuration(facts.input)?;
                refuse_if(!is_trusted(facts, sms).await, TRUST)
            })
        }),
        source: "model, errors of SetUserPoolMfaConfig; terraform-provider-aws retries it for a minute",
    },
    Rule {
        name: "a factor's role that may send nothing",
        service: "cognito-idp",
        operations: SET,
        code: "InvalidSmsRoleAccessPolicyException",
        when: When::Facts(|facts| {
            Box::pin(async {
                let sms = sms_configuration(facts.input)?;
                refuse_if(!may_publish(facts, sms).await, PUBLISH)
            })
        }),
        source: "model, errors of SetUserPoolMfaConfig; terraform-provider-aws retries it for a minute",
    },
    Rule {
        name: "text messages as a factor where the phone alone recovers",
        service: "cognito-idp",
        operations: SET,
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                refuse_if(
                    given(facts.input, "/SmsMfaConfiguration")
                        && recovers_only_by(facts.pool().await?, "verified_phone_number"),
                    PHONE_RECOVERY,
                )
            })
        }),
        source: "aws/aws-cdk#11478; model, AccountRecoverySetting",
    },
    Rule {
        name: "mail as a factor where mail alone recovers",
        service: "cognito-idp",
        operations: SET,
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                refuse_if(
                    given(facts.input, "/EmailMfaConfiguration")
                        && recovers_only_by(facts.pool().await?, "verified_email"),
                    MAIL_RECOVERY,
                )
            })
        }),
        source: "hashicorp/terraform-provider-aws#41049; model, AccountRecoverySetting",
    },
    Rule {
        name: "mail as a factor from Cognito's own address",
        service: "cognito-idp",
        operations: SET,
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                let pool = facts.pool().await?;
                refuse_if(
                    given(facts.input, "/EmailMfaConfiguration")
                        && pool["EmailConfiguration"]["EmailSendingAccount"] != "DEVELOPER",
                    MAIL_SENDER,
                )
            })
        }),
        source: "hashicorp/terraform-provider-aws#41049; lgallard/terraform-aws-cognito-user-pool#172",
    },
    Rule {
        name: "mail as a factor on Lite",
        service: "cognito-idp",
        operations: SET,
        code: NOT_IN_TIER,
        when: When::Facts(|facts| {
            Box::pin(async {
                if !given(facts.input, "/EmailMfaConfiguration") {
                    return None;
                }
                on_lite(facts, "Email MFA").await
            })
        }),
        source: "model, EmailMfaConfigType: Essentials or higher",
    },
];

/// First factors that are a code, by mail or by text message.
pub(super) const CODES: [&str; 2] = ["EMAIL_OTP", "SMS_OTP"];
pub(super) const PASSKEY: &str = "WEB_AUTHN";
pub(super) const ONLY_PASSWORD: &str = "Only PASSWORD and WEB_AUTHN (if configured) can be enabled as an auth factor if MFA is enabled";

/// Whether people may sign in to a pool by one of these first factors.
pub(super) fn signs_in_by(pool: &Value, factors: &[&str]) -> bool {
    texts(pool, "/Policies/SignInPolicy/AllowedFirstAuthFactors").any(|one| factors.contains(&one))
}

fn is_on(input: &Value) -> bool {
    input["MfaConfiguration"] == "ON" || input["MfaConfiguration"] == "OPTIONAL"
}

/// Whether the request says anything of a second factor.
fn names_factor(input: &Value) -> bool {
    [
        "/SmsMfaConfiguration",
        "/SoftwareTokenMfaConfiguration",
        "/EmailMfaConfiguration",
    ]
    .iter()
    .any(|factor| given(input, factor))
}

fn enables_factor(input: &Value) -> bool {
    input.pointer("/SoftwareTokenMfaConfiguration/Enabled") == Some(&Value::Bool(true))
        || given(input, "/SmsMfaConfiguration")
        || given(input, "/EmailMfaConfiguration")
}

fn sms_configuration(input: &Value) -> Option<&Value> {
    let sms = input.pointer("/SmsMfaConfiguration/SmsConfiguration")?;
    sms["SnsCallerArn"].as_str().map(|_| sms)
}
