//! User pools and clients as AWS keeps and describes them, where the emulator does otherwise: what an update leaves out
//! is reset, SetUserPoolMfaConfig replaces all there was, and descriptions hold what AWS fills in by itself.
//!
//! What a request leaves out is filled in on its way to the emulator, so that the emulator still owns the state.

use serde_json::{Map, Value, json};

use super::Door;
use super::call::{Call, Reply};
use super::cognito;
use super::scope::Scope;

/// What an update resets, and to what, by the API reference of UpdateUserPool: "If you don't provide a value for an
/// attribute, Amazon Cognito sets it to its default value."
///
/// Not all of it is so. Measured to be kept: Policies with both its members, MfaConfiguration (go-to-k/cdkd#1982,
/// #2675), UserAttributeUpdateSettings (ekristen/aws-nuke#477); and UserPoolTier, PoolName and DcrConfiguration by
/// their own descriptions in the model.
fn reset_by_pool_update() -> [(&'static str, Value); 12] {
    [
        ("AccountRecoverySetting", json!({})),
        (
            "AdminCreateUserConfig",
            json!({ "AllowAdminCreateUserOnly": false }),
        ),
        ("AutoVerifiedAttributes", json!([])),
        ("DeletionProtection", json!("INACTIVE")),
        ("DeviceConfiguration", Value::Null),
        (
            "EmailConfiguration",
            json!({ "EmailSendingAccount": "COGNITO_DEFAULT" }),
        ),
        ("LambdaConfig", json!({})),
        ("SmsAuthenticationMessage", Value::Null),
        ("SmsConfiguration", json!({})),
        ("UserPoolAddOns", Value::Null),
        ("UserPoolTags", json!({})),
        (
            "VerificationMessageTemplate",
            json!({ "DefaultEmailOption": "CONFIRM_WITH_CODE" }),
        ),
    ]
}

/// The same for UpdateUserPoolClient, whose reference has the same sentence.
fn reset_by_client_update() -> [(&'static str, Value); 15] {
    [
        ("AccessTokenValidity", Value::Null),
        ("AllowedOAuthFlows", json!([])),
        ("AllowedOAuthFlowsUserPoolClient", json!(false)),
        ("AllowedOAuthScopes", json!([])),
        ("AuthSessionValidity", json!(3)),
        ("CallbackURLs", json!([])),
        ("DefaultRedirectURI", Value::Null),
        ("ExplicitAuthFlows", json!([])),
        ("IdTokenValidity", Value::Null),
        ("LogoutURLs", json!([])),
        ("ReadAttributes", json!([])),
        ("RefreshTokenValidity", json!(30)),
        ("SupportedIdentityProviders", json!([])),
        ("TokenValidityUnits", json!({})),
        ("WriteAttributes", json!([])),
    ]
}

/// The blocks of SetUserPoolMfaConfig. One that is left out goes (go-to-k/cdkd#791).
const FACTORS: [&str; 4] = [
    "SmsMfaConfiguration",
    "SoftwareTokenMfaConfiguration",
    "EmailMfaConfiguration",
    "WebAuthnConfiguration",
];

/// For how many days an invitation is good, unasked.
const INVITATION_DAYS: i64 = 7;

/// Answers a Cognito operation as AWS does.
pub(super) async fn answer(door: &Door, mut call: Call, action: &str) -> Reply {
    let input = serde_json::from_slice::<Value>(&call.body).unwrap_or_default();
    let scope = Scope::of(&call.headers).map_or_else(Scope::ambient, |(scope, _)| scope);
    let pools = Pools {
        door,
        scope: &scope,
        id: &input["UserPoolId"],
    };
    if let Some(whole) = pools.whole(action, &input).await {
        call.body = whole.to_string().into();
    }
    let reply = cognito::answer(door, call, action).await;
    let Some(mut answer) = reply.is_success().then(|| reply.json()).flatten() else {
        return reply;
    };
    match action {
        "CreateUserPool" | "DescribeUserPool" => described_pool(&mut answer["UserPool"]),
        "CreateUserPoolClient" | "DescribeUserPoolClient" | "UpdateUserPoolClient" => {
            drop_unset(&mut answer["UserPoolClient"]);
        }
        "SetUserPoolMfaConfig" => pools.adopt_text_messages(&input).await,
        "GetUserPoolMfaConfig" => pools.show_text_messages(&mut answer).await,
        "UpdateUserPool" | "DeleteUserPool" | "DeleteUserPoolClient" => {}
        _ => return reply,
    }
    door.unkept.apply(action, &input, &mut answer);
    reply.with_json(&answer)
}

/// One request's pool.
struct Pools<'a> {
    door: &'a Door,
    scope: &'a Scope,
    id: &'a Value,
}

impl Pools<'_> {
    /// The request with all that AWS would understand by what it leaves out; nothing when that is nothing.
    async fn whole(&self, action: &str, input: &Value) -> Option<Value> {
        let mut whole = input.as_object()?.clone();
        match action {
            "UpdateUserPool" => {
                for (name, default) in reset_by_pool_update() {
                    fill(&mut whole, name, default);
                }
                self.keep_policies(&mut whole).await;
            }
            "UpdateUserPoolClient" => {
                for (name, default) in reset_by_client_update() {
                    fill(&mut whole, name, default);
                }
            }
            "SetUserPoolMfaConfig" => {
                fill(&mut whole, "MfaConfiguration", json!("OFF"));
                for factor in FACTORS {
                    // Passkeys are no second factor, and stay where MFA is off.
                    if whole["MfaConfiguration"] == "OFF" && factor != "WebAuthnConfiguration" {
                        whole.remove(factor);
                    }
                    fill(&mut whole, factor, Value::Null);
                }
            }
            _ => return None,
        }
        Some(Value::Object(whole))
    }

    /// An update that sends one of both policies keeps the other.
    async fn keep_policies(&self, whole: &mut Map<String, Value>) {
        let Some(policies) = whole.get_mut("Policies").and_then(Value::as_object_mut) else {
            return;
        };
        if let Some(pool) = self.describe().await
            && let Some(kept) = pool["Policies"].as_object()
        {
            for (name, policy) in kept {
                fill(policies, name, policy.clone());
            }
        }
    }

    async fn describe(&self) -> Option<Value> {
        let input = json!({ "UserPoolId": self.id });
        let upstream = &self.door.upstream;
        let mut answer = upstream
            .cognito(self.scope, "DescribeUserPool", &input)
            .await
            .ok()?;
        Some(answer["UserPool"].take())
    }

    /// How text messages are sent is one setting of a pool, whichever request sets it; and the message of a factor that
    /// goes, goes with it.
    async fn adopt_text_messages(&self, input: &Value) {
        let sms = &input["SmsMfaConfiguration"];
        let mut update = json!({
            "UserPoolId": self.id,
            "SmsAuthenticationMessage": sms["SmsAuthenticationMessage"],
        });
        if sms["SmsConfiguration"].is_object() {
            update["SmsConfiguration"] = sms["SmsConfiguration"].clone();
        }
        // The emulator's own update changes nothing but what it is sent. A pool that is gone by now has no messages.
        let _ = self
            .door
            .upstream
            .cognito(self.scope, "UpdateUserPool", &update)
            .await;
    }

    async fn show_text_messages(&self, answer: &mut Value) {
        if answer["SmsMfaConfiguration"].is_object()
            && let Some(pool) = self.describe().await
            && pool["SmsConfiguration"]["SnsCallerArn"].is_string()
        {
            answer["SmsMfaConfiguration"]["SmsConfiguration"] = pool["SmsConfiguration"].clone();
        }
    }
}

fn fill(whole: &mut Map<String, Value>, name: &str, default: Value) {
    if whole.get(name).is_none_or(Value::is_null) {
        whole.insert(name.to_owned(), default);
    }
}

/// Puts a pool as AWS describes it: with what Cognito fills in, and without what was never set.
fn described_pool(pool: &mut Value) {
    if !pool.is_object() {
        return;
    }
    // Both are answered unasked: pulumi/pulumi-aws-native#1256.
    for (at, name) in [
        ("/AdminCreateUserConfig", "UnusedAccountValidityDays"),
        ("/Policies/PasswordPolicy", "TemporaryPasswordValidityDays"),
    ] {
        if let Some(members) = pool.pointer_mut(at).and_then(Value::as_object_mut) {
            // Zero counts as nothing said.
            if members
                .get(name)
                .and_then(Value::as_i64)
                .unwrap_or_default()
                == 0
            {
                members.insert(name.to_owned(), json!(INVITATION_DAYS));
            }
        }
    }
    if let Some(admin) = pool["AdminCreateUserConfig"].as_object_mut() {
        fill(admin, "AllowAdminCreateUserOnly", json!(false));
    }
    drop_unset(pool);
}

/// The emulator answers an empty text or nothing for what was never set; AWS leaves it out.
fn drop_unset(described: &mut Value) {
    if let Some(members) = described.as_object_mut() {
        members.retain(|name, value| match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Object(inner) => name != "SmsConfiguration" || !inner.is_empty(),
            _ => true,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_has_what_aws_fills_in_and_nothing_that_was_never_set() {
        let mut pool = json!({
            "Id": "eu-west-1_Abc",
            "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": true, "UnusedAccountValidityDays": 0 },
            "Policies": { "PasswordPolicy": { "TemporaryPasswordValidityDays": 3 } },
            "SmsAuthenticationMessage": "",
            "DeviceConfiguration": null,
            "SmsConfiguration": {},
            "LambdaConfig": {},
        });
        described_pool(&mut pool);
        assert_eq!(
            pool,
            json!({
                "Id": "eu-west-1_Abc",
                "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": true, "UnusedAccountValidityDays": 7 },
                "Policies": { "PasswordPolicy": { "TemporaryPasswordValidityDays": 3 } },
                "LambdaConfig": {},
            })
        );
        let mut pool = json!({ "AdminCreateUserConfig": {}, "Policies": { "PasswordPolicy": {} } });
        described_pool(&mut pool);
        assert_eq!(
            pool,
            json!({
                "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": false, "UnusedAccountValidityDays": 7 },
                "Policies": { "PasswordPolicy": { "TemporaryPasswordValidityDays": 7 } },
            })
        );
    }
}
