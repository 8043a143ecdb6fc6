//! User pools: CreateUserPool, UpdateUserPool, DeleteUserPool, AddCustomAttributes.

use saasauth_contract::record::CUSTOM_PREFIX;
use serde_json::{Value, json};

use super::factors::{CODES, ONLY_PASSWORD, PASSKEY, signs_in_by};
use super::facts::Facts;
use super::iam::{allows, lets_assume};
use super::{Rule, When, given, list, refuse_if, text, texts};
use crate::local::front_door::scope::Scope;

const CREATE: &[&str] = &["CreateUserPool"];
const UPDATE: &[&str] = &["UpdateUserPool"];
const BOTH: &[&str] = &["CreateUserPool", "UpdateUserPool"];

pub(super) const INVALID: &str = "InvalidParameterException";

/// What Cognito may be asked to do with a role before it counts as usable.
pub(super) const TRUST: &str =
    "Role does not have a trust relationship allowing Cognito to assume the role";
pub(super) const PUBLISH: &str = "Role does not have permission to publish with SNS";

/// How many custom attributes a pool may have: the quotas page.
const CUSTOM_ATTRIBUTES: usize = 50;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "days of unused accounts beside those of temporary passwords",
        service: "cognito-idp",
        operations: BOTH,
        code: INVALID,
        when: When::Input(|input| {
            // 0 is no value to Cognito: terraform sends it to get past this refusal.
            let days = input.pointer("/AdminCreateUserConfig/UnusedAccountValidityDays");
            refuse_if(
                days.and_then(Value::as_i64).unwrap_or_default() != 0
                    && given(
                        input,
                        "/Policies/PasswordPolicy/TemporaryPasswordValidityDays",
                    ),
                "Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays",
            )
        }),
        source: "pulumi/pulumi-aws-native#1256; aws/aws-sdk-js#3817",
    },
    Rule {
        name: "usernames and aliases at once",
        service: "cognito-idp",
        operations: CREATE,
        code: INVALID,
        when: When::Input(|input| {
            refuse_if(
                !list(input, "/AliasAttributes").is_empty()
                    && !list(input, "/UsernameAttributes").is_empty(),
                "Only one of the aliasAttributes or usernameAttributes can be set in a user pool.",
            )
        }),
        source: "guide, Customizing sign-in attributes",
    },
    Rule {
        name: "verification before an update of what isn't verified at all",
        service: "cognito-idp",
        operations: BOTH,
        code: INVALID,
        when: When::Facts(|facts| Box::pin(verified_before_update(facts))),
        source: "ekristen/aws-nuke#477, which also shows that an update keeps UserAttributeUpdateSettings when they are \
                 left out, and resets AutoVerifiedAttributes",
    },
    Rule {
        name: "phone numbers verified without a way to send",
        service: "cognito-idp",
        operations: BOTH,
        code: INVALID,
        when: When::Input(|input| {
            refuse_if(
                texts(input, "/AutoVerifiedAttributes").any(|name| name == "phone_number")
                    && !given(input, "/SmsConfiguration"),
                "SMS configuration is required when phone_number is selected for auto verification",
            )
        }),
        source: "aws-amplify/amplify-backend#1523",
    },
    Rule {
        name: "a pool made with a second factor and no text messages",
        service: "cognito-idp",
        operations: CREATE,
        code: INVALID,
        when: When::Input(|input| {
            refuse_if(
                wants_factor(input) && !given(input, "/SmsConfiguration"),
                "SMS configuration and Auto verification for phone_number are required when MFA is required/optional",
            )
        }),
        source: "model, CreateUserPoolRequest.MfaConfiguration; aws/aws-cdk#12075",
    },
    Rule {
        name: "MFA required by an update",
        service: "cognito-idp",
        operations: UPDATE,
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                let pool = facts.pool().await?;
                refuse_if(
                    facts.input["MfaConfiguration"] == "ON" && pool["MfaConfiguration"] != "ON",
                    "Cannot turn MFA functionality ON, once the user pool has been created.",
                )
            })
        }),
        source: "aws-cloudformation/cloudformation-coverage-roadmap#1176: SetUserPoolMfaConfig turns it on",
    },
    Rule {
        name: "MFA made possible by an update, without a factor",
        service: "cognito-idp",
        operations: UPDATE,
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                let pool = facts.pool().await?;
                refuse_if(
                    wants_factor(facts.input)
                        && !given(facts.input, "/SmsConfiguration")
                        && (pool["MfaConfiguration"] == "OFF" || !given(pool, "/MfaConfiguration")),
                    "SMS configuration and Auto verification for phone_number are required when MFA is required/optional",
                )
            })
        }),
        source: "aws-cloudformation/cloudformation-coverage-roadmap#2221",
    },
    Rule {
        name: "a role for text messages that Cognito can't assume",
        service: "cognito-idp",
        operations: BOTH,
        code: "InvalidSmsRoleTrustRelationshipException",
        when: When::Facts(|facts| {
            Box::pin(async {
                let sms = sms_configuration(facts).await?;
                refuse_if(!is_trusted(facts, &sms).await, TRUST)
            })
        }),
        source: "awslabs/nx-plugin-for-aws#631: also when the role is gone, and whatever the update is about; \
                 terraform-provider-aws retries it for a minute",
    },
    Rule {
        name: "a role for text messages that may send none",
        service: "cognito-idp",
        operations: BOTH,
        code: "InvalidSmsRoleAccessPolicyException",
        when: When::Facts(|facts| {
            Box::pin(async {
                let sms = sms_configuration(facts).await?;
                refuse_if(!may_publish(facts, &sms).await, PUBLISH)
            })
        }),
        source: "OElesin/querypal#6; terraform-provider-aws retries it for a minute",
    },
    Rule {
        name: "recovery by the phone that is the second factor",
        service: "cognito-idp",
        operations: BOTH,
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                let factors = match facts.input.get("UserPoolId") {
                    Some(_) => has_factor(facts, "/SmsMfaConfiguration").await?,
                    // CreateUserPool knows no other factor.
                    None => wants_factor(facts.input),
                };
                refuse_if(
                    factors && recovers_only_by(facts.input, "verified_phone_number"),
                    PHONE_RECOVERY,
                )
            })
        }),
        source: "aws/aws-cdk#11478; guide, Passwords, account recovery, and password policies",
    },
    Rule {
        name: "recovery by the mail that is the second factor",
        service: "cognito-idp",
        operations: UPDATE,
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                refuse_if(
                    recovers_only_by(facts.input, "verified_email")
                        && has_factor(facts, "/EmailMfaConfiguration").await?,
                    MAIL_RECOVERY,
                )
            })
        }),
        source: "hashicorp/terraform-provider-aws#41049",
    },
    Rule {
        name: "codes by mail as a second factor, from Cognito's own address",
        service: "cognito-idp",
        operations: UPDATE,
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                refuse_if(
                    facts.input["EmailConfiguration"]["EmailSendingAccount"] != "DEVELOPER"
                        && has_factor(facts, "/EmailMfaConfiguration").await?,
                    MAIL_SENDER,
                )
            })
        }),
        source: "hashicorp/terraform-provider-aws#41049; lgallard/terraform-aws-cognito-user-pool#172",
    },
    Rule {
        name: "a code that alone signs in where MFA is required",
        service: "cognito-idp",
        operations: UPDATE,
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                refuse_if(
                    signs_in_by(facts.input, &CODES) && is_required(facts).await?,
                    ONLY_PASSWORD,
                )
            })
        }),
        source: "go-to-k/cdkd#1975, measured from the other side: SetUserPoolMfaConfig",
    },
    Rule {
        name: "a passkey that alone signs in where MFA is required",
        service: "cognito-idp",
        operations: UPDATE,
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                if !signs_in_by(facts.input, &[PASSKEY]) || !is_required(facts).await? {
                    return None;
                }
                let factors = facts.factors().await?;
                refuse_if(
                    factors["WebAuthnConfiguration"]["FactorConfiguration"]
                        != "MULTI_FACTOR_WITH_USER_VERIFICATION",
                    "WEB_AUTHN cannot be used as an auth factor when MFA is enabled if not configured for MFA.",
                )
            })
        }),
        source: "hashicorp/terraform-provider-aws#50110",
    },
    Rule {
        name: "a code's mail and a link's mail at once",
        service: "cognito-idp",
        operations: BOTH,
        code: INVALID,
        when: When::Input(|input| {
            refuse_if(
                given(input, "/VerificationMessageTemplate/EmailMessage")
                    && given(input, "/VerificationMessageTemplate/EmailMessageByLink"),
                "Only one of EmailMessage and EmailMessageByLink can be set: the one that DefaultEmailOption chooses.",
            )
        }),
        source: "model, VerificationMessageTemplate: both with either choice is an error",
    },
    Rule {
        name: "a sender of one's own that isn't named",
        service: "cognito-idp",
        operations: BOTH,
        code: INVALID,
        when: When::Input(|input| {
            refuse_if(
                text(input, "/EmailConfiguration/EmailSendingAccount") == Some("DEVELOPER")
                    && !given(input, "/EmailConfiguration/SourceArn"),
                "SourceArn is required when EmailSendingAccount is DEVELOPER.",
            )
        }),
        source: "model, EmailConfigurationType.EmailSendingAccount",
    },
    Rule {
        name: "somebody else's sender",
        service: "cognito-idp",
        operations: BOTH,
        code: "NotAuthorizedException",
        when: When::Facts(|facts| {
            Box::pin(async {
                let sender = Sender::of(facts.input)?;
                refuse_if(
                    sender.account != facts.scope.account() || sender.identity.is_empty(),
                    "Email arn does not belong to your account.",
                )
            })
        }),
        source: "aws/aws-cdk#25115",
    },
    Rule {
        name: "a sender that SES hasn't verified",
        service: "cognito-idp",
        operations: BOTH,
        code: INVALID,
        when: When::Facts(|facts| Box::pin(unverified_sender(facts))),
        source: "aws/aws-cdk#18964, #19787",
    },
    Rule {
        name: "a custom attribute that is required",
        service: "cognito-idp",
        operations: &["AddCustomAttributes"],
        code: INVALID,
        when: When::Input(|input| {
            refuse_if(
                list(input, "/CustomAttributes")
                    .iter()
                    .any(|attribute| attribute["Required"] == true),
                "Required custom attributes are not supported currently.",
            )
        }),
        source: "API reference, SchemaAttributeType.Required",
    },
    Rule {
        name: "more custom attributes than a pool may have",
        service: "cognito-idp",
        operations: &["AddCustomAttributes"],
        code: "LimitExceededException",
        when: When::Facts(|facts| {
            Box::pin(async {
                let there = list(facts.pool().await?, "/SchemaAttributes");
                let custom = there
                    .iter()
                    .filter_map(|attribute| attribute["Name"].as_str());
                let custom = custom
                    .filter(|name| name.starts_with(CUSTOM_PREFIX))
                    .count();
                refuse_if(
                    custom + list(facts.input, "/CustomAttributes").len() > CUSTOM_ATTRIBUTES,
                    "The maximum number of custom attributes of a user pool is 50.",
                )
            })
        }),
        source: "guide, Quotas: 50 custom attributes for each user pool",
    },
    Rule {
        name: "deleting a protected pool",
        service: "cognito-idp",
        operations: &["DeleteUserPool"],
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                refuse_if(
                    facts.pool().await?["DeletionProtection"] == "ACTIVE",
                    "The user pool cannot be deleted because deletion protection is activated. \
                     Deletion protection must be inactivated first.",
                )
            })
        }),
        source: "localstack/localstack#11947",
    },
    Rule {
        name: "deleting a pool that has a domain",
        service: "cognito-idp",
        operations: &["DeleteUserPool"],
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                let pool = facts.pool().await?;
                refuse_if(
                    ["/Domain", "/CustomDomain"]
                        .into_iter()
                        .any(|name| text(pool, name).is_some_and(|domain| !domain.is_empty())),
                    "User pool cannot be deleted. It has a domain configured that should be deleted first.",
                )
            })
        }),
        source: "hashicorp/terraform-provider-aws#16479",
    },
];

pub(super) const PHONE_RECOVERY: &str = "Invalid account recovery setting parameter. Account Recovery Setting cannot use \
     verified_phone_number as a recovery mechanism when SMS MFA is configured.";
pub(super) const MAIL_RECOVERY: &str = "Invalid account recovery setting parameter. Account Recovery Setting cannot use \
     verified_email as a recovery mechanism when Email MFA is configured.";
pub(super) const MAIL_SENDER: &str =
    "Email MFA requires an EmailConfiguration with the EmailSendingAccount DEVELOPER.";

fn wants_factor(input: &Value) -> bool {
    ["ON", "OPTIONAL"]
        .iter()
        .any(|mode| input["MfaConfiguration"] == *mode)
}

/// Whether a pool's people can recover their accounts in this way and in no other.
pub(super) fn recovers_only_by(pool: &Value, way: &str) -> bool {
    let ways = list(pool, "/AccountRecoverySetting/RecoveryMechanisms");
    !ways.is_empty() && ways.iter().all(|mechanism| mechanism["Name"] == way)
}

/// Whether a second factor is required after the request: an update that says nothing of it changes nothing of it.
async fn is_required(facts: &Facts<'_>) -> Option<bool> {
    let told = &facts.input["MfaConfiguration"];
    Some(told == "ON" || (told.is_null() && facts.pool().await?["MfaConfiguration"] == "ON"))
}

/// Whether this is one of the second factors after the request. Switched off by an update, the factors stay listed, and
/// are none.
async fn has_factor(facts: &Facts<'_>, factor: &str) -> Option<bool> {
    let told = &facts.input["MfaConfiguration"];
    let off = told == "OFF" || (told.is_null() && facts.pool().await?["MfaConfiguration"] == "OFF");
    Some(!off && given(facts.factors().await?, factor))
}

async fn verified_before_update(facts: &Facts<'_>) -> Option<String> {
    let name = "/UserAttributeUpdateSettings/AttributesRequireVerificationBeforeUpdate";
    let kept;
    let wanted: Vec<&str> = if given(facts.input, "/UserAttributeUpdateSettings") {
        texts(facts.input, name).collect()
    } else if given(facts.input, "/UserPoolId") {
        kept = facts.pool().await?;
        texts(kept, name).collect()
    } else {
        Vec::new()
    };
    let verified: Vec<&str> = texts(facts.input, "/AutoVerifiedAttributes").collect();
    refuse_if(
        wanted.iter().any(|attribute| !verified.contains(attribute)),
        "All attributes in AttributesRequireVerificationBeforeUpdate must exist in AutoVerifiedAttributes",
    )
}

/// How text messages are sent after the request: as it says, or as the pool has it when an update says nothing.
async fn sms_configuration(facts: &Facts<'_>) -> Option<Value> {
    let told = &facts.input["SmsConfiguration"];
    let sms = if told.is_object() || !given(facts.input, "/UserPoolId") {
        told
    } else {
        &facts.pool().await?["SmsConfiguration"]
    };
    sms["SnsCallerArn"].as_str().map(|_| sms.clone())
}

/// Whether Cognito may assume the role it is to send text messages with.
pub(super) async fn is_trusted(facts: &Facts<'_>, sms: &Value) -> bool {
    let arn = sms["SnsCallerArn"].as_str().unwrap_or_default();
    let Some(role) = facts.role(role_name(arn)).await else {
        return false;
    };
    let account = facts.scope.account();
    // Before there is a pool there is only the shape of its ARN.
    let id = text(facts.input, "/UserPoolId").unwrap_or("pool_000000000");
    let pool = format!(
        "arn:aws:cognito-idp:{}:{account}:userpool/{id}",
        facts.scope.region
    );
    let mut context = vec![("aws:sourceaccount", account), ("aws:sourcearn", &*pool)];
    context.extend(sms["ExternalId"].as_str().map(|id| ("sts:externalid", id)));
    lets_assume(&role, "cognito-idp.amazonaws.com", &context)
}

/// Whether that role may send them.
pub(super) async fn may_publish(facts: &Facts<'_>, sms: &Value) -> bool {
    let arn = sms["SnsCallerArn"].as_str().unwrap_or_default();
    let role = facts.role(role_name(arn)).await;
    role.is_some_and(|role| allows(&role, "sns:Publish"))
}

/// A role's name: the last part of its ARN, after its path.
pub(super) fn role_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

/// The identity of SES that a pool sends from.
struct Sender<'a> {
    arn: &'a str,
    region: &'a str,
    account: &'a str,
    identity: &'a str,
}

impl<'a> Sender<'a> {
    fn of(input: &'a Value) -> Option<Self> {
        let arn = text(input, "/EmailConfiguration/SourceArn")?;
        let mut parts = arn.splitn(6, ':').skip(3);
        Some(Self {
            arn,
            region: parts.next()?,
            account: parts.next()?,
            identity: parts.next()?.strip_prefix("identity/").unwrap_or_default(),
        })
    }
}

/// The sender that a request names anew. Whether an update that only repeats the pool's own is refused once that isn't
/// verified any more is not on record; so it isn't here.
async fn unverified_sender(facts: &Facts<'_>) -> Option<String> {
    let sender = Sender::of(facts.input)?;
    if given(facts.input, "/UserPoolId")
        && text(facts.pool().await?, "/EmailConfiguration/SourceArn") == Some(sender.arn)
    {
        return None;
    }
    let scope = Scope::new(facts.scope.access_key.clone(), sender.region);
    let identity = facts.identity(&scope, sender.identity).await;
    let identity = identity.unwrap_or_else(|| json!({}));
    let verified = identity["VerifiedForSendingStatus"] == true;
    (!verified).then(|| {
        format!(
            "Cognito received the following error from Amazon SES when attempting to send email: Email address is not \
             verified. The following identities failed the check in region {}: {}",
            sender.region.to_ascii_uppercase(),
            sender.arn
        )
    })
}
