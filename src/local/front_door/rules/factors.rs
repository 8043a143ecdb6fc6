//! Second factors: SetUserPoolMfaConfig.

use serde_json::Value;

use super::pools::{
    INVALID, MAIL_RECOVERY, MAIL_SENDER, NOT_IN_TIER, PHONE_RECOVERY, PUBLISH, TRUST, is_trusted,
    may_publish, on_lite, recovers_only_by,
};
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
