//! What a pool's feature plan doesn't have in it.
//!
//! AWS names the features in its refusal; "Threat Protection" and the sentence around it are quoted by people, the
//! others are the guide's, "User pool feature plans".

use super::facts::Facts;
use super::{Rule, When, given, text, texts};

const UPDATE: &[&str] = &["UpdateUserPool"];
const BOTH: &[&str] = &["CreateUserPool", "UpdateUserPool"];

pub(super) const NOT_IN_TIER: &str = "FeatureUnavailableInTierException";

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "threat protection below Plus",
        service: "cognito-idp",
        operations: BOTH,
        code: NOT_IN_TIER,
        when: When::Facts(|facts| {
            Box::pin(async {
                let mode = text(facts.input, "/UserPoolAddOns/AdvancedSecurityMode")?;
                let tier = tier(facts).await?;
                (mode != "OFF" && tier != "PLUS").then(|| lacks(&tier, "Threat Protection"))
            })
        }),
        source: "hashicorp/terraform-provider-aws#40734; aws/aws-cdk#33565",
    },
    Rule {
        name: "claims in access tokens on Lite",
        service: "cognito-idp",
        operations: BOTH,
        code: NOT_IN_TIER,
        when: When::Facts(|facts| {
            Box::pin(async {
                let version = "/LambdaConfig/PreTokenGenerationConfig/LambdaVersion";
                let version = text(facts.input, version)?;
                if version == "V1_0" {
                    return None;
                }
                on_lite(facts, "Access Token Customization").await
            })
        }),
        source: "guide, Pre token generation Lambda trigger: V2_0 and V3_0 need Essentials or Plus",
    },
    Rule {
        name: "sign-in without a password on Lite",
        service: "cognito-idp",
        operations: BOTH,
        code: NOT_IN_TIER,
        when: When::Facts(|facts| {
            Box::pin(async {
                let allowed = "/Policies/SignInPolicy/AllowedFirstAuthFactors";
                if texts(facts.input, allowed).all(|factor| factor == "PASSWORD") {
                    return None;
                }
                on_lite(facts, "Passwordless Sign-In").await
            })
        }),
        source: "model, SignInPolicyType: Essentials or higher",
    },
    Rule {
        name: "password history on Lite",
        service: "cognito-idp",
        operations: BOTH,
        code: NOT_IN_TIER,
        when: When::Facts(|facts| {
            Box::pin(async {
                let size = "/Policies/PasswordPolicy/PasswordHistorySize";
                if facts.input.pointer(size)?.as_i64()? == 0 {
                    return None;
                }
                on_lite(facts, "Password History").await
            })
        }),
        source: "guide, User pool feature plans",
    },
    Rule {
        name: "down to Lite with codes by mail as a second factor",
        service: "cognito-idp",
        operations: UPDATE,
        code: NOT_IN_TIER,
        when: When::Facts(|facts| {
            Box::pin(async {
                if facts.input["UserPoolTier"] != "LITE" {
                    return None;
                }
                let factors = facts.factors().await?;
                given(factors, "/EmailMfaConfiguration").then(|| lacks("LITE", "Email MFA"))
            })
        }),
        source: "model, EmailMfaConfigType: Essentials or higher",
    },
];

/// The tier that a request leaves the pool with.
async fn tier(facts: &Facts<'_>) -> Option<String> {
    if let Some(tier) = facts.input["UserPoolTier"].as_str() {
        return Some(tier.to_owned());
    }
    if !given(facts.input, "/UserPoolId") {
        return Some("ESSENTIALS".to_owned());
    }
    let pool = facts.pool().await?;
    Some(
        pool["UserPoolTier"]
            .as_str()
            .unwrap_or("ESSENTIALS")
            .to_owned(),
    )
}

/// The refusal of a feature on the smallest tier; nothing on another.
pub(super) async fn on_lite(facts: &Facts<'_>, feature: &str) -> Option<String> {
    let tier = tier(facts).await?;
    (tier == "LITE").then(|| lacks(&tier, feature))
}

pub(super) fn lacks(tier: &str, feature: &str) -> String {
    format!(
        "The following features need to be disabled for the {tier} pricing tier configured: {feature}"
    )
}
