//! What a user pool's requests say: one list of members, from which the bodies of CreateUserPool and
//! UpdateUserPool and what a read makes of DescribeUserPool all follow.
//!
//! UpdateUserPool sets what it isn't told to its default (its API reference; measured on AWS for
//! AutoVerifiedAttributes, go-to-k/cdkd), so a body is whole: what was read just before, with ours laid over it.
//! What AWS filled in by itself is left out again where AWS would refuse it.

use std::collections::BTreeMap;

use saasauth_contract::record::CUSTOM_PREFIX;
use saasauth_model::resource::user_pool::UserPool;
use saasauth_model::resource::{Kind, Live, Owner};
use serde_json::{Value, json};

use super::document::{Document, is_empty, laid_over, text};
use super::{live, with_arn};

/// A member of CreateUserPool, UpdateUserPool, or both.
struct Member {
    /// Its name in requests.
    name: &'static str,
    create: bool,
    update: bool,
    of: Of,
}

/// Whose a member is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// Declared as a whole. One that the declaration leaves out is somebody else's.
    Ours,
    /// Declared in part: the rest is somebody else's.
    Shared,
    /// Not declared: sent back as it was found.
    Theirs,
    /// Whether there is a second factor; `user_pool_mfa` says when it is sent.
    Mfa,
    /// Tags: ours, and those that others put beside them.
    Tags,
    /// Never sent.
    Left,
}

const fn both(name: &'static str, of: Of) -> Member {
    Member {
        name,
        create: true,
        update: true,
        of,
    }
}

const fn create(name: &'static str, of: Of) -> Member {
    Member {
        update: false,
        ..both(name, of)
    }
}

/// Every member of both requests: a test compares this list with the SDK and with the service model.
const MEMBERS: &[Member] = &[
    both("PoolName", Of::Ours),
    both("UserPoolTier", Of::Ours),
    both("DeletionProtection", Of::Ours),
    create("UsernameAttributes", Of::Ours),
    create("AliasAttributes", Of::Ours),
    create("UsernameConfiguration", Of::Ours),
    // Later ones are added by AddCustomAttributes.
    create("Schema", Of::Ours),
    both("AutoVerifiedAttributes", Of::Ours),
    // SignInPolicy is not ours.
    both("Policies", Of::Shared),
    both("VerificationMessageTemplate", Of::Ours),
    both("MfaConfiguration", Of::Mfa),
    both("AccountRecoverySetting", Of::Ours),
    // The text of invitations is not ours.
    both("AdminCreateUserConfig", Of::Shared),
    both("UserAttributeUpdateSettings", Of::Ours),
    // Neither is the address to reply to,
    both("EmailConfiguration", Of::Shared),
    // the region that messages are sent from where we name none,
    both("SmsConfiguration", Of::Shared),
    // what threat protection does beside its mode,
    both("UserPoolAddOns", Of::Shared),
    // and any trigger but our two.
    both("LambdaConfig", Of::Shared),
    both("UserPoolTags", Of::Tags),
    both("DeviceConfiguration", Of::Theirs),
    both("SmsAuthenticationMessage", Of::Theirs),
    both("KeyConfiguration", Of::Theirs),
    both("IssuerConfiguration", Of::Theirs),
    both("AcrConfiguration", Of::Theirs),
    // Stays as it is when left out (its documentation), and what is left out inside of it doesn't.
    both("DcrConfiguration", Of::Left),
    // These three are "no longer used": DescribeUserPool mirrors VerificationMessageTemplate in them.
    both("SmsVerificationMessage", Of::Left),
    both("EmailVerificationMessage", Of::Left),
    both("EmailVerificationSubject", Of::Left),
];

/// Parts of shared members that are ours even where the declaration has none: without them Cognito's default
/// applies, and what an earlier declaration put there must not stay.
const OURS_WITHIN: [(&str, &str); 4] = [
    ("EmailConfiguration", "From"),
    ("EmailConfiguration", "SourceArn"),
    ("EmailConfiguration", "ConfigurationSet"),
    // DescribeUserPool answers 7 unasked, and sent back beside TemporaryPasswordValidityDays it is refused
    // (pulumi-aws-native#1256).
    ("AdminCreateUserConfig", "UnusedAccountValidityDays"),
];

impl Member {
    /// Its name in a declaration, which is CloudFormation's.
    fn declared(&self) -> &'static str {
        match self.name {
            "PoolName" => "UserPoolName",
            name => name,
        }
    }

    /// Its name in an answer.
    fn described(&self) -> &'static str {
        match self.name {
            "PoolName" => "Name",
            "Schema" => "SchemaAttributes",
            name => name,
        }
    }

    /// What is there of it, without what AWS filled in by itself and would not take back.
    fn found(&self, now: &Document) -> Option<Value> {
        let mut value = now.get(self.described())?.clone();
        match (self.name, value.as_object_mut()) {
            ("VerificationMessageTemplate", Some(template)) => {
                let by_link = text(template, "DefaultEmailOption") == Some("CONFIRM_WITH_LINK");
                let other = if by_link {
                    ["EmailMessage", "EmailSubject"]
                } else {
                    ["EmailMessageByLink", "EmailSubjectByLink"]
                };
                template.retain(|name, _| !other.contains(&name.as_str()));
            }
            ("AdminCreateUserConfig", Some(config)) => {
                config.remove("UnusedAccountValidityDays");
            }
            // AWS writes these; nobody else may.
            ("UserPoolTags", Some(tags)) => tags.retain(|key, _| !key.starts_with("aws:")),
            _ => {}
        }
        (!is_empty(&value)).then_some(value)
    }
}

/// CreateUserPool's body.
pub(super) fn to_create(pool: &UserPool<String>) -> Document {
    let declared = declared(pool);
    let members = MEMBERS.iter().filter(|member| member.create);
    let members = members.filter(|member| matches!(member.of, Of::Ours | Of::Shared | Of::Tags));
    let members = members.filter_map(|member| {
        let value = declared.get(member.declared())?;
        Some((member.name.to_owned(), value.clone()))
    });
    members.collect()
}

/// A body of UpdateUserPool that changes nothing.
pub(super) fn as_it_is(id: &str, now: &Document) -> Document {
    let members = MEMBERS.iter().filter(|member| member.update);
    let members = members.filter(|member| member.of != Of::Left);
    let mut body: Document = members
        .filter_map(|member| Some((member.name.to_owned(), member.found(now)?)))
        .collect();
    body.insert("UserPoolId".to_owned(), json!(id));
    // Left out it stays as it is (measured on AWS, go-to-k/cdkd); off it need not be said, since that is its
    // default as well.
    if text(&body, "MfaConfiguration") == Some("OFF") {
        body.remove("MfaConfiguration");
    }
    body
}

/// A body of UpdateUserPool with what is declared laid over what is there; the second factor stays as it is.
///
/// `planned` is what the plan read: a tag that was there then and isn't declared has left the file.
pub(super) fn to_update(
    id: &str,
    pool: &UserPool<String>,
    now: &Document,
    planned: &Value,
    owner: &Owner,
) -> Document {
    let declared = declared(pool);
    let mut body = as_it_is(id, now);
    for (within, name) in OURS_WITHIN {
        if let Some(Value::Object(part)) = body.get_mut(within) {
            part.remove(name);
        }
    }
    if pool.sms_configuration.is_none() && is_left_over(body.get("SmsConfiguration"), owner) {
        body.remove("SmsConfiguration");
    }
    for member in MEMBERS.iter().filter(|member| member.update) {
        let Some(ours) = declared.get(member.declared()) else {
            continue;
        };
        let theirs = body.remove(member.name).unwrap_or_default();
        let value = match member.of {
            Of::Ours => ours.clone(),
            Of::Shared => laid_over(theirs, ours.clone()),
            Of::Tags => with_tags_of_others(theirs, ours, &planned["UserPoolTags"]),
            Of::Theirs | Of::Mfa | Of::Left => theirs,
        };
        if !value.is_null() {
            body.insert(member.name.to_owned(), value);
        }
    }
    fit(&mut body, pool);
    body
}

/// Has the pool let go of the triggers of this stage; those of others stay.
pub(super) fn let_go_of_triggers(body: &mut Document, owner: &Owner) {
    let ours = ["confirm-user", "generate-token"]
        .map(|thing| saasauth_model::topology::physical(&owner.project, &owner.stage, thing));
    // `arn:…:function:NAME`, and an alias behind it perhaps.
    let is_ours = |arn: &Value| {
        let name = arn.as_str().and_then(|arn| arn.split(':').nth(6));
        name.is_some_and(|name| ours.iter().any(|ours| ours == name))
    };
    let mut config = match body.remove("LambdaConfig") {
        Some(Value::Object(config)) => config,
        _ => Document::new(),
    };
    config.retain(|name, value| match name.as_str() {
        "PreTokenGenerationConfig" => !is_ours(&value["LambdaArn"]),
        _ => !is_ours(value),
    });
    // Said even when there is none left: left out it might stay.
    body.insert("LambdaConfig".to_owned(), Value::Object(config));
}

/// The declaration's members; our own triggers as Cognito wants them.
fn declared(pool: &UserPool<String>) -> Document {
    // Text, numbers, booleans, lists and maps: it always has a spelling.
    let Ok(Value::Object(mut declared)) = serde_json::to_value(pool) else {
        return Document::new();
    };
    let config = pool.lambda_config.as_ref();
    if let Some(trigger) = config.and_then(|config| config.pre_token_generation_config.as_ref()) {
        // The older field must name the same function, or Cognito refuses the request.
        declared["LambdaConfig"]["PreTokenGeneration"] = json!(trigger.lambda_arn);
    }
    declared
}

/// Takes out what was found and doesn't go with what is declared.
fn fit(body: &mut Document, pool: &UserPool<String>) {
    if pool.user_pool_tier != "PLUS" && pool.user_pool_add_ons.is_none() {
        // FeatureUnavailableInTierException otherwise (terraform-provider-aws#40734).
        let mode = body
            .get("UserPoolAddOns")
            .map(|add_ons| &add_ons["AdvancedSecurityMode"]);
        if mode.is_some_and(|mode| mode != "OFF") {
            let off = json!({ "AdvancedSecurityMode": "OFF" });
            body.insert("UserPoolAddOns".to_owned(), off);
        }
    }
    if let (true, Some(Value::Object(policies))) =
        (pool.user_pool_tier == "LITE", body.get_mut("Policies"))
    {
        // Choice of the first factor begins with Essentials.
        policies.remove("SignInPolicy");
    }
    if let (Some(_), Some(Value::Object(sms))) =
        (&pool.sms_configuration, body.get_mut("SmsConfiguration"))
    {
        // One way of sending at a time: either SNS or End User Messaging.
        sms.remove("EumsSms");
    }
}

/// Whether text messages are sent through the role of this stage.
fn is_left_over(sms: Option<&Value>, owner: &Owner) -> bool {
    let name = saasauth_model::topology::physical(&owner.project, &owner.stage, "sms");
    sms.is_some_and(|sms| {
        let role = sms["SnsCallerArn"].as_str().unwrap_or_default();
        let role = role.rsplit('/').next().unwrap_or_default();
        // Roles of newer deploys have the region behind their name.
        let is_ours = role == name || role.starts_with(&format!("{name}-"));
        is_ours || sms["ExternalId"] == name.as_str()
    })
}

fn with_tags_of_others(theirs: Value, ours: &Value, planned: &Value) -> Value {
    let mut tags = match theirs {
        Value::Object(tags) => tags,
        _ => Document::new(),
    };
    tags.retain(|key, _| planned.get(key).is_none());
    laid_over(Value::Object(tags), ours.clone())
}

/// What a read makes of DescribeUserPool's answer: the members of a declaration, in its spelling.
pub(super) fn as_live(id: &str, now: &Document, factors: Option<Vec<&'static str>>) -> Live {
    let declared = MEMBERS
        .iter()
        .filter(|member| !matches!(member.of, Of::Theirs | Of::Left));
    let mut properties: Document = declared
        .filter_map(|member| {
            let value = now.get(member.described())?.clone();
            Some((member.declared().to_owned(), value))
        })
        .filter(|(_, value)| !is_empty(value))
        .collect();
    let defaults = json!({
        "UserPoolTier": "ESSENTIALS",
        "DeletionProtection": "INACTIVE",
        // Pools without the setting are case sensitive: it came later than they did.
        "UsernameConfiguration": { "CaseSensitive": true },
        "MfaConfiguration": "OFF",
        "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": false },
        "EmailConfiguration": { "EmailSendingAccount": "COGNITO_DEFAULT" },
        // Cognito leaves a history of none out.
        "Policies": { "PasswordPolicy": { "PasswordHistorySize": 0 } },
    });
    if let Value::Object(whole) = laid_over(defaults, Value::Object(properties)) {
        properties = whole;
    } else {
        properties = Document::new();
    }
    if let Some(Value::Object(config)) = properties.get_mut("LambdaConfig")
        && let Some(function) = config.get("PreTokenGeneration").cloned()
    {
        // The older field alone is the same with the first version of the event.
        let older = json!({ "LambdaArn": function, "LambdaVersion": "V1_0" });
        config.entry("PreTokenGenerationConfig").or_insert(older);
    }
    if let Some(Value::Array(attributes)) = properties.get_mut("Schema") {
        for attribute in attributes {
            // Cognito answers with the prefix it adds to our names.
            let name = attribute["Name"].as_str().unwrap_or_default();
            attribute["Name"] = json!(name.strip_prefix(CUSTOM_PREFIX).unwrap_or(name));
            let defaults = json!({ "Mutable": true, "Required": false });
            *attribute = laid_over(defaults, attribute.take());
        }
    }
    let tags: BTreeMap<String, String> = match properties.remove("UserPoolTags") {
        Some(Value::Object(tags)) => tags
            .into_iter()
            .filter(|(key, _)| !key.starts_with("aws:"))
            .filter_map(|(key, value)| Some((key, value.as_str()?.to_owned())))
            .collect(),
        _ => BTreeMap::new(),
    };
    let owner = Owner::from_tags(
        tags.iter()
            .map(|(key, value)| (key.as_str(), value.as_str())),
    );
    properties.insert("UserPoolTags".to_owned(), json!(tags));
    properties.insert("EnabledMfas".to_owned(), json!(factors));
    let mut found = with_arn(
        live(Kind::UserPool, id, Value::Object(properties)),
        text(now, "Arn"),
    );
    found.owner = owner;
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use aws_sdk_cognitoidentityprovider::operation::create_user_pool::CreateUserPoolInput;
    use aws_sdk_cognitoidentityprovider::operation::update_user_pool::UpdateUserPoolInput;

    use super::super::document::{members_of, members_of_sdk};
    use super::*;

    fn owner() -> Owner {
        Owner {
            project: "acme".to_owned(),
            stage: "dev".to_owned(),
        }
    }

    fn declared(changes: Value) -> UserPool<String> {
        let pool = json!({
            "UserPoolName": "acme-dev-users",
            "UserPoolTier": "ESSENTIALS",
            "DeletionProtection": "ACTIVE",
            "UsernameAttributes": ["email"],
            "UsernameConfiguration": { "CaseSensitive": false },
            "AutoVerifiedAttributes": ["email"],
            "Schema": [],
            "Policies": { "PasswordPolicy": {
                "MinimumLength": 14, "RequireLowercase": true, "RequireUppercase": true,
                "RequireNumbers": true, "RequireSymbols": false, "TemporaryPasswordValidityDays": 7,
            } },
            "VerificationMessageTemplate": {
                "DefaultEmailOption": "CONFIRM_WITH_CODE", "EmailSubject": "Your code",
                "EmailMessage": "{####}", "SmsMessage": "{####}",
            },
            "MfaConfiguration": "OFF",
            "AccountRecoverySetting": { "RecoveryMechanisms": [{ "Name": "verified_email", "Priority": 1 }] },
            "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": false },
            "UserAttributeUpdateSettings": { "AttributesRequireVerificationBeforeUpdate": ["email"] },
            "EmailConfiguration": { "EmailSendingAccount": "COGNITO_DEFAULT" },
            "LambdaConfig": {
                "PostConfirmation": "arn:confirm",
                "PreTokenGenerationConfig": { "LambdaArn": "arn:token", "LambdaVersion": "V2_0" },
            },
            "UserPoolTags": { "team": "identity" },
        });
        serde_json::from_value(laid_over(pool, changes)).expect("it is a pool")
    }

    fn document(value: Value) -> Document {
        match value {
            Value::Object(members) => members,
            other => panic!("{other}"),
        }
    }

    /// A pool as DescribeUserPool answers on AWS, with what it fills in by itself.
    fn described(changes: Value) -> Document {
        let pool = json!({
            "Id": "p",
            "Arn": "arn:aws:cognito-idp:eu-west-1:1:userpool/p",
            "Name": "acme-dev-users",
            "Status": "Enabled",
            "CreationDate": 1.5,
            "EstimatedNumberOfUsers": 3,
            "Domain": "acme",
            "SchemaAttributes": [{ "Name": "sub", "AttributeDataType": "String", "Required": true }],
            "UserPoolTier": "ESSENTIALS",
            "DeletionProtection": "ACTIVE",
            "UsernameAttributes": ["email"],
            "UsernameConfiguration": { "CaseSensitive": false },
            "AutoVerifiedAttributes": ["email"],
            "MfaConfiguration": "OFF",
            "EmailVerificationMessage": "{####}",
            "EmailVerificationSubject": "Your code",
            "SmsVerificationMessage": "{####}",
            "SmsAuthenticationMessage": "",
            "VerificationMessageTemplate": {
                "DefaultEmailOption": "CONFIRM_WITH_CODE", "EmailSubject": "Your code",
                "EmailMessage": "{####}", "EmailMessageByLink": "{##here##}",
                "EmailSubjectByLink": "Your link", "SmsMessage": "{####}",
            },
            "AdminCreateUserConfig": {
                "AllowAdminCreateUserOnly": false, "UnusedAccountValidityDays": 7,
            },
            "Policies": { "PasswordPolicy": {
                "MinimumLength": 8, "TemporaryPasswordValidityDays": 7,
            } },
            "EmailConfiguration": { "EmailSendingAccount": "COGNITO_DEFAULT" },
            "LambdaConfig": {},
            "SmsConfiguration": {},
            "UserPoolTags": { "team": "identity", "aws:cloudformation:stack-name": "x" },
        });
        document(laid_over(pool, changes))
    }

    /// Whatever others may have set, or a later Cognito may answer.
    fn of_others() -> Value {
        json!({
            "Policies": { "SignInPolicy": { "AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"] } },
            "AdminCreateUserConfig": { "InviteMessageTemplate": { "EmailMessage": "Come in: {####}" } },
            "EmailConfiguration": { "ReplyToEmailAddress": "help@acme.com" },
            "LambdaConfig": {
                "CustomMessage": "arn:theirs",
                "CustomEmailSender": { "LambdaArn": "arn:theirs", "LambdaVersion": "V1_0" },
                "KMSKeyID": "arn:key",
                "ATriggerOfTomorrow": "arn:theirs",
            },
            "SmsConfiguration": { "SnsCallerArn": "arn:aws:iam::1:role/theirs", "SnsRegion": "us-east-1" },
            "SmsAuthenticationMessage": "{####} it is",
            "DeviceConfiguration": { "ChallengeRequiredOnNewDevice": true },
            "KeyConfiguration": { "KeyType": "CUSTOMER_MANAGED_KEY", "KmsKeyArn": "arn:key" },
            "IssuerConfiguration": { "Type": "UPDATED" },
            "AcrConfiguration": { "high": { "Factors": ["x"] } },
            "UserPoolTags": { "cost-centre": "12" },
        })
    }

    #[test]
    fn every_member_of_the_requests_is_accounted_for() {
        let named = |of: fn(&Member) -> bool| -> BTreeSet<String> {
            let members = MEMBERS.iter().filter(|member| of(member));
            members.map(|member| member.name.to_owned()).collect()
        };
        let mut update = named(|member| member.update);
        update.insert("UserPoolId".to_owned());
        assert_eq!(named(|member| member.create), members_of("CreateUserPool"));
        assert_eq!(update, members_of("UpdateUserPool"));
        let create = CreateUserPoolInput::builder().build().expect("it is built");
        let known = members_of_sdk(&create);
        let all = named(|member| member.create);
        assert!(known.is_subset(&all), "{:?}", known.difference(&all));
        let request = UpdateUserPoolInput::builder().build().expect("it is built");
        let known = members_of_sdk(&request);
        assert!(known.is_subset(&update), "{:?}", known.difference(&update));
        assert!(known.contains("UserPoolTags"), "{known:?}");
    }

    #[test]
    fn what_aws_fills_in_is_not_sent_back() {
        let now = described(json!({}));
        let bodies = [
            as_it_is("p", &now),
            to_update("p", &declared(json!({})), &now, &json!({}), &owner()),
        ];
        for body in bodies {
            let members = members_of("UpdateUserPool");
            assert!(body.keys().all(|name| members.contains(name)), "{body:?}");
            assert_eq!(
                body["AdminCreateUserConfig"],
                json!({ "AllowAdminCreateUserOnly": false })
            );
            let template = &body["VerificationMessageTemplate"];
            assert_eq!(template["EmailMessage"], "{####}");
            assert!(template.get("EmailMessageByLink").is_none(), "{template}");
            assert!(template.get("EmailSubjectByLink").is_none(), "{template}");
            for name in [
                "MfaConfiguration",
                "SmsConfiguration",
                "SmsAuthenticationMessage",
                "EmailVerificationMessage",
            ] {
                assert!(!body.contains_key(name), "{name}: {body:?}");
            }
            assert_eq!(body["UserPoolTags"], json!({ "team": "identity" }));
        }
        let by_link =
            json!({ "VerificationMessageTemplate": { "DefaultEmailOption": "CONFIRM_WITH_LINK" } });
        let body = as_it_is("p", &described(by_link));
        let template = &body["VerificationMessageTemplate"];
        assert_eq!(template["EmailMessageByLink"], "{##here##}");
        assert!(template.get("EmailMessage").is_none(), "{template}");
    }

    #[test]
    fn what_others_set_is_sent_back_under_ours() {
        let now = described(of_others());
        let untouched = as_it_is("p", &now);
        let body = to_update("p", &declared(json!({})), &now, &json!({}), &owner());
        for body in [&untouched, &body] {
            for (name, value) in document(of_others()) {
                let there = body[&name].clone();
                assert_eq!(laid_over(there.clone(), value), there, "{name}");
            }
        }
        assert_eq!(body["Policies"]["PasswordPolicy"]["MinimumLength"], 14);
        assert_eq!(body["LambdaConfig"]["PostConfirmation"], "arn:confirm");
        assert_eq!(body["LambdaConfig"]["PreTokenGeneration"], "arn:token");
        assert_eq!(
            body["EmailConfiguration"]["EmailSendingAccount"],
            "COGNITO_DEFAULT"
        );
    }

    #[test]
    fn a_tag_that_left_the_file_goes_and_one_of_others_stays() {
        let tags = json!({ "UserPoolTags": { "old": "x", "cost-centre": "12" } });
        let planned = json!({ "UserPoolTags": { "old": "x", "team": "identity" } });
        let now = described(tags);
        let body = to_update("p", &declared(json!({})), &now, &planned, &owner());
        assert_eq!(
            body["UserPoolTags"],
            json!({ "team": "identity", "cost-centre": "12" })
        );
    }

    #[test]
    fn what_an_earlier_declaration_left_does_not_stay() {
        let now = described(json!({
            "EmailConfiguration": {
                "EmailSendingAccount": "DEVELOPER", "From": "a@acme.com", "SourceArn": "arn:identity",
                "ConfigurationSet": "set", "ReplyToEmailAddress": "help@acme.com",
            },
            "SmsConfiguration": { "SnsCallerArn": "arn:aws:iam::1:role/acme-dev-sms", "ExternalId": "acme-dev-sms" },
            "UserPoolTier": "PLUS",
            "UserPoolAddOns": { "AdvancedSecurityMode": "ENFORCED" },
        }));
        let body = to_update("p", &declared(json!({})), &now, &json!({}), &owner());
        assert_eq!(
            body["EmailConfiguration"],
            json!({ "EmailSendingAccount": "COGNITO_DEFAULT", "ReplyToEmailAddress": "help@acme.com" })
        );
        assert!(!body.contains_key("SmsConfiguration"), "{body:?}");
        assert_eq!(
            body["UserPoolAddOns"],
            json!({ "AdvancedSecurityMode": "OFF" })
        );
        // Lifting the protection changes none of it.
        let whole = as_it_is("p", &now);
        assert_eq!(whole["SmsConfiguration"]["ExternalId"], "acme-dev-sms");
        assert_eq!(whole["UserPoolAddOns"]["AdvancedSecurityMode"], "ENFORCED");
    }

    #[test]
    fn a_pool_lets_go_of_our_triggers_alone() {
        let arn = |name: &str| format!("arn:aws:lambda:eu-west-1:1:function:{name}");
        let now = described(json!({ "LambdaConfig": {
            "PostConfirmation": arn("acme-dev-confirm-user"),
            "PreTokenGeneration": arn("acme-dev-generate-token"),
            "PreTokenGenerationConfig": { "LambdaArn": arn("acme-dev-generate-token") },
            "CustomMessage": arn("acme-dev-confirm-user-of-others"),
            "KMSKeyID": "arn:aws:kms:eu-west-1:1:key/acme-dev-confirm-user",
        } }));
        let mut body = as_it_is("p", &now);
        let_go_of_triggers(&mut body, &owner());
        let left = document(body["LambdaConfig"].clone());
        assert_eq!(
            left.keys().collect::<Vec<_>>(),
            ["CustomMessage", "KMSKeyID"]
        );
    }

    #[test]
    fn a_read_is_in_the_spelling_of_a_declaration() {
        let pool = declared(json!({ "LambdaConfig": null }));
        let body = to_create(&pool);
        assert!(!body.contains_key("UserPoolName") && body["PoolName"] == "acme-dev-users");
        let mut now = body;
        now.insert("Name".to_owned(), now["PoolName"].clone());
        now.insert("Arn".to_owned(), json!("arn"));
        let found = as_live("p", &now, None);
        let properties = serde_json::to_value(&pool).expect("it serialises");
        for (name, value) in document(properties) {
            assert!(
                is_empty(&value)
                    || found.properties[&name]
                        == laid_over(found.properties[&name].clone(), value.clone()),
                "{name}: {value}"
            );
        }
        assert_eq!(found.attributes["Arn"], "arn");
        assert_eq!(found.owner, None);
    }
}
