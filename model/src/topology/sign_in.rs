//! What signing in takes beside the pool's plain settings: second factors, the way back in for who forgot
//! the password, and text messages with all they need.
//!
//! Which of that goes together, Cognito says: the rules of the project file see to it.

use std::collections::BTreeMap;

use super::{Builder, email};
use crate::project::stage::{MfaMethod, MfaMode, Recovery, SignIn, SignInName, Stage, VerifyBy};
use crate::resource::user_pool::{AccountRecoverySetting, RecoveryMechanism, SmsConfiguration};
use crate::resource::{Expr, PolicyDocument, Resource, Role, RolePolicy, Statement};

const SMS_ROLE: &str = "SmsRole";
/// Logical ID of what lets the pool send text messages.
pub(super) const SMS_POLICY: &str = "SmsPolicy";

/// Whether the pool sends text messages. Beside a second factor that is none, it can't: "Can't turn off SMS_MFA
/// when SMS configuration is set for the user pool" (aws-amplify/amplify-backend#1481, #1523).
fn sends_sms(sign_in: &SignIn) -> bool {
    if *sign_in.mfa.mode != MfaMode::Off {
        return sign_in.mfa.methods.contains(&MfaMethod::Sms);
    }
    *sign_in.verify.by == VerifyBy::Sms
        || sign_in.is_with(SignInName::Phone)
        || sign_in.recovery.iter().any(|way| *way == Recovery::Phone)
}

/// The region whose SNS sends the text messages of a pool. Of those that Cognito's guide lists in "SMS message
/// settings", only pools in Seoul have to use another one than their own; the others may.
pub fn sms_region(region: &str) -> &str {
    match region {
        "ap-northeast-2" => "ap-northeast-1",
        own => own,
    }
}

/// Declares what text messages take. Says whether any are sent.
pub(super) fn declare_sms(builder: &mut Builder<'_>) -> bool {
    let stage = builder.stage;
    if !sends_sms(&stage.sign_in) {
        return false;
    }
    let mut trust = PolicyDocument::trust("cognito-idp.amazonaws.com");
    // Cognito serves every account, and names the pool it serves when it assumes the role: one of this account and
    // region. Which one can't be known yet, since the pool names the role. The external ID alone is a name that can be
    // guessed. See "The confused deputy problem" in IAM's guide, and of Cognito's that on SMS settings.
    let mut equal = BTreeMap::new();
    equal.insert(
        "sts:ExternalId".to_owned(),
        Expr::from(external_id(builder)),
    );
    equal.insert(
        "aws:SourceAccount".to_owned(),
        Expr::reference("AWS::AccountId"),
    );
    let pools = Expr::arn("cognito-idp", "userpool/*");
    let like = BTreeMap::from([("aws:SourceArn".to_owned(), pools)]);
    trust.statement[0].condition = Some(BTreeMap::from([
        ("ArnLike".to_owned(), like),
        ("StringEquals".to_owned(), equal),
    ]));
    let role = Role {
        role_name: builder.role_name("sms"),
        description: "Lets Cognito send text messages".to_owned(),
        assume_role_policy_document: trust,
        tags: builder.tags(),
    };
    builder.add(SMS_ROLE, Resource::Role(role));
    let policy = RolePolicy {
        policy_name: builder.name("sms"),
        role_name: Expr::reference(SMS_ROLE),
        // A text message goes to a number, not to a topic; SNS knows no narrower resource for it.
        policy_document: PolicyDocument::new(vec![Statement::allow(
            "SendTextMessages",
            &["sns:Publish"],
            vec![Expr::from("*")],
        )]),
    };
    builder.add(SMS_POLICY, Resource::RolePolicy(policy));
    builder.sms_region = Some(sms_region(&stage.region).to_owned());
    true
}

fn external_id(builder: &Builder<'_>) -> String {
    builder.name("sms")
}

/// Who sends the text messages.
pub(super) fn sms_configuration(builder: &Builder<'_>) -> SmsConfiguration {
    let own = builder.stage.region.as_str();
    SmsConfiguration {
        sns_caller_arn: Expr::attribute(SMS_ROLE, "Arn"),
        external_id: external_id(builder),
        sns_region: Some(sms_region(own).to_owned()).filter(|region| region != own),
    }
}

/// The methods that can be offered now. Email waits for the sender: Cognito's own sends no second factor.
fn offered<'a>(builder: &'a Builder<'_>) -> impl Iterator<Item = MfaMethod> + 'a {
    let methods = builder.stage.sign_in.mfa.methods.iter();
    methods
        .map(|method| **method)
        .filter(|method| *method != MfaMethod::Email || email::sender_is_ready(builder))
}

/// `MfaConfiguration` and `EnabledMfas`.
pub(super) fn second_factors(builder: &Builder<'_>) -> (String, Option<Vec<String>>) {
    let names: Vec<String> = offered(builder)
        .map(|method| {
            match method {
                MfaMethod::Totp => "SOFTWARE_TOKEN_MFA",
                MfaMethod::Sms => "SMS_MFA",
                MfaMethod::Email => "EMAIL_OTP",
            }
            .to_owned()
        })
        .collect();
    let mode = match *builder.stage.sign_in.mfa.mode {
        // "Invalid MFA configuration given, can't disable all MFAs with a required or optional configuration."
        _ if names.is_empty() => "OFF",
        MfaMode::Off => "OFF",
        MfaMode::Optional => "OPTIONAL",
        MfaMode::Required => "ON",
    };
    (
        mode.to_owned(),
        Some(names).filter(|names| !names.is_empty()),
    )
}

/// The ways back in, best first.
pub(super) fn account_recovery(sign_in: &SignIn) -> AccountRecoverySetting {
    let mechanisms = sign_in.recovery.iter().zip(1..);
    AccountRecoverySetting {
        recovery_mechanisms: mechanisms
            .map(|(way, priority)| RecoveryMechanism {
                name: match **way {
                    Recovery::Email => "verified_email",
                    Recovery::Phone => "verified_phone_number",
                    Recovery::Admin => "admin_only",
                }
                .to_owned(),
                priority,
            })
            .collect(),
    }
}

/// Says what follows from the settings and no resource shows.
pub(super) fn note(builder: &mut Builder<'_>) {
    let stage = builder.stage;
    let sign_in = &stage.sign_in;
    if !email::sender_is_ready(builder) && sign_in.mfa.methods.contains(&MfaMethod::Email) {
        let until = if offered(builder).next().is_some() {
            "the other methods alone are offered"
        } else {
            "users sign in without a second factor"
        };
        builder.note(format!(
            "MFA by email waits for the sender, too: until a deploy after SES has verified it, {until}"
        ));
    }
    let is_on = *sign_in.mfa.mode != MfaMode::Off;
    if is_on && sign_in.is_with(SignInName::Phone) && !sends_sms(sign_in) {
        builder.note(
            "no text messages are sent: with MFA, Cognito sends some only where it offers them as second factor; \
             to have phone numbers verified, add `sms` to `sign_in.mfa.methods`",
        );
    }
    note_sms_region(builder, stage);
}

fn note_sms_region(builder: &mut Builder<'_>, stage: &Stage) {
    let region = builder.sms_region.clone();
    if let Some(region) = region.filter(|region| stage.region != *region) {
        builder.note(format!(
            "text messages go out through SNS in {region}, since Cognito sends none from {}: its sandbox and limits count",
            stage.region
        ));
    }
}
