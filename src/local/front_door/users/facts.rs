//! What the emulator knows of a pool, an app client and a user; and which user a name means.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::Operation;
use super::attributes::{is_email, is_phone_number};
use super::factors::PoolFactors;
use crate::local::front_door::message::{EMAIL, PHONE};

/// An attribute people may sign in with beside their username, where a pool says so.
const PREFERRED_USERNAME: &str = "preferred_username";

/// A user pool as the emulator describes it.
pub(in crate::local::front_door) struct Pool {
    pub(in crate::local::front_door) id: String,
    pub(in crate::local::front_door) described: Value,
}

impl Pool {
    pub(super) fn new(id: &str, described: Value) -> Self {
        Self {
            id: id.to_owned(),
            described,
        }
    }

    pub(super) fn arn(&self) -> &str {
        self.described["Arn"].as_str().unwrap_or_default()
    }

    pub(super) fn account(&self) -> &str {
        self.arn().split(':').nth(4).unwrap_or_default()
    }

    pub(super) fn schema(&self) -> impl Iterator<Item = &Value> {
        let schema = self.described["SchemaAttributes"].as_array();
        schema.into_iter().flatten()
    }

    /// Whether letter case tells names apart. The API reference, UsernameConfigurationType: "true […]
    /// is the default value", so a pool that was made without the setting does.
    pub(super) fn is_case_sensitive(&self) -> bool {
        self.described
            .pointer("/UsernameConfiguration/CaseSensitive")
            != Some(&json!(false))
    }

    /// The same name in the pool's one spelling of it.
    pub(super) fn spelling(&self, name: &str) -> String {
        if self.is_case_sensitive() {
            name.to_owned()
        } else {
            name.to_lowercase()
        }
    }

    /// Whether two names are one.
    pub(super) fn are_same(&self, one: &str, other: &str) -> bool {
        self.spelling(one) == self.spelling(other)
    }

    pub(super) fn lists(&self, property: &str, value: &str) -> bool {
        let list = self.described[property].as_array();
        list.is_some_and(|list| list.iter().any(|item| item == value))
    }

    /// Whether addresses or numbers are the usernames, and Cognito makes up the names itself.
    pub(super) fn has_username_attributes(&self) -> bool {
        let list = self.described["UsernameAttributes"].as_array();
        list.is_some_and(|list| !list.is_empty())
    }

    /// The attribute that a name given at sign-up stands for.
    pub(super) fn username_attribute(&self, name: &str) -> Option<&'static str> {
        let takes = |attribute: &str| self.lists("UsernameAttributes", attribute);
        if takes(PHONE) && is_phone_number(name) {
            return Some(PHONE);
        }
        if takes(EMAIL) && is_email(name) {
            return Some(EMAIL);
        }
        None
    }

    /// Whether people sign in with this attribute, so that its value is one person's only.
    pub(super) fn signs_in_with(&self, attribute: &str) -> bool {
        self.lists("UsernameAttributes", attribute) || self.lists("AliasAttributes", attribute)
    }

    fn sign_in_attributes(&self) -> impl Iterator<Item = &'static str> {
        [EMAIL, PHONE, PREFERRED_USERNAME]
            .into_iter()
            .filter(|attribute| self.signs_in_with(attribute))
    }

    /// Whether the attribute's value is a name of this user: an alias has to be proved first.
    pub(super) fn is_name_of(&self, attribute: &str, user: &User) -> bool {
        self.lists("UsernameAttributes", attribute)
            || attribute == PREFERRED_USERNAME
            || user.is_verified(attribute)
    }

    /// Whether people may sign in with this as their first factor.
    pub(super) fn allows_first_factor(&self, factor: &str) -> bool {
        match self
            .described
            .pointer("/Policies/SignInPolicy/AllowedFirstAuthFactors")
            .and_then(Value::as_array)
        {
            Some(list) => list.iter().any(|item| item == factor),
            None => factor == "PASSWORD",
        }
    }

    /// Whether a new address or number waits until it is proved.
    pub(super) fn holds_back(&self, attribute: &str) -> bool {
        let setting = "/UserAttributeUpdateSettings/AttributesRequireVerificationBeforeUpdate";
        let list = self.described.pointer(setting).and_then(Value::as_array);
        list.is_some_and(|list| list.iter().any(|item| item == attribute))
    }
}

/// An app client as the emulator describes it.
pub(super) struct Client {
    pub(super) id: String,
    described: Value,
}

impl Client {
    pub(super) fn new(id: &str, described: Value) -> Self {
        Self {
            id: id.to_owned(),
            described,
        }
    }

    pub(super) fn secret(&self) -> Option<&str> {
        let secret = self.described["ClientSecret"].as_str();
        secret.filter(|secret| !secret.is_empty())
    }

    fn list(&self, name: &str) -> Option<Vec<&str>> {
        let list = self.described[name].as_array()?;
        let list: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
        (!list.is_empty()).then_some(list)
    }

    pub(super) fn write_attributes(&self) -> Option<Vec<&str>> {
        self.list("WriteAttributes")
    }

    pub(super) fn read_attributes(&self) -> Option<Vec<&str>> {
        self.list("ReadAttributes")
    }

    /// Whether it lets people in this way: by its list, by the older words for the same, or, without a
    /// list, by what the API reference gives every client.
    pub(super) fn allows(&self, flow: &str) -> bool {
        let Some(flows) = self.list("ExplicitAuthFlows") else {
            return ["REFRESH_TOKEN_AUTH", "USER_SRP_AUTH", "CUSTOM_AUTH"].contains(&flow);
        };
        if flows
            .iter()
            .any(|allowed| allowed.strip_prefix("ALLOW_") == Some(flow))
        {
            return true;
        }
        let old = |word: &str| flows.contains(&word);
        let is_old = !flows.iter().any(|allowed| allowed.starts_with("ALLOW_"));
        match flow {
            "USER_PASSWORD_AUTH" => old("USER_PASSWORD_AUTH"),
            "ADMIN_USER_PASSWORD_AUTH" => old("ADMIN_NO_SRP_AUTH"),
            "CUSTOM_AUTH" => old("CUSTOM_AUTH_FLOW_ONLY"),
            "REFRESH_TOKEN_AUTH" => is_old,
            "USER_SRP_AUTH" => is_old && !old("CUSTOM_AUTH_FLOW_ONLY"),
            _ => false,
        }
    }

    /// Whether it keeps secret who has an account.
    pub(super) fn hides_users(&self) -> bool {
        self.described["PreventUserExistenceErrors"] == "ENABLED"
    }

    /// Whether a refresh gives a new refresh token, which the older operation can't.
    pub(super) fn rotates_refresh_tokens(&self) -> bool {
        self.described.pointer("/RefreshTokenRotation/Feature") == Some(&json!("ENABLED"))
    }

    /// How long a refresh token stays good after its refresh, for retries.
    pub(super) fn retry_grace(&self) -> Duration {
        let seconds = self
            .described
            .pointer("/RefreshTokenRotation/RetryGracePeriodSeconds");
        Duration::from_secs(seconds.and_then(Value::as_u64).unwrap_or(0))
    }

    /// How long a sign-in may take from one challenge to its answer: three minutes unless it says more.
    pub(super) fn session_validity(&self) -> Duration {
        let minutes = self.described["AuthSessionValidity"].as_u64().unwrap_or(3);
        Duration::from_secs(minutes * 60)
    }
}

/// A user as the emulator describes them.
#[derive(Debug, Clone, Default)]
pub(in crate::local::front_door) struct User {
    pub(in crate::local::front_door) username: String,
    pub(in crate::local::front_door) status: String,
    pub(in crate::local::front_door) enabled: bool,
    pub(in crate::local::front_door) attributes: BTreeMap<String, String>,
    /// Whether the emulator would ask for a code of an authenticator app.
    pub(in crate::local::front_door) is_challenged: bool,
}

impl User {
    /// From AdminGetUser or an entry of ListUsers.
    fn of(found: &Value) -> Option<Self> {
        let attributes = found
            .get("UserAttributes")
            .or_else(|| found.get("Attributes"))?
            .as_array()?;
        let attributes = attributes.iter().filter_map(|attribute| {
            let value = match &attribute["Value"] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            Some((attribute["Name"].as_str()?.to_owned(), value))
        });
        let factors = found["UserMFASettingList"].as_array();
        Some(Self {
            username: found["Username"].as_str()?.to_owned(),
            status: found["UserStatus"].as_str().unwrap_or_default().to_owned(),
            enabled: found["Enabled"] != false,
            attributes: attributes.collect(),
            is_challenged: factors.is_some_and(|list| !list.is_empty()),
        })
    }

    pub(super) fn is_verified(&self, attribute: &str) -> bool {
        let flag = self.attributes.get(&format!("{attribute}_verified"));
        flag.is_some_and(|flag| flag == "true")
    }

    /// The name the person signs in with: the address where the pool uses addresses as usernames.
    pub(super) fn sign_in_name(&self, pool: &Value) -> &str {
        pool["UsernameAttributes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .find_map(|name| self.attributes.get(name))
            .unwrap_or(&self.username)
    }
}

impl Operation<'_> {
    pub(in crate::local::front_door) async fn pool(&self, pool_id: &str) -> Option<Pool> {
        let input = json!({ "UserPoolId": pool_id });
        let mut answer = self.ask("DescribeUserPool", &input).await?;
        Some(Pool::new(pool_id, answer["UserPool"].take()))
    }

    pub(super) async fn client_of(&self, pool_id: &str, client_id: &str) -> Option<Client> {
        let input = json!({ "UserPoolId": pool_id, "ClientId": client_id });
        let describe = "DescribeUserPoolClient";
        let mut answer = self.ask(describe, &input).await?;
        self.door.unkept.apply(describe, &input, &mut answer);
        self.door.users.implied.hide(&mut answer["UserPoolClient"]);
        Some(Client::new(client_id, answer["UserPoolClient"].take()))
    }

    /// The second factors of a pool. Asked for only where there are any.
    pub(super) async fn pool_factors(&self, pool: &Pool) -> PoolFactors {
        if pool.described["MfaConfiguration"].as_str().unwrap_or("OFF") == "OFF" {
            return PoolFactors::off();
        }
        let input = json!({ "UserPoolId": pool.id });
        match self.ask("GetUserPoolMfaConfig", &input).await {
            Some(config) => PoolFactors::of(&config),
            None => PoolFactors::off(),
        }
    }

    /// Looks a user up by a name in exactly this spelling.
    pub(super) async fn user(&self, pool: &Pool, name: &str) -> Option<User> {
        let input = json!({ "UserPoolId": pool.id, "Username": name });
        User::of(&self.ask("AdminGetUser", &input).await?)
    }

    /// Looks a user up by any name they go by, in any spelling the pool takes for the same.
    pub(super) async fn find_user(&self, pool: &Pool, name: &str) -> Option<User> {
        if let Some(user) = self.user(pool, name).await {
            return Some(user);
        }
        if !self.door.strict || pool.is_case_sensitive() {
            return None;
        }
        // Usernames are kept in lower case; addresses as they were given.
        let lower = name.to_lowercase();
        if lower != name
            && let Some(user) = self.user(pool, &lower).await
        {
            return Some(user);
        }
        for attribute in pool.sign_in_attributes() {
            let named = self.users_with(pool, attribute, name).await;
            let mut named = named.into_iter();
            if let Some(user) = named.find(|user| pool.is_name_of(attribute, user)) {
                return Some(user);
            }
        }
        None
    }

    /// Everybody with this value of an attribute, in any spelling that is the same to the pool.
    pub(super) async fn users_with(&self, pool: &Pool, attribute: &str, value: &str) -> Vec<User> {
        if value.is_empty() || value.contains(['"', '\\']) {
            return Vec::new();
        }
        let page = json!({
            "UserPoolId": pool.id,
            "Filter": format!("{attribute} = \"{value}\""),
        });
        let mut users = self.list_users(page).await;
        users.retain(|user| {
            let has = user.attributes.get(attribute);
            has.is_some_and(|has| pool.are_same(has, value))
        });
        users
    }

    pub(in crate::local::front_door) async fn every_user(&self, pool: &Pool) -> Vec<User> {
        self.list_users(json!({ "UserPoolId": pool.id })).await
    }

    async fn list_users(&self, mut page: Value) -> Vec<User> {
        let mut users = Vec::new();
        while let Some(found) = self.ask("ListUsers", &page).await {
            let list = found["Users"].as_array();
            users.extend(list.into_iter().flatten().filter_map(User::of));
            match found.get("PaginationToken") {
                Some(next) if next.is_string() => page["PaginationToken"] = next.clone(),
                _ => break,
            }
        }
        users
    }

    /// Somebody else who signs in with this value of an attribute.
    pub(super) async fn holder(
        &self,
        pool: &Pool,
        attribute: &str,
        value: &str,
        username: Option<&str>,
    ) -> Option<User> {
        if !pool.signs_in_with(attribute) {
            return None;
        }
        let users = self.users_with(pool, attribute, value).await;
        users.into_iter().find(|user| {
            Some(user.username.as_str()) != username && pool.is_name_of(attribute, user)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letter_case_counts_unless_the_pool_says_otherwise() {
        let pool = |setting| Pool::new("p", json!({ "UsernameConfiguration": setting }));
        assert!(pool(json!({ "CaseSensitive": true })).is_case_sensitive());
        assert!(Pool::new("p", json!({})).is_case_sensitive());
        let insensitive = pool(json!({ "CaseSensitive": false }));
        assert!(insensitive.are_same("Ada@Example.com", "ada@example.COM"));
        assert_eq!(insensitive.spelling("Ada"), "ada");
    }

    #[test]
    fn an_alias_is_a_name_once_it_is_proved() {
        let aliases = json!({ "AliasAttributes": ["email", "preferred_username"] });
        let pool = Pool::new("p", aliases);
        let mut user = User::default();
        assert!(!pool.is_name_of(EMAIL, &user));
        assert!(pool.is_name_of(PREFERRED_USERNAME, &user));
        user.attributes
            .insert("email_verified".into(), "true".into());
        assert!(pool.is_name_of(EMAIL, &user));
        assert!(pool.signs_in_with(EMAIL) && !pool.signs_in_with(PHONE));
        let pool = Pool::new(
            "p",
            json!({ "UsernameAttributes": ["email", "phone_number"] }),
        );
        assert!(pool.is_name_of(EMAIL, &User::default()));
        assert_eq!(pool.username_attribute("ada@b.c"), Some(EMAIL));
        assert_eq!(pool.username_attribute("+15555550100"), Some(PHONE));
        assert_eq!(pool.username_attribute("ada"), None);
    }

    #[test]
    fn a_client_lets_people_in_by_its_flows_alone() {
        let client = |flows: Value| Client::new("c", json!({ "ExplicitAuthFlows": flows }));
        let srp = client(json!(["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]));
        assert!(srp.allows("USER_SRP_AUTH") && srp.allows("REFRESH_TOKEN_AUTH"));
        assert!(!srp.allows("USER_PASSWORD_AUTH") && !srp.allows("USER_AUTH"));
        let old = client(json!(["ADMIN_NO_SRP_AUTH"]));
        assert!(old.allows("ADMIN_USER_PASSWORD_AUTH") && old.allows("REFRESH_TOKEN_AUTH"));
        assert!(!old.allows("USER_PASSWORD_AUTH"));
        let unlisted = Client::new("c", json!({}));
        assert!(unlisted.allows("USER_SRP_AUTH") && !unlisted.allows("USER_AUTH"));
    }
}
