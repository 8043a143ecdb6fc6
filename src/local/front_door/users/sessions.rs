//! Sign-ins under way: what a `Session` stands for between a challenge and its answer.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rand::RngCore;

use super::totp;

/// What the next answer has to be.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A password of the user's own, with the attributes that are missing.
    NewPassword {
        required: Vec<String>,
    },
    /// A second factor has to be set up; an authenticator app, with the secret that was given out.
    MfaSetup {
        secret: Option<totp::Secret>,
    },
    /// It was set up, so the answer to the challenge may follow.
    MfaIsSetUp,
    /// One of these second factors is to be chosen.
    SelectMfa {
        factors: Vec<&'static str>,
    },
    /// The code of an authenticator app.
    Totp,
    /// A code that was sent to the user's address or number.
    Code {
        challenge: &'static str,
        code: String,
        attribute: &'static str,
    },
    /// One of these first factors is to be chosen.
    SelectChallenge {
        challenges: Vec<&'static str>,
    },
    /// The password, or the beginning of its proof by SRP.
    Password,
    PasswordSrp,
    /// A sign-up that waits for its code, and may go on to a sign-in.
    SignedUp,
    /// The code was right.
    Confirmed,
}

impl Step {
    /// Whether an answer to this challenge is due.
    pub(super) fn awaits(&self, challenge: &str) -> bool {
        match self {
            Self::NewPassword { .. } => challenge == "NEW_PASSWORD_REQUIRED",
            Self::MfaSetup { .. } | Self::MfaIsSetUp => challenge == "MFA_SETUP",
            Self::SelectMfa { .. } => challenge == "SELECT_MFA_TYPE",
            Self::Totp => challenge == "SOFTWARE_TOKEN_MFA",
            Self::Code { challenge: due, .. } => challenge == *due,
            Self::SelectChallenge { .. } => challenge == "SELECT_CHALLENGE",
            Self::Password => challenge == "PASSWORD",
            Self::PasswordSrp => challenge == "PASSWORD_SRP",
            Self::SignedUp | Self::Confirmed => false,
        }
    }
}

/// A sign-in that waits for an answer.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) pool_id: String,
    pub(super) client_id: String,
    /// The pool's own name of the user. `None` for a name that nobody has, where that is kept secret.
    pub(super) username: Option<String>,
    pub(super) step: Step,
    expires: Instant,
}

impl Session {
    pub(super) fn new(
        pool_id: &str,
        client_id: &str,
        username: Option<&str>,
        step: Step,
        expires: Instant,
    ) -> Self {
        Self {
            pool_id: pool_id.to_owned(),
            client_id: client_id.to_owned(),
            username: username.map(str::to_owned),
            step,
            expires,
        }
    }

    /// The same sign-in, one step on.
    pub(super) fn at(&self, step: Step) -> Self {
        Self {
            step,
            ..self.clone()
        }
    }
}

/// Why a session is not taken, in Cognito's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionRefusal {
    Unknown,
    Expired,
    Used,
}

impl SessionRefusal {
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::Unknown => "Invalid session for the user.",
            Self::Expired => "Invalid session for the user, session is expired.",
            Self::Used => "Invalid session for the user, session can only be used once.",
        }
    }
}

/// The sign-ins under way, by session.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    inner: Mutex<HashMap<String, Entry>>,
}

#[derive(Debug)]
struct Entry {
    session: Session,
    used: bool,
}

/// How long one that has ended is remembered, to say why it is not taken.
const REMEMBERED: Duration = Duration::from_secs(15 * 60);

impl Sessions {
    /// Begins, or goes on with, a sign-in; the text for its caller, which nobody can guess.
    pub(super) fn open(&self, session: Session, now: Instant) -> String {
        let mut bytes = [0; 48];
        rand::rng().fill_bytes(&mut bytes);
        let token = BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let mut sessions = self.lock();
        sessions.retain(|_, entry| entry.session.expires + REMEMBERED > now);
        let used = false;
        sessions.insert(token.clone(), Entry { session, used });
        token
    }

    /// What a session stands for. It stays good: a wrong code may be followed by the right one.
    pub(super) fn get(&self, token: &str, now: Instant) -> Result<Session, SessionRefusal> {
        match self.lock().get(token) {
            None => Err(SessionRefusal::Unknown),
            Some(entry) if entry.used => Err(SessionRefusal::Used),
            Some(entry) if entry.session.expires <= now => Err(SessionRefusal::Expired),
            Some(entry) => Ok(entry.session.clone()),
        }
    }

    /// Ends it. Of two right answers at once only one gets `true`.
    pub(super) fn close(&self, token: &str) -> bool {
        self.lock()
            .get_mut(token)
            .is_some_and(|entry| !std::mem::replace(&mut entry.used, true))
    }

    /// Opens it again: the answer was right, and what followed failed.
    pub(super) fn reopen(&self, token: &str) {
        if let Some(entry) = self.lock().get_mut(token) {
            entry.used = false;
        }
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_good_once_and_for_its_time() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let life = Duration::from_secs(180);
        let open = || {
            let session = Session::new("p", "c", Some("u"), Step::Totp, now + life);
            sessions.open(session, now)
        };
        let token = open();
        assert_ne!(token, open());
        assert!(token.len() >= 20, "the shortest that SDKs take");
        assert!(sessions.get(&token, now).is_ok());
        let refusal = |token: &str, now| sessions.get(token, now).map(drop).err();
        assert_eq!(refusal(&token, now + life), Some(SessionRefusal::Expired));
        assert!(sessions.close(&token));
        assert!(!sessions.close(&token));
        assert_eq!(refusal(&token, now), Some(SessionRefusal::Used));
        sessions.reopen(&token);
        assert_eq!(refusal(&token, now), None);
        assert_eq!(refusal("made up", now), Some(SessionRefusal::Unknown));
    }

    #[test]
    fn an_answer_has_to_fit_the_challenge() {
        assert!(Step::Totp.awaits("SOFTWARE_TOKEN_MFA"));
        assert!(!Step::Totp.awaits("MFA_SETUP"));
        let setup = Step::MfaSetup { secret: None };
        assert!(setup.awaits("MFA_SETUP") && !setup.awaits("SOFTWARE_TOKEN_MFA"));
    }
}
