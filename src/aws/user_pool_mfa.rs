//! Second factors: what SetUserPoolMfaConfig says, and in which order it and UpdateUserPool are sent when a pool
//! goes from one combination of factors, text messages, mail and recovery to another.
//!
//! Each request is checked against what is there, so the order decides. What is relied on, as seen on AWS:
//! - SetUserPoolMfaConfig replaces everything: a factor, or the passkeys' settings, that it leaves out are gone
//!   (go-to-k/cdkd#791). `OFF` beside any factor, even one that isn't enabled, is refused; passkeys are no factor
//!   (cdkd#1923).
//! - UpdateUserPool can switch the second factor off (cdkd, measured), and never on
//!   (cloudformation-coverage-roadmap#1176). Left out, it stays.
//! - Factors need what they use: text messages an SMS configuration, mail a sender of one's own; and recovery must
//!   not be by a factor's channel alone (terraform-provider-aws#41049). So what a new factor needs comes before it,
//!   and goes after an old one.
//! - While a pool verifies phones, SetUserPoolMfaConfig without text messages is refused, `OFF` included
//!   (terraform-provider-aws#28294); while it has an SMS configuration and a second factor, text messages have to be
//!   one of them (amplify-backend#1481).

use std::collections::BTreeSet;

use saasauth_model::resource::Owner;
use saasauth_model::resource::user_pool::UserPool;
use serde_json::{Value, json};

use super::document::{Document, is_empty, text};
use super::user_pool_body::{as_it_is, let_go_of_triggers, to_update};

const SMS: &str = "SMS_MFA";
const EMAIL: &str = "EMAIL_OTP";
const SOFTWARE_TOKEN: &str = "SOFTWARE_TOKEN_MFA";

/// A request that changes a pool.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Request {
    /// UpdateUserPool.
    Pool(Document),
    /// SetUserPoolMfaConfig.
    Mfa(Document),
}

/// A pool as it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now<'a> {
    pub(super) id: &'a str,
    /// DescribeUserPool.
    pub(super) pool: &'a Document,
    /// GetUserPoolMfaConfig; none where nothing about the factors changes, or is on.
    pub(super) mfa: Option<&'a Document>,
}

impl Now<'_> {
    fn is_on(&self) -> bool {
        is_on(text(self.pool, "MfaConfiguration"))
    }

    fn verifies_phones(&self) -> bool {
        lists(self.pool.get("AutoVerifiedAttributes"), "phone_number")
    }

    fn sends_sms(&self) -> bool {
        self.pool
            .get("SmsConfiguration")
            .is_some_and(|sms| !is_empty(sms))
    }

    fn factors(&self) -> BTreeSet<&'static str> {
        match self.mfa {
            Some(mfa) if self.is_on() => factors(mfa).into_iter().collect(),
            _ => BTreeSet::new(),
        }
    }
}

/// The factors that GetUserPoolMfaConfig's answer has, in the order they are declared.
pub(super) fn factors(mfa: &Document) -> Vec<&'static str> {
    let has = |name: &str| mfa.get(name).is_some_and(|factor| !is_empty(factor));
    let software_token = mfa
        .get("SoftwareTokenMfaConfiguration")
        .is_some_and(|factor| factor["Enabled"] == true);
    [
        (software_token, SOFTWARE_TOKEN),
        (has("SmsMfaConfiguration"), SMS),
        (has("EmailMfaConfiguration"), EMAIL),
    ]
    .into_iter()
    .filter_map(|(enabled, name)| enabled.then_some(name))
    .collect()
}

pub(super) fn is_on(mode: Option<&str>) -> bool {
    mode.is_some_and(|mode| mode != "OFF")
}

/// Whether what changes has to do with second factors, so that they have to be known.
pub(super) fn concerns(changed: &BTreeSet<String>) -> bool {
    ["MfaConfiguration", "EnabledMfas", "SmsConfiguration"]
        .iter()
        .any(|name| changed.contains(*name))
}

/// SetUserPoolMfaConfig for a pool that was just made.
pub(super) fn to_create(id: &str, pool: &UserPool<String>) -> Option<Document> {
    let on = is_on(Some(&pool.mfa_configuration));
    on.then(|| {
        let sms = pool.sms_configuration.as_ref().map(|sms| json!(sms));
        set(id, pool, &wanted(pool, sms.as_ref()), sms.as_ref(), None)
    })
}

/// The requests that bring a pool to what is declared, in their order.
pub(super) fn to_update_all(
    now: Now<'_>,
    pool: &UserPool<String>,
    planned: &Value,
    changed: &BTreeSet<String>,
    owner: &Owner,
) -> Vec<Request> {
    let mut body = to_update(now.id, pool, now.pool, planned, owner);
    // Said to change and not declared: what an earlier declaration put there goes.
    if pool.sms_configuration.is_none() && changed.contains("SmsConfiguration") {
        body.remove("SmsConfiguration");
    }
    if pool.lambda_config.is_none() && changed.contains("LambdaConfig") {
        let_go_of_triggers(&mut body, owner);
    }
    // What an earlier deploy left there goes too, where the plan didn't know of it.
    let sms_goes = now.sends_sms() && !body.contains_key("SmsConfiguration");
    // Schema has a request of its own.
    let others = sms_goes
        || changed
            .iter()
            .any(|name| !matches!(name.as_str(), "MfaConfiguration" | "EnabledMfas" | "Schema"));
    if !concerns(changed) {
        return others.then_some(Request::Pool(body)).into_iter().collect();
    }
    match (now.is_on(), is_on(Some(&pool.mfa_configuration))) {
        (false, false) => others.then_some(Request::Pool(body)).into_iter().collect(),
        (true, false) => switched_off(now, body, others),
        (_, true) => switched(now, pool, body, others),
    }
}

/// Off first: then nothing that follows can disagree with a factor.
fn switched_off(now: Now<'_>, mut body: Document, others: bool) -> Vec<Request> {
    // The body was laid over a pool whose second factor was still on.
    body.remove("MfaConfiguration");
    if now.verifies_phones() {
        let mut off = as_it_is(now.id, now.pool);
        off.insert("MfaConfiguration".to_owned(), json!("OFF"));
        let rest = others.then_some(Request::Pool(body));
        return std::iter::once(Request::Pool(off)).chain(rest).collect();
    }
    let off = off(now.id, now.mfa);
    // The SMS configuration goes with the factor, so it has to be said again where it stays.
    let rest = (others || now.sends_sms()).then_some(Request::Pool(body));
    std::iter::once(Request::Mfa(off)).chain(rest).collect()
}

/// From none, or from other factors.
fn switched(now: Now<'_>, pool: &UserPool<String>, body: Document, others: bool) -> Vec<Request> {
    let sms = body.get("SmsConfiguration").cloned();
    let (had, wanted) = (now.factors(), wanted(pool, sms.as_ref()));
    let lost: BTreeSet<&str> = had.difference(&wanted).copied().collect();
    let last = Request::Mfa(set(now.id, pool, &wanted, sms.as_ref(), now.mfa));
    let with_mode = |mut body: Document, mode: &str| {
        body.insert("MfaConfiguration".to_owned(), json!(mode));
        Request::Pool(body)
    };
    if lost.is_empty() {
        let first = others.then_some(Request::Pool(body));
        return first.into_iter().chain([last]).collect();
    }
    let bridge = bridged(now, body.clone(), &had, &wanted);
    let mut requests = Vec::new();
    if bridge != as_it_is(now.id, now.pool) && (others || !wanted.is_subset(&had)) {
        requests.push(Request::Pool(bridge.clone()));
    }
    if !lost.contains(SMS) {
        requests.push(last);
        if bridge != body {
            requests.push(with_mode(body, &pool.mfa_configuration));
        }
        return requests;
    }
    // Text messages can't go while they are the only factor, nor while the pool can send them. So the others come
    // beside them, then the pool stops sending them, then they go: at no time is there no second factor.
    let beside: BTreeSet<&'static str> = wanted.iter().copied().chain([SMS]).collect();
    if beside == had {
        requests.push(Request::Pool(body));
    } else {
        let sms = bridge.get("SmsConfiguration");
        requests.push(Request::Mfa(set(now.id, pool, &beside, sms, now.mfa)));
        requests.push(with_mode(body, &pool.mfa_configuration));
    }
    requests.push(last);
    requests
}

/// The declared pool with all that factors still use which are about to go, and with a recovery that goes with the
/// factors of before and after; where neither has one, an administrator is the way for that moment.
fn bridged(
    now: Now<'_>,
    mut body: Document,
    had: &BTreeSet<&str>,
    wanted: &BTreeSet<&str>,
) -> Document {
    let lost: BTreeSet<&str> = had.difference(wanted).copied().collect();
    let lite = text(&body, "UserPoolTier") == Some("LITE");
    let mut keep = |name: &str| {
        if let Some(value) = now.pool.get(name) {
            body.insert(name.to_owned(), value.clone());
        }
    };
    if lost.contains(SMS) {
        keep("SmsConfiguration");
    }
    if lost.contains(EMAIL) {
        keep("EmailConfiguration");
    }
    // A tier that has mail as a factor stays for as long as that is one; the other may come at once.
    if lost.contains(EMAIL) && lite {
        keep("UserPoolTier");
        if text(now.pool, "UserPoolTier") == Some("PLUS") {
            keep("UserPoolAddOns");
        }
    }
    let mechanisms = |of: &Document| {
        let setting = of.get("AccountRecoverySetting");
        let mechanisms = setting.and_then(|setting| setting["RecoveryMechanisms"].as_array());
        mechanisms.cloned().unwrap_or_default()
    };
    let (before, after) = (mechanisms(now.pool), mechanisms(&body));
    let goes = |mechanisms: &[Value]| {
        let alone = |channel: &str| mechanisms.len() == 1 && mechanisms[0]["Name"] == channel;
        let factor = |name: &str| had.contains(name) || wanted.contains(name);
        !(factor(SMS) && alone("verified_phone_number") || factor(EMAIL) && alone("verified_email"))
    };
    let by_an_administrator = vec![json!({ "Name": "admin_only", "Priority": 1 })];
    let between = [after, before].into_iter().find(|one| goes(one));
    let between = between.unwrap_or(by_an_administrator);
    if !between.is_empty() {
        let setting = json!({ "RecoveryMechanisms": between });
        body.insert("AccountRecoverySetting".to_owned(), setting);
    }
    body
}

/// The declared factors; text messages among them wherever the pool can send some, which Cognito demands.
fn wanted(pool: &UserPool<String>, sms: Option<&Value>) -> BTreeSet<&'static str> {
    let declared = |name: &str| {
        let mut factors = pool.enabled_mfas.iter().flatten();
        factors.any(|factor| factor == name)
    };
    [
        (declared(SOFTWARE_TOKEN), SOFTWARE_TOKEN),
        (sms.is_some(), SMS),
        (declared(EMAIL), EMAIL),
    ]
    .into_iter()
    .filter_map(|(wanted, name)| wanted.then_some(name))
    .collect()
}

/// SetUserPoolMfaConfig with these factors; what others set of them stays.
fn set(
    id: &str,
    pool: &UserPool<String>,
    factors: &BTreeSet<&str>,
    sms: Option<&Value>,
    now: Option<&Document>,
) -> Document {
    let found = |name: &str| {
        now.and_then(|now| now.get(name))
            .cloned()
            .unwrap_or_default()
    };
    let mut body = Document::new();
    let mut say = |name: &str, value: Value| body.insert(name.to_owned(), value);
    say("UserPoolId", json!(id));
    say("MfaConfiguration", json!(pool.mfa_configuration));
    let software_token = factors.contains(SOFTWARE_TOKEN);
    say(
        "SoftwareTokenMfaConfiguration",
        json!({ "Enabled": software_token }),
    );
    if let (true, Some(sms)) = (factors.contains(SMS), sms) {
        let mut factor = json!({ "SmsConfiguration": sms });
        let message = found("SmsMfaConfiguration")["SmsAuthenticationMessage"].clone();
        if !is_empty(&message) {
            factor["SmsAuthenticationMessage"] = message;
        }
        say("SmsMfaConfiguration", factor);
    }
    if factors.contains(EMAIL) {
        // Said in full: one without a message is a setting that reads back as none.
        let theirs = found("EmailMfaConfiguration");
        let ours = pool.verification_message_template.as_ref();
        let or = |name: &str, ours: String| match &theirs[name] {
            Value::String(text) if !text.is_empty() => text.clone(),
            _ => ours,
        };
        // Verification by a link has no message with a code; the text message has the same one.
        let subject = ours.and_then(|ours| ours.email_subject.clone());
        let subject = subject.unwrap_or_else(|| "Your code".to_owned());
        let message = ours.and_then(|ours| ours.email_message.clone().or(ours.sms_message.clone()));
        let message = message.unwrap_or_else(|| "Your code is {####}.".to_owned());
        say(
            "EmailMfaConfiguration",
            json!({
                "Subject": or("Subject", subject),
                "Message": or("Message", message),
            }),
        );
    }
    keep_passkeys(&mut body, now);
    body
}

/// SetUserPoolMfaConfig without any factor.
pub(super) fn off(id: &str, now: Option<&Document>) -> Document {
    let mut body = Document::new();
    body.insert("UserPoolId".to_owned(), json!(id));
    body.insert("MfaConfiguration".to_owned(), json!("OFF"));
    keep_passkeys(&mut body, now);
    body
}

/// SetUserPoolMfaConfig that says what GetUserPoolMfaConfig answered.
pub(super) fn as_it_was(id: &str, mut before: Document) -> Document {
    before.retain(|_, value| !is_empty(value));
    before.insert("UserPoolId".to_owned(), json!(id));
    before
}

/// Not ours, and gone when left out.
fn keep_passkeys(body: &mut Document, now: Option<&Document>) {
    let passkeys = now.and_then(|now| now.get("WebAuthnConfiguration"));
    if let Some(passkeys) = passkeys.filter(|passkeys| !is_empty(passkeys)) {
        body.insert("WebAuthnConfiguration".to_owned(), passkeys.clone());
    }
}

/// A body of UpdateUserPool that lifts the deletion protection of a pool whose role for text messages is gone:
/// without all that needs it, which Cognito tries out at every update.
pub(super) fn without_sms(id: &str, now: &Document) -> Document {
    let mut body = as_it_is(id, now);
    body.remove("SmsConfiguration");
    body.remove("AccountRecoverySetting");
    for (name, list) in [
        ("AutoVerifiedAttributes", None),
        (
            "UserAttributeUpdateSettings",
            Some("AttributesRequireVerificationBeforeUpdate"),
        ),
    ] {
        let Some(value) = body.get_mut(name) else {
            continue;
        };
        let value = match list {
            Some(list) => &mut value[list],
            None => value,
        };
        if let Value::Array(items) = value {
            items.retain(|item| item != "phone_number");
        }
    }
    body.insert("MfaConfiguration".to_owned(), json!("OFF"));
    body
}

fn lists(list: Option<&Value>, item: &str) -> bool {
    let mut items = list.and_then(Value::as_array).into_iter().flatten();
    items.any(|other| other == item)
}

#[cfg(test)]
mod tests;
