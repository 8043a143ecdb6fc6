//! The codes that were sent and are still good: made, checked once, forgotten.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rand::Rng;

/// What a code allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum CodePurpose {
    SignUp,
    NewPassword,
    /// To prove an address, or a number, of a user who has signed in.
    Email,
    PhoneNumber,
}

impl CodePurpose {
    /// How long Cognito takes such a code.
    fn lifetime(self) -> Duration {
        match self {
            Self::SignUp | Self::Email | Self::PhoneNumber => Duration::from_secs(24 * 60 * 60),
            Self::NewPassword => Duration::from_secs(60 * 60),
        }
    }
}

/// Who may use a code, and for what. The user is the pool's own username, never an alias.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct CodeKey {
    pub(super) pool_id: String,
    pub(super) username: String,
    pub(super) purpose: CodePurpose,
}

/// Why a code was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CodeRefusal {
    /// A code is out, and it is another one.
    Mismatch,
    /// No code is out, or it is too old.
    Expired,
}

/// A code taken out of the store; put back when what it was for fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IssuedCode {
    digits: String,
    /// The attribute the code was sent to, which using it proves: `email` or `phone_number`.
    pub(super) attribute: &'static str,
    expires: Instant,
}

/// The codes in circulation. One per user and purpose: a new one takes the place of the old.
#[derive(Debug, Default)]
pub(super) struct Codes {
    inner: Mutex<HashMap<CodeKey, IssuedCode>>,
}

impl Codes {
    /// Makes a code of six digits.
    pub(super) fn issue(&self, key: CodeKey, attribute: &'static str, now: Instant) -> String {
        let digits = format!("{:06}", rand::rng().random_range(0..1_000_000));
        let code = IssuedCode {
            digits: digits.clone(),
            attribute,
            expires: now + key.purpose.lifetime(),
        };
        let mut codes = self.lock();
        codes.retain(|_, code| code.expires > now);
        codes.insert(key, code);
        digits
    }

    /// Takes the code out when `given` is it. Of two calls with the same code only one gets it.
    pub(super) fn take(
        &self,
        key: &CodeKey,
        given: &str,
        now: Instant,
    ) -> Result<IssuedCode, CodeRefusal> {
        let mut codes = self.lock();
        match codes.get(key) {
            Some(code) if code.expires > now => {
                if code.digits != given {
                    return Err(CodeRefusal::Mismatch);
                }
            }
            _ => return Err(CodeRefusal::Expired),
        }
        codes.remove(key).ok_or(CodeRefusal::Expired)
    }

    /// Puts a taken code back, unless a newer one was sent meanwhile.
    pub(super) fn put_back(&self, key: CodeKey, code: IssuedCode) {
        self.lock().entry(key).or_insert(code);
    }

    /// Takes a code out of circulation: what it was to prove has changed.
    pub(super) fn drop_one(&self, key: &CodeKey) {
        self.lock().remove(key);
    }

    /// Forgets a user who was deleted: the next one of that name has no code yet.
    pub(super) fn forget(&self, pool_id: &str, username: &str) {
        self.lock()
            .retain(|key, _| (key.pool_id.as_str(), key.username.as_str()) != (pool_id, username));
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CodeKey, IssuedCode>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(purpose: CodePurpose) -> CodeKey {
        CodeKey {
            pool_id: "p".into(),
            username: "u".into(),
            purpose,
        }
    }

    fn another(code: &str) -> &'static str {
        if code == "000000" { "000001" } else { "000000" }
    }

    #[test]
    fn a_code_works_once() {
        let (codes, now) = (Codes::default(), Instant::now());
        let digits = codes.issue(key(CodePurpose::SignUp), "email", now);
        assert_eq!(digits.len(), 6);
        assert!(digits.bytes().all(|byte| byte.is_ascii_digit()));
        assert!(codes.take(&key(CodePurpose::SignUp), &digits, now).is_ok());
        assert_eq!(
            codes.take(&key(CodePurpose::SignUp), &digits, now),
            Err(CodeRefusal::Expired)
        );
    }

    #[test]
    fn a_wrong_code_does_not_use_up_the_right_one() {
        let (codes, now) = (Codes::default(), Instant::now());
        let digits = codes.issue(key(CodePurpose::SignUp), "email", now);
        assert_eq!(
            codes.take(&key(CodePurpose::SignUp), another(&digits), now),
            Err(CodeRefusal::Mismatch)
        );
        assert!(codes.take(&key(CodePurpose::SignUp), &digits, now).is_ok());
    }

    #[test]
    fn a_code_is_for_one_purpose() {
        let (codes, now) = (Codes::default(), Instant::now());
        let digits = codes.issue(key(CodePurpose::SignUp), "email", now);
        assert_eq!(
            codes.take(&key(CodePurpose::NewPassword), &digits, now),
            Err(CodeRefusal::Expired)
        );
    }

    #[test]
    fn codes_expire_as_cognito_says() {
        for (purpose, hours) in [
            (CodePurpose::SignUp, 24),
            (CodePurpose::NewPassword, 1),
            (CodePurpose::Email, 24),
        ] {
            let (codes, now) = (Codes::default(), Instant::now());
            let digits = codes.issue(key(purpose), "email", now);
            let end = now + Duration::from_secs(hours * 3600);
            assert_eq!(
                codes.take(&key(purpose), &digits, end),
                Err(CodeRefusal::Expired)
            );
            let before = end - Duration::from_secs(1);
            assert!(codes.take(&key(purpose), &digits, before).is_ok());
        }
    }

    #[test]
    fn a_user_who_is_gone_takes_their_codes_along() {
        let (codes, now) = (Codes::default(), Instant::now());
        let digits = codes.issue(key(CodePurpose::SignUp), "email", now);
        codes.forget("p", "another");
        assert!(codes.take(&key(CodePurpose::SignUp), &digits, now).is_ok());
        for purpose in [CodePurpose::SignUp, CodePurpose::Email] {
            codes.issue(key(purpose), "email", now);
        }
        codes.forget("p", "u");
        assert!(codes.lock().is_empty());
    }

    #[test]
    fn a_code_put_back_yields_to_a_newer_one() {
        let (codes, now) = (Codes::default(), Instant::now());
        let old = codes.issue(key(CodePurpose::SignUp), "email", now);
        let taken = codes
            .take(&key(CodePurpose::SignUp), &old, now)
            .expect("right");
        let new = codes.issue(key(CodePurpose::SignUp), "phone_number", now);
        codes.put_back(key(CodePurpose::SignUp), taken);
        let code = codes
            .take(&key(CodePurpose::SignUp), &new, now)
            .expect("newer");
        assert_eq!(code.attribute, "phone_number");
    }
}
