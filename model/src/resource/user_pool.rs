//! `AWS::Cognito::UserPool`.
//!
//! What stays as somebody else made it is read into these structs as Cognito tells it. It may tell more of a part than we
//! declare, which is not ours and sent back as it was found; and less, so what it may leave out is optional.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::expr::{Expr, Phase};
use super::rules::{Compare, Identity, Line, Mutability, OneAtATime, Replacement, Rules};
use super::{Kind, ResourceType};

/// `AWS::Cognito::UserPool`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UserPool<S = Expr> {
    /// Not unique in AWS; ours is found by its tags.
    pub user_pool_name: String,
    /// `ESSENTIALS` or `PLUS`.
    pub user_pool_tier: String,
    /// `ACTIVE` refuses DeleteUserPool.
    pub deletion_protection: String,
    /// `email`, `phone_number`: what stands in for a user name. Fixed at creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username_attributes: Option<Vec<String>>,
    /// What may be used beside a user name. Fixed at creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias_attributes: Option<Vec<String>>,
    /// Fixed at creation.
    pub username_configuration: UsernameConfiguration,
    /// What Cognito verifies by itself at sign-up.
    #[serde(default)]
    pub auto_verified_attributes: Vec<String>,
    /// Attributes; entries can be added, never changed or removed.
    pub schema: Vec<SchemaAttribute>,
    /// The password policy.
    pub policies: Policies,
    /// The message with the code or link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification_message_template: Option<VerificationMessageTemplate>,
    /// `OFF`, `OPTIONAL` or `ON`.
    pub mfa_configuration: String,
    /// `SOFTWARE_TOKEN_MFA`, `SMS_MFA`, `EMAIL_OTP`; absent when off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled_mfas: Option<Vec<String>>,
    /// How a forgotten password is recovered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_recovery_setting: Option<AccountRecoverySetting>,
    /// Who may create users.
    pub admin_create_user_config: AdminCreateUserConfig,
    /// Whether a changed address must be verified before it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_attribute_update_settings: Option<UserAttributeUpdateSettings>,
    /// Who sends Cognito's own mail.
    pub email_configuration: EmailConfiguration<S>,
    /// Who sends text messages; absent when nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sms_configuration: Option<SmsConfiguration<S>>,
    /// Threat protection. Said to be off, too: below the tier Plus Cognito refuses a pool that has it on
    /// (FeatureUnavailableInTierException, terraform-provider-aws#40734), and what isn't said stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_pool_add_ons: Option<UserPoolAddOns>,
    /// The triggers. Sent after the pool is made: see [`USER_POOL`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lambda_config: Option<LambdaConfig<S>>,
    /// Tags, as a map: this type spells them so.
    pub user_pool_tags: BTreeMap<String, String>,
}

/// Case sensitivity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UsernameConfiguration {
    /// Whether `A@x` and `a@x` are two users.
    pub case_sensitive: bool,
}

/// One attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SchemaAttribute {
    /// Without the `custom:` that Cognito adds.
    pub name: String,
    /// `String`, `Number`, `Boolean` or `DateTime`.
    pub attribute_data_type: String,
    /// Whether it can change after sign-up.
    pub mutable: bool,
    /// Whether sign-up fails without it.
    pub required: bool,
    /// Lengths, for strings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub string_attribute_constraints: Option<StringConstraints>,
    /// Bounds, for numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number_attribute_constraints: Option<NumberConstraints>,
}

/// Lengths in characters, written as strings as the API has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StringConstraints {
    /// Shortest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_length: Option<String>,
    /// Longest, at most 2048.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<String>,
}

/// Bounds, written as strings as the API has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NumberConstraints {
    /// Smallest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_value: Option<String>,
    /// Largest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_value: Option<String>,
}

/// Policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policies {
    /// The password policy.
    pub password_policy: PasswordPolicy,
}

/// The password policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PasswordPolicy {
    /// 6 to 99.
    pub minimum_length: u32,
    /// a to z.
    pub require_lowercase: bool,
    /// A to Z.
    pub require_uppercase: bool,
    /// 0 to 9.
    pub require_numbers: bool,
    /// Punctuation.
    pub require_symbols: bool,
    /// Days until a password set by an administrator expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temporary_password_validity_days: Option<u32>,
    /// How many earlier passwords can't be taken again, 0 to 24.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_history_size: Option<u32>,
}

/// The message with the code or link. Cognito takes the pair of the chosen option and refuses both pairs at once
/// (the reference of UpdateUserPool), so the other two are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VerificationMessageTemplate {
    /// `CONFIRM_WITH_CODE` or `CONFIRM_WITH_LINK`.
    pub default_email_option: String,
    /// Subject of the message with a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_subject: Option<String>,
    /// Message with a code; `{####}` stands for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_message: Option<String>,
    /// Subject of the message with a link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_subject_by_link: Option<String>,
    /// Message with a link; `{##text##}` stands for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_message_by_link: Option<String>,
    /// Text message; `{####}` stands for the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sms_message: Option<String>,
}

/// How a forgotten password is recovered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccountRecoverySetting {
    /// The ways, best first.
    pub recovery_mechanisms: Vec<RecoveryMechanism>,
}

/// One way of recovering.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RecoveryMechanism {
    /// `verified_email`, `verified_phone_number`, or `admin_only` alone.
    pub name: String,
    /// 1 is tried first.
    pub priority: u32,
}

/// Who may create users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminCreateUserConfig {
    /// False: people sign themselves up.
    pub allow_admin_create_user_only: bool,
}

/// What a changed attribute needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UserAttributeUpdateSettings {
    /// Attributes that keep their old value until the new one is verified.
    #[serde(default)]
    pub attributes_require_verification_before_update: Vec<String>,
}

/// Who sends Cognito's own mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EmailConfiguration<S = Expr> {
    /// `COGNITO_DEFAULT` (50 a day) or `DEVELOPER` (SES).
    pub email_sending_account: String,
    /// The sender, with `DEVELOPER`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// ARN of the SES identity, with `DEVELOPER`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_arn: Option<S>,
    /// The SES configuration set, with `DEVELOPER`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration_set: Option<S>,
}

/// Who sends text messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SmsConfiguration<S = Expr> {
    /// ARN of a role that may publish through SNS.
    pub sns_caller_arn: S,
    /// The external ID that role's trust policy asks for.
    pub external_id: String,
    /// The region whose SNS sends, where that is not the pool's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sns_region: Option<String>,
}

/// Threat protection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UserPoolAddOns {
    /// `ENFORCED`, `AUDIT` or `OFF`.
    pub advanced_security_mode: String,
}

/// The triggers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LambdaConfig<S = Expr> {
    /// ARN of confirmUser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_confirmation: Option<S>,
    /// generateToken. The older `PreTokenGeneration` field is filled by Cognito with the same ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre_token_generation_config: Option<PreTokenGenerationConfig<S>>,
}

/// generateToken and the version of the event it speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PreTokenGenerationConfig<S = Expr> {
    /// ARN of the function.
    pub lambda_arn: S,
    /// `V2_0` reaches the access token too, `V3_0` those of machines as well; both need the plan
    /// Essentials or Plus.
    pub lambda_version: String,
}

const FIXED: Mutability = Mutability::Refuse(
    "Cognito fixes this when the pool is made; declare a second project and migrate the users to it",
);

impl<S: Phase> ResourceType for UserPool<S> {
    const RULES: Rules = Rules {
        compare: &[
            ("UsernameAttributes", Compare::Set),
            ("AliasAttributes", Compare::Set),
            ("AutoVerifiedAttributes", Compare::Set),
            ("Schema", Compare::Keyed("Name")),
            ("EnabledMfas", Compare::Set),
            (
                "UserAttributeUpdateSettings.AttributesRequireVerificationBeforeUpdate",
                Compare::Set,
            ),
            ("UserPoolTags", Compare::Tags),
        ],
        mutability: &[
            ("UserPoolName", FIXED),
            ("UsernameAttributes", FIXED),
            ("AliasAttributes", FIXED),
            ("UsernameConfiguration", FIXED),
            (
                "Schema",
                Mutability::AddOnly(
                    "Cognito can add attributes, not change them; add one under a new name",
                ),
            ),
        ],
        replacement: Replacement::Never("a user pool is never replaced: its users would be lost"),
        // The pool, and all that hangs from it, is made beside the functions instead of after them, and no
        // assumption is needed on whether Cognito accepts the ARN of a function that doesn't exist yet
        // (its API reference doesn't say).
        deferred: &["LambdaConfig"],
        one_at_a_time: Some(OneAtATime {
            line: Line::UserPool,
            creates: true,
        }),
        defaults: &[("UserPoolAddOns.AdvancedSecurityMode", "OFF")],
        // It names a role of ours, which goes: every later update of a pool that still names it would fail
        // (awslabs/nx-plugin-for-aws#631).
        cleared: &["LambdaConfig", "SmsConfiguration"],
        identity: Identity::Assigned { within: None },
        holds_data: true,
        // A pool whose text messages lost their role takes no update any more, not even the one that lifts its
        // protection before it is deleted; and a sender that is gone may do the same to mail.
        deleted_before: &[
            Kind::RolePolicy,
            Kind::Role,
            Kind::EmailIdentity,
            Kind::ConfigurationSet,
        ],
        ..Rules::of("AWS::Cognito::UserPool")
    };
}
