//! Every combination of verification, factors, sender, recovery and tier is brought to every other one, against a
//! small Cognito that refuses what the real one is known to refuse. Its rules are written down here once more, from
//! the same reports, and know nothing of the code above.

use std::collections::BTreeMap;

use super::super::document::members_of;
use super::super::user_pool_body;
use super::*;

/// A pool in Cognito.
#[derive(Debug, Clone)]
struct Cognito {
    pool: Document,
    mfa: Document,
}

const PASSKEYS: &str = "WebAuthnConfiguration";
const FACTORS: [&str; 3] = [
    "SoftwareTokenMfaConfiguration",
    "SmsMfaConfiguration",
    "EmailMfaConfiguration",
];

impl Cognito {
    fn new() -> Self {
        let mut mfa = Document::new();
        mfa.insert(PASSKEYS.to_owned(), json!({ "RelyingPartyId": "acme.com" }));
        Self {
            pool: Document::new(),
            mfa,
        }
    }

    fn mode(&self) -> &str {
        text(&self.pool, "MfaConfiguration").unwrap_or("OFF")
    }

    fn has(&self, factor: &str) -> bool {
        self.mode() != "OFF" && factors(&self.mfa).contains(&factor)
    }

    fn verifies_phones(&self) -> bool {
        lists(self.pool.get("AutoVerifiedAttributes"), "phone_number")
    }

    fn recovers_by(&self) -> Vec<&str> {
        let mechanisms = self.pool["AccountRecoverySetting"]["RecoveryMechanisms"].as_array();
        let names = mechanisms.into_iter().flatten();
        names.filter_map(|one| one["Name"].as_str()).collect()
    }

    fn take(&mut self, request: &Request) -> Result<(), String> {
        match request {
            Request::Pool(body) => self.update(body)?,
            Request::Mfa(body) => self.set(body)?,
        }
        self.is_consistent()
    }

    fn update(&mut self, body: &Document) -> Result<(), String> {
        let members = members_of("UpdateUserPool");
        if let Some(name) = body.keys().find(|name| !members.contains(*name)) {
            return Err(format!("UpdateUserPool knows no {name}"));
        }
        let before = self.mode().to_owned();
        self.pool = body.clone();
        match text(body, "MfaConfiguration") {
            None => {
                self.pool
                    .insert("MfaConfiguration".to_owned(), json!(before));
            }
            Some("OFF") => self.mfa.retain(|name, _| name == PASSKEYS),
            Some(_) if before == "OFF" => {
                return Err(
                    "cannot turn MFA functionality ON, once the user pool has been created"
                        .to_owned(),
                );
            }
            Some(_) => {}
        }
        if !self.pool.contains_key("SmsConfiguration")
            && self.mode() != "OFF"
            && factors(&self.mfa) == [SMS]
        {
            return Err("SMS configuration is required when MFA is required/optional".to_owned());
        }
        Ok(())
    }

    fn set(&mut self, body: &Document) -> Result<(), String> {
        let mode = text(body, "MfaConfiguration").unwrap_or("OFF");
        let has_factor = FACTORS.iter().any(|name| body.contains_key(*name));
        let has_sms = body.contains_key("SmsMfaConfiguration");
        if mode == "OFF" && has_factor {
            return Err("can't turn off MFA and configure an MFA together".to_owned());
        }
        if !has_sms && self.verifies_phones() {
            return Err("SMS configuration is required when phone_number is selected".to_owned());
        }
        if mode != "OFF" && !has_sms && self.pool.contains_key("SmsConfiguration") {
            return Err("can't turn off SMS_MFA when SMS configuration is set".to_owned());
        }
        if mode != "OFF" && factors(body).is_empty() {
            return Err(
                "can't disable all MFAs with a required or optional configuration".to_owned(),
            );
        }
        self.pool.insert("MfaConfiguration".to_owned(), json!(mode));
        // It replaces everything.
        self.mfa = body.clone();
        match body.get("SmsMfaConfiguration") {
            Some(sms) => {
                let sms = sms["SmsConfiguration"].clone();
                self.pool.insert("SmsConfiguration".to_owned(), sms);
            }
            None => {
                self.pool.remove("SmsConfiguration");
            }
        }
        Ok(())
    }

    fn is_consistent(&self) -> Result<(), String> {
        let sms = self.pool.get("SmsConfiguration");
        let sender = &self.pool["EmailConfiguration"]["EmailSendingAccount"];
        let tier = text(&self.pool, "UserPoolTier").unwrap_or_default();
        let add_ons = self.pool.get("UserPoolAddOns");
        let add_ons = add_ons
            .map_or(&json!("OFF"), |add_ons| &add_ons["AdvancedSecurityMode"])
            .clone();
        let verified = self.pool["AutoVerifiedAttributes"]
            .as_array()
            .expect("a list");
        let wait = &self.pool["UserAttributeUpdateSettings"];
        let wait = wait["AttributesRequireVerificationBeforeUpdate"].as_array();
        let refusals = [
            (
                self.verifies_phones() && sms.is_none(),
                "SMS configuration is required when phone_number is selected for auto verification",
            ),
            (
                sms.is_some_and(|sms| sms["SnsCallerArn"].as_str().is_none_or(str::is_empty)),
                "no role to send text messages through",
            ),
            (
                self.has(SMS) && self.recovers_by() == ["verified_phone_number"],
                "recovery by phone alone beside text messages as a factor",
            ),
            (
                self.has(EMAIL) && self.recovers_by() == ["verified_email"],
                "recovery by mail alone beside mail as a factor",
            ),
            (
                self.has(EMAIL) && sender != "DEVELOPER",
                "mail as a factor from Cognito's own sender",
            ),
            (
                self.has(EMAIL) && tier == "LITE",
                "mail as a factor in the tier Lite",
            ),
            (
                tier != "PLUS" && add_ons != "OFF",
                "threat protection in a tier below Plus",
            ),
            (
                wait.is_some_and(|names| names.iter().any(|name| !verified.contains(name))),
                "an attribute that waits for a verification that isn't made",
            ),
            (
                !self.mfa.contains_key(PASSKEYS),
                "the passkeys of others are gone",
            ),
        ];
        let refused = refusals.into_iter().find(|(refused, _)| *refused);
        refused.map_or(Ok(()), |(_, why)| Err(why.to_owned()))
    }

    /// What a read would say of it.
    fn live(&self) -> Value {
        let mut described = self.pool.clone();
        described.insert("Name".to_owned(), json!("acme-dev-users"));
        let on = self.mode() != "OFF";
        user_pool_body::as_live("p", &described, on.then(|| factors(&self.mfa))).properties
    }
}

/// What a project file may declare.
#[derive(Debug, Clone, PartialEq)]
struct Combination {
    by: &'static str,
    mode: &'static str,
    factors: Vec<&'static str>,
    sms: bool,
    sender: &'static str,
    tier: &'static str,
    recovery: Vec<&'static str>,
}

const PHONE: &str = "verified_phone_number";
const MAIL: &str = "verified_email";

fn combinations() -> Vec<Combination> {
    let mut all = Vec::new();
    let subsets = (1..8_u8).map(|bits| {
        let factors = [SOFTWARE_TOKEN, SMS, EMAIL].into_iter().enumerate();
        let factors = factors.filter(|(index, _)| bits & (1 << index) != 0);
        factors.map(|(_, factor)| factor).collect::<Vec<_>>()
    });
    let factors = subsets.flat_map(|factors| [("OPTIONAL", factors.clone()), ("ON", factors)]);
    let factors: Vec<(&str, Vec<&str>)> = factors.chain([("OFF", vec![])]).collect();
    for by in ["email", "phone_number"] {
        for (mode, factors) in &factors {
            for sms in [false, true] {
                for (sender, tier) in [
                    ("COGNITO_DEFAULT", "ESSENTIALS"),
                    ("COGNITO_DEFAULT", "PLUS"),
                    ("DEVELOPER", "ESSENTIALS"),
                    ("DEVELOPER", "PLUS"),
                    ("DEVELOPER", "LITE"),
                ] {
                    for recovery in [
                        vec![MAIL],
                        vec![PHONE],
                        vec![MAIL, PHONE],
                        vec!["admin_only"],
                    ] {
                        all.push(Combination {
                            by,
                            mode,
                            factors: factors.clone(),
                            sms,
                            sender,
                            tier,
                            recovery: recovery.clone(),
                        });
                    }
                }
            }
        }
    }
    // Those that can be: text messages where something needs them, as a factor wherever there are both.
    all.retain(|one| {
        let has = |factor| one.factors.contains(&factor);
        let needs_sms = one.by == "phone_number" || has(SMS) || one.recovery.contains(&PHONE);
        (!needs_sms || one.sms)
            && (one.mode == "OFF" || one.sms == has(SMS))
            && (!has(EMAIL) || one.sender == "DEVELOPER" && one.tier != "LITE")
            && !(has(SMS) && one.recovery == [PHONE])
            && !(has(EMAIL) && one.recovery == [MAIL])
    });
    all
}

fn pool(of: &Combination) -> UserPool<String> {
    let recovery: Vec<Value> = of
        .recovery
        .iter()
        .zip(1..)
        .map(|(name, priority)| json!({ "Name": name, "Priority": priority }))
        .collect();
    let mut pool = json!({
        "UserPoolName": "acme-dev-users",
        "UserPoolTier": of.tier,
        "DeletionProtection": "ACTIVE",
        "UsernameConfiguration": { "CaseSensitive": false },
        "AutoVerifiedAttributes": [of.by],
        "Schema": [],
        "Policies": { "PasswordPolicy": {
            "MinimumLength": 14, "RequireLowercase": true, "RequireUppercase": true,
            "RequireNumbers": true, "RequireSymbols": false, "TemporaryPasswordValidityDays": 7,
        } },
        "VerificationMessageTemplate": {
            "DefaultEmailOption": "CONFIRM_WITH_CODE", "EmailSubject": "Your code",
            "EmailMessage": "{####}", "SmsMessage": "{####}",
        },
        "MfaConfiguration": of.mode,
        "AccountRecoverySetting": { "RecoveryMechanisms": recovery },
        "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": false },
        "UserAttributeUpdateSettings": { "AttributesRequireVerificationBeforeUpdate": [of.by] },
        "EmailConfiguration": { "EmailSendingAccount": of.sender },
        "UserPoolTags": {},
    });
    if of.mode != "OFF" {
        pool["EnabledMfas"] = json!(of.factors);
    }
    if of.sender == "DEVELOPER" {
        pool["EmailConfiguration"]["SourceArn"] = json!("arn:identity");
    }
    if of.sms {
        pool["SmsConfiguration"] = json!({
            "SnsCallerArn": "arn:aws:iam::1:role/acme-dev-sms", "ExternalId": "acme-dev-sms",
        });
    }
    if of.tier == "PLUS" {
        pool["UserPoolAddOns"] = json!({ "AdvancedSecurityMode": "ENFORCED" });
    }
    serde_json::from_value(pool).expect("it is a pool")
}

fn owner() -> Owner {
    Owner {
        project: "acme".to_owned(),
        stage: "dev".to_owned(),
    }
}

fn made(of: &Combination) -> Cognito {
    let mut cognito = Cognito::new();
    let pool = pool(of);
    cognito.pool = user_pool_body::to_create(&pool);
    cognito.is_consistent().expect("it can be made");
    if let Some(body) = to_create("p", &pool) {
        // Of a new pool there are no passkeys yet; those here are of later.
        let passkeys = cognito.mfa[PASSKEYS].clone();
        cognito.set(&body).expect("its factors can be set");
        cognito.mfa.insert(PASSKEYS.to_owned(), passkeys);
    }
    cognito.is_consistent().expect("it is consistent");
    cognito
}

/// The top-level properties in which a declaration and what is there differ, as a plan finds them.
fn changed(live: &Value, declared: &Value) -> BTreeSet<String> {
    let declared = declared.as_object().expect("members");
    // Fixed when a pool is made.
    let declared = declared
        .iter()
        .filter(|(name, _)| *name != "UsernameConfiguration");
    let changes = declared.filter(|(name, value)| {
        let live = &live[name.as_str()];
        let covered = super::super::document::laid_over(live.clone(), (*value).clone());
        covered != *live && !(is_empty(value) && is_empty(live))
    });
    changes.map(|(name, _)| name.clone()).collect()
}

#[test]
#[expect(clippy::print_stdout, reason = "a test tells how much it has covered")]
fn every_combination_can_be_brought_to_every_other() {
    let all = combinations();
    let documents: Vec<(UserPool<String>, Value)> = all
        .iter()
        .map(|one| {
            let pool = pool(one);
            let declared = serde_json::to_value(&pool).expect("it serialises");
            (pool, declared)
        })
        .collect();
    let mut most = BTreeMap::new();
    let mut changes = 0;
    for from in &all {
        let before = made(from);
        let live = before.live();
        for (to, (pool, declared)) in all.iter().zip(&documents) {
            let changed = changed(&live, declared);
            let now = Now {
                id: "p",
                pool: &before.pool,
                mfa: concerns(&changed).then_some(&before.mfa),
            };
            let requests = to_update_all(now, pool, &live, &changed, &owner());
            let mut after = before.clone();
            for (index, request) in requests.iter().enumerate() {
                if let Err(why) = after.take(request) {
                    panic!("{why}: request {index} of {requests:#?}\nfrom {from:?}\nto {to:?}");
                }
                let switched = from.mode != "OFF" && to.mode != "OFF";
                assert!(
                    !switched || after.mode() != "OFF",
                    "without a second factor on the way from {from:?} to {to:?}"
                );
            }
            let left = super::tests::changed(&after.live(), declared);
            assert!(
                left.is_empty(),
                "{left:?} left from {from:?} to {to:?}: {requests:#?}"
            );
            assert_eq!(
                after.pool.contains_key("SmsConfiguration"),
                to.sms,
                "{from:?} to {to:?}"
            );
            changes += usize::from(!requests.is_empty());
            *most.entry(requests.len()).or_insert(0) += 1;
        }
    }
    println!(
        "{} combinations, {changes} changes between them, by requests: {most:?}",
        all.len()
    );
    assert!(all.len() > 50, "{}", all.len());
    assert!(most.keys().all(|&requests| requests <= 4), "{most:?}");
}

#[test]
fn the_protection_of_every_combination_can_be_lifted_without_its_role() {
    for one in combinations() {
        let mut cognito = made(&one);
        let body = without_sms("p", &cognito.pool);
        cognito
            .take(&Request::Pool(body))
            .unwrap_or_else(|why| panic!("{why}: {one:?}"));
        assert!(!cognito.pool.contains_key("SmsConfiguration"));
        assert_eq!(cognito.mode(), "OFF");
    }
}

#[test]
fn every_member_of_the_request_is_accounted_for() {
    use aws_sdk_cognitoidentityprovider::operation::set_user_pool_mfa_config::SetUserPoolMfaConfigInput;

    let mut all: BTreeSet<String> = FACTORS.map(str::to_owned).into();
    all.extend(["UserPoolId", "MfaConfiguration", PASSKEYS].map(str::to_owned));
    assert_eq!(all, members_of("SetUserPoolMfaConfig"));
    let input = SetUserPoolMfaConfigInput::builder()
        .build()
        .expect("it is built");
    let known = super::super::document::members_of_sdk(&input);
    assert_eq!(known.len(), all.len(), "{known:?}");

    // What GetUserPoolMfaConfig answers can be said again.
    let mut before = Document::new();
    before.insert("MfaConfiguration".to_owned(), json!("ON"));
    before.insert("SmsMfaConfiguration".to_owned(), json!({}));
    let again = as_it_was("p", before);
    assert_eq!(
        Value::Object(again),
        json!({ "UserPoolId": "p", "MfaConfiguration": "ON" })
    );
}
