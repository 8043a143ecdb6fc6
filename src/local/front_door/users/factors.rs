//! Second factors: which ones a pool has, which ones a user has set up and wants, and which one a sign-in
//! asks for.
//!
//! From the developer guide, "Adding MFA to a user pool", and the API reference (SetUserMFAPreference,
//! GetUserPoolMfaConfig). The emulator knows authenticator apps alone, so the records are kept here; like
//! the emulator's users they live as long as the local cloud.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::facts::User;
use super::totp;
use super::{Refused, refuse};
use crate::local::front_door::message::{EMAIL, PHONE};

pub(super) const TOTP: &str = "SOFTWARE_TOKEN_MFA";
pub(super) const SMS: &str = "SMS_MFA";
/// As a second factor and as a first one.
pub(super) const EMAIL_OTP: &str = "EMAIL_OTP";

const DEFAULT_SMS: &str = "Your authentication code is {####}.";

/// In Cognito's order.
const ALL: [&str; 3] = [SMS, TOTP, EMAIL_OTP];

/// What the pool says of second factors.
#[derive(Debug, Clone, Default)]
pub(super) struct PoolFactors {
    pub(super) required: bool,
    pub(super) off: bool,
    sms: bool,
    pub(super) totp: bool,
    email: bool,
    /// The configuration as the pool has it, for its messages.
    config: Value,
}

impl PoolFactors {
    /// From GetUserPoolMfaConfig.
    pub(super) fn of(config: &Value) -> Self {
        let has = |name: &str| config.get(name).is_some_and(|value| !value.is_null());
        let mode = config["MfaConfiguration"].as_str().unwrap_or("OFF");
        Self {
            required: mode == "ON",
            off: mode == "OFF",
            sms: has("SmsMfaConfiguration"),
            totp: config["SoftwareTokenMfaConfiguration"]["Enabled"] == true,
            email: has("EmailMfaConfiguration"),
            config: config.clone(),
        }
    }

    /// The words of a code for signing in, in the place where [`Message`] looks for those of a code for
    /// confirming.
    ///
    /// [`Message`]: crate::local::front_door::message::Message
    pub(super) fn messages(&self, pool: &Value) -> Value {
        let text = |pointer: &str| self.config.pointer(pointer).filter(|text| text.is_string());
        let sms = text("/SmsMfaConfiguration/SmsAuthenticationMessage").or_else(|| {
            pool.get("SmsAuthenticationMessage")
                .filter(|text| *text != "")
        });
        json!({
            "EmailConfiguration": pool["EmailConfiguration"],
            "VerificationMessageTemplate": {
                "SmsMessage": sms.cloned().unwrap_or_else(|| DEFAULT_SMS.into()),
                "EmailSubject": text("/EmailMfaConfiguration/Subject"),
                "EmailMessage": text("/EmailMfaConfiguration/Message"),
            },
        })
    }

    /// A pool without any.
    pub(super) fn off() -> Self {
        Self {
            off: true,
            ..Self::default()
        }
    }

    fn offers(&self, factor: &str) -> bool {
        match factor {
            SMS => self.sms,
            TOTP => self.totp,
            _ => self.email,
        }
    }

    /// What somebody without any may set up.
    pub(super) fn to_set_up(&self) -> Vec<&'static str> {
        ALL.into_iter()
            .filter(|factor| self.offers(factor))
            .collect()
    }
}

/// What a user has set up and wants.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    /// The secret of their authenticator app, once a code of it was right.
    pub(super) app: Option<totp::Secret>,
    /// One that was given out and not used yet.
    pending: Option<totp::Secret>,
    /// The step of the last code taken: none is taken twice.
    last_step: u64,
    enabled: Vec<&'static str>,
    preferred: Option<&'static str>,
}

impl Record {
    /// Whether the user could answer a challenge for it.
    fn has(&self, factor: &str, user: &User) -> bool {
        let given = |name: &str| {
            user.attributes
                .get(name)
                .is_some_and(|text| !text.is_empty())
        };
        match factor {
            TOTP => self.app.is_some(),
            // "You can use unverified phone numbers for SMS MFA."
            SMS => given(PHONE),
            _ => given(EMAIL),
        }
    }

    /// The factors a sign-in asks one of; empty when none is needed, or none is set up yet.
    pub(super) fn due(&self, pool: &PoolFactors, user: &User) -> Vec<&'static str> {
        if pool.off {
            return Vec::new();
        }
        let active: Vec<&str> = ALL
            .into_iter()
            .filter(|factor| self.has(factor, user))
            .filter(|factor| {
                // An app that was set up stays good when the pool drops the factor.
                let offered = pool.offers(factor) || *factor == TOTP;
                offered && (self.enabled.contains(factor) || self.is_implied(pool, factor, user))
            })
            .collect();
        match self.preferred {
            Some(preferred) if active.contains(&preferred) => vec![preferred],
            _ => active,
        }
    }

    /// Where a factor is required, one that the user can answer needs no setting of theirs. An address
    /// has to be proved for it.
    fn is_implied(&self, pool: &PoolFactors, factor: &str, user: &User) -> bool {
        let verified = user.attributes.get("email_verified");
        pool.required && (factor != EMAIL_OTP || verified.is_some_and(|value| value == "true"))
    }

    /// What GetUser and AdminGetUser say of it.
    pub(super) fn describe(&self, answer: &mut Value) {
        answer["UserMFASettingList"] = json!(self.enabled);
        match self.preferred {
            Some(preferred) => answer["PreferredMfaSetting"] = preferred.into(),
            None => {
                if let Some(answer) = answer.as_object_mut() {
                    answer.remove("PreferredMfaSetting");
                }
            }
        }
        if self.enabled.is_empty()
            && let Some(answer) = answer.as_object_mut()
        {
            answer.remove("UserMFASettingList");
        }
    }

    /// Takes SetUserMFAPreference or its administrator's twin; wants nothing changed by half.
    fn prefer(&mut self, input: &Value, pool: &PoolFactors, user: &User) -> Refused {
        let mut next = self.clone();
        let settings = [
            (SMS, "SMSMfaSettings"),
            (TOTP, "SoftwareTokenMfaSettings"),
            (EMAIL_OTP, "EmailMfaSettings"),
        ];
        let mut preferred = 0;
        for (factor, name) in settings {
            let Some(setting) = input.get(name).filter(|setting| setting.is_object()) else {
                continue;
            };
            next.enabled.retain(|enabled| *enabled != factor);
            if next.preferred == Some(factor) {
                next.preferred = None;
            }
            let wants = setting["Enabled"] == true || setting["PreferredMfa"] == true;
            if !wants {
                continue;
            }
            if pool.off {
                return refuse(
                    "InvalidParameterException",
                    "MFA is not enabled for the user pool.",
                );
            }
            if factor == TOTP && self.app.is_none() {
                return refuse(
                    "InvalidParameterException",
                    "User has not verified software token mfa",
                );
            }
            if !pool.offers(factor) || !self.has(factor, user) {
                let message = format!("User does not have delivery config set to turn on {factor}");
                return refuse("InvalidParameterException", &message);
            }
            next.enabled.push(factor);
            if setting["PreferredMfa"] == true {
                preferred += 1;
                next.preferred = Some(factor);
            }
        }
        if preferred > 1 {
            return refuse(
                "InvalidParameterException",
                "Only one MFA method can be set as preferred.",
            );
        }
        *self = next;
        Ok(())
    }
}

/// Why a code of an authenticator app is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CodeFault {
    Wrong,
    Used,
}

/// Everybody's records, by pool and the pool's own name of a user.
#[derive(Debug, Default)]
pub(super) struct Factors {
    inner: Mutex<HashMap<(String, String), Record>>,
}

impl Factors {
    pub(super) fn of(&self, pool_id: &str, username: &str) -> Record {
        let key = (pool_id.to_owned(), username.to_owned());
        self.lock().get(&key).cloned().unwrap_or_default()
    }

    fn change<R>(&self, pool_id: &str, username: &str, change: impl FnOnce(&mut Record) -> R) -> R {
        let key = (pool_id.to_owned(), username.to_owned());
        change(self.lock().entry(key).or_default())
    }

    pub(super) fn prefer(
        &self,
        pool_id: &str,
        pool: &PoolFactors,
        user: &User,
        input: &Value,
    ) -> Refused {
        self.change(pool_id, &user.username, |record| {
            record.prefer(input, pool, user)
        })
    }

    /// Remembers a secret that was given to a signed-in user.
    pub(super) fn associate(&self, pool_id: &str, username: &str, secret: totp::Secret) {
        self.change(pool_id, username, |record| record.pending = Some(secret));
    }

    /// The secret that waits for its first code.
    pub(super) fn associated(&self, pool_id: &str, username: &str) -> Option<totp::Secret> {
        self.of(pool_id, username).pending
    }

    /// Takes an app whose code was right. Where a factor is required it is on from now on.
    pub(super) fn set_up(
        &self,
        pool_id: &str,
        username: &str,
        secret: totp::Secret,
        step: u64,
        required: bool,
    ) {
        self.change(pool_id, username, |record| {
            record.app = Some(secret);
            record.pending = None;
            record.last_step = step;
            if required && !record.enabled.contains(&TOTP) {
                record.enabled.push(TOTP);
            }
        });
    }

    /// Checks a code of the user's app, and uses it up.
    pub(super) fn check(
        &self,
        pool_id: &str,
        username: &str,
        code: &str,
        unix: u64,
    ) -> Result<(), CodeFault> {
        self.change(pool_id, username, |record| {
            let app = record.app.as_ref().ok_or(CodeFault::Wrong)?;
            let step = app.step_of(code, unix).ok_or(CodeFault::Wrong)?;
            if step <= record.last_step {
                return Err(CodeFault::Used);
            }
            record.last_step = step;
            Ok(())
        })
    }

    /// Forgets a user who was deleted: the next one of that name starts without.
    pub(super) fn forget(&self, pool_id: &str, username: &str) {
        let key = (pool_id.to_owned(), username.to_owned());
        self.lock().remove(&key);
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), Record>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(attributes: &[(&str, &str)]) -> User {
        User {
            username: "ada".into(),
            attributes: attributes
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..User::default()
        }
    }

    fn pool(mode: &str) -> PoolFactors {
        PoolFactors::of(&json!({
            "MfaConfiguration": mode,
            "SmsMfaConfiguration": { "SmsConfiguration": {} },
            "SoftwareTokenMfaConfiguration": { "Enabled": true },
            "EmailMfaConfiguration": { "Subject": "Code" },
        }))
    }

    #[test]
    fn where_a_factor_is_required_every_one_a_user_has_is_asked_for() {
        let record = Record {
            app: Some(totp::Secret::random()),
            ..Record::default()
        };
        let nobody = Record::default();
        let phone = user(&[(PHONE, "+15555550100")]);
        let proved = user(&[(EMAIL, "a@b.c"), ("email_verified", "true")]);
        let unproved = user(&[(EMAIL, "a@b.c")]);
        assert_eq!(record.due(&pool("ON"), &phone), [SMS, TOTP]);
        assert_eq!(nobody.due(&pool("ON"), &phone), [SMS]);
        assert_eq!(nobody.due(&pool("ON"), &proved), [EMAIL_OTP]);
        assert!(nobody.due(&pool("ON"), &unproved).is_empty());
        assert!(record.due(&pool("OPTIONAL"), &phone).is_empty());
        assert!(record.due(&pool("OFF"), &phone).is_empty());
        assert_eq!(pool("ON").to_set_up(), [SMS, TOTP, EMAIL_OTP]);
    }

    #[test]
    fn a_preference_wants_a_factor_that_is_set_up() {
        let factors = Factors::default();
        let optional = pool("OPTIONAL");
        let ada = user(&[(PHONE, "+15555550100")]);
        let prefer = |pool: &PoolFactors, input: Value| factors.prefer("p", pool, &ada, &input);
        let on = json!({ "Enabled": true, "PreferredMfa": true });
        assert!(prefer(&optional, json!({ "SoftwareTokenMfaSettings": on })).is_err());
        assert!(prefer(&optional, json!({ "EmailMfaSettings": on })).is_err());
        assert!(prefer(&pool("OFF"), json!({ "SMSMfaSettings": on })).is_err());
        factors.set_up("p", "ada", totp::Secret::random(), 0, false);
        let both = json!({ "SoftwareTokenMfaSettings": on, "SMSMfaSettings": on });
        assert!(prefer(&optional, both).is_err());
        assert!(factors.of("p", "ada").due(&optional, &ada).is_empty());
        let both = json!({ "SoftwareTokenMfaSettings": on, "SMSMfaSettings": { "Enabled": true } });
        assert!(prefer(&optional, both).is_ok());
        assert_eq!(factors.of("p", "ada").due(&optional, &ada), [TOTP]);
        let less = json!({ "SoftwareTokenMfaSettings": { "Enabled": true } });
        assert!(prefer(&optional, less).is_ok());
        assert_eq!(factors.of("p", "ada").due(&optional, &ada), [SMS, TOTP]);
        let mut answer = json!({});
        factors.of("p", "ada").describe(&mut answer);
        assert_eq!(answer, json!({ "UserMFASettingList": [SMS, TOTP] }));
        factors.forget("p", "ada");
        assert!(factors.of("p", "ada").due(&optional, &ada).is_empty());
    }

    #[test]
    fn a_code_of_an_app_is_taken_once() {
        let factors = Factors::default();
        let check = |code: &str, unix| factors.check("p", "ada", code, unix);
        assert_eq!(
            check("000000", 59),
            Err(CodeFault::Wrong),
            "nothing is set up"
        );
        factors.set_up(
            "p",
            "ada",
            totp::Secret::of(*b"12345678901234567890"),
            0,
            true,
        );
        assert_eq!(check("000000", 59), Err(CodeFault::Wrong));
        assert_eq!(check("287082", 59), Ok(()));
        assert_eq!(check("287082", 59), Err(CodeFault::Used));
    }
}
