//! Codes that prove an address or a number: sent, taken, and what they set.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::{Value, json};

use super::attributes::Given;
use super::facts::{Pool, User};
use super::{Operation, ReplyResult, answer, refuse};
use crate::local::front_door::call::Reply;
use crate::local::front_door::codes::{CodeKey, CodePurpose, CodeRefusal, IssuedCode};
use crate::local::front_door::cognito::CONFIRM_PATH;
use crate::local::front_door::message::{Contact, EMAIL, Message, PHONE};

const WRONG_CODE: &str = "Invalid verification code provided, please try again.";
const OLD_CODE: &str = "Invalid code provided, please request a code again.";

/// A user's address or number: pool, the pool's own name of the user, attribute.
type Change = (String, String, &'static str);

/// New addresses and numbers that wait until they are proved.
#[derive(Debug, Default)]
pub(super) struct Changes {
    inner: Mutex<HashMap<Change, String>>,
}

impl Changes {
    fn begin(&self, pool_id: &str, username: &str, attribute: &'static str, value: &str) {
        let key = (pool_id.to_owned(), username.to_owned(), attribute);
        self.lock().insert(key, value.to_owned());
    }

    fn pending(&self, pool_id: &str, username: &str, attribute: &'static str) -> Option<String> {
        let key = (pool_id.to_owned(), username.to_owned(), attribute);
        self.lock().get(&key).cloned()
    }

    /// A value was set, so none waits any more.
    fn settle(&self, pool_id: &str, username: &str, attribute: &str) {
        self.lock().retain(|(pool, user, name), _| {
            (pool.as_str(), user.as_str(), *name) != (pool_id, username, attribute)
        });
    }

    pub(super) fn forget(&self, pool_id: &str, username: &str) {
        self.lock()
            .retain(|(pool, user, _), _| (pool.as_str(), user.as_str()) != (pool_id, username));
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Change, String>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attribute that can be proved, by its name.
pub(super) fn provable(name: &str) -> Option<&'static str> {
    [EMAIL, PHONE].into_iter().find(|known| *known == name)
}

fn purpose_of(attribute: &str) -> CodePurpose {
    if attribute == PHONE {
        CodePurpose::PhoneNumber
    } else {
        CodePurpose::Email
    }
}

impl Operation<'_> {
    /// Uses up the code, confirms with the emulator, and marks the address the code proved.
    pub(super) async fn with_code(
        &self,
        pool: &Pool,
        user: User,
        purpose: CodePurpose,
        force: bool,
    ) -> Result<(User, Reply), Box<Reply>> {
        let given = self.text("ConfirmationCode").unwrap_or_default();
        let (key, code) = self.take_code(pool, &user, purpose, given)?;
        let confirmed = async {
            let taken = if self.door.strict && purpose == CodePurpose::SignUp {
                self.taken(pool, &user, code.attribute, force).await?
            } else {
                Vec::new()
            };
            let reply = self.forward_with(&self.naming(&user)).await?;
            Ok((reply, taken))
        };
        let (reply, taken) = match confirmed.await {
            Ok(done) => done,
            Err(refusal) => {
                // A password the policy refuses must not cost the code.
                self.door.codes.put_back(key, code);
                return Err(refusal);
            }
        };
        self.unprove(pool, taken).await?;
        // The emulator confirms the user and leaves the address unproved; AWS marks it.
        let flag = format!("{}_verified", code.attribute);
        let verified = json!([{ "Name": flag, "Value": "true" }]);
        self.set_attributes(pool, &user.username, &verified).await?;
        let user = self.user(pool, &user.username).await.unwrap_or(user);
        Ok((user, reply))
    }

    fn take_code(
        &self,
        pool: &Pool,
        user: &User,
        purpose: CodePurpose,
        given: &str,
    ) -> Result<(CodeKey, IssuedCode), Box<Reply>> {
        let key = CodeKey {
            pool_id: pool.id.clone(),
            username: user.username.clone(),
            purpose,
        };
        let code = self.door.codes.take(&key, given, Instant::now());
        match code {
            Ok(code) => Ok((key, code)),
            Err(CodeRefusal::Mismatch) => refuse("CodeMismatchException", WRONG_CODE),
            Err(CodeRefusal::Expired) => refuse("ExpiredCodeException", OLD_CODE),
        }
    }

    /// Makes a code and puts it into the mailbox; the answer's `CodeDeliveryDetails`, or nothing
    /// when there is nowhere to send it.
    pub(super) fn send_code(
        &self,
        pool: &Pool,
        user: &User,
        purpose: CodePurpose,
    ) -> Option<Value> {
        let contact = match purpose {
            CodePurpose::SignUp => Contact::for_sign_up(&pool.described, &user.attributes),
            CodePurpose::NewPassword => Contact::for_recovery(&pool.described, &user.attributes),
            CodePurpose::Email => Contact::of(EMAIL, &user.attributes),
            CodePurpose::PhoneNumber => Contact::of(PHONE, &user.attributes),
        }?;
        Some(self.send_code_to(pool, user, purpose, &contact, Instant::now()))
    }

    fn send_code_to(
        &self,
        pool: &Pool,
        user: &User,
        purpose: CodePurpose,
        contact: &Contact,
        now: Instant,
    ) -> Value {
        let key = CodeKey {
            pool_id: pool.id.clone(),
            username: user.username.clone(),
            purpose,
        };
        let code = self.door.codes.issue(key, contact.attribute, now);
        let by_link = purpose == CodePurpose::SignUp
            && pool
                .described
                .pointer("/VerificationMessageTemplate/DefaultEmailOption")
                == Some(&json!("CONFIRM_WITH_LINK"));
        let link = by_link.then(|| {
            let client_id = self.text("ClientId").unwrap_or_default();
            self.door.link(
                CONFIRM_PATH,
                &[
                    ("client_id", client_id),
                    ("user_name", &user.username),
                    ("confirmation_code", &code),
                ],
            )
        });
        let message = Message {
            pool: &pool.described,
            contact,
            username: user.sign_in_name(&pool.described),
            code: &code,
            link: link.as_deref(),
        };
        self.door.mailbox.put(message.render(pool.account()));
        contact.delivery_details()
    }

    /// A value was set by other means: a code that went to another proves nothing of it.
    pub(super) fn settle(&self, pool: &Pool, user: &User, attribute: &str) {
        let Some(attribute) = provable(attribute) else {
            return;
        };
        self.door
            .users
            .changes
            .settle(&pool.id, &user.username, attribute);
        self.door.codes.drop_one(&CodeKey {
            pool_id: pool.id.clone(),
            username: user.username.clone(),
            purpose: purpose_of(attribute),
        });
    }

    /// An operation on a name that nobody has. Where the app client hides that, the emulator answers as if
    /// somebody had it; the details are brought into the shape that they have for somebody, and the
    /// limits are the same.
    pub(super) async fn for_nobody(&self) -> ReplyResult {
        let pool = if self.door.strict {
            self.pool_at_hand().await
        } else {
            None
        };
        let Some(pool) = pool else {
            return self.forward().await;
        };
        let name = self.text("Username").unwrap_or_default();
        let nobody = User {
            username: pool.spelling(name),
            ..User::default()
        };
        self.refuse_too_many(&pool, &nobody)?;
        let reply = self.forward().await?;
        let body = reply.json().unwrap_or_default();
        if body.get("CodeDeliveryDetails").is_none() {
            return Ok(reply);
        }
        let attribute = if name.starts_with('+') { PHONE } else { EMAIL };
        let contact = Contact {
            attribute,
            address: name.to_owned(),
        };
        Ok(self.with_delivery(reply, Some(contact.delivery_details())))
    }

    pub(super) fn with_delivery(&self, reply: Reply, details: Option<Value>) -> Reply {
        match details {
            Some(details) => reply.with_json(&json!({ "CodeDeliveryDetails": details })),
            None => reply,
        }
    }

    /// Sends the code for a new address or number, which takes the old one's place once it is proved.
    pub(super) fn hold_back(
        &self,
        pool: &Pool,
        user: &User,
        given: &Given<'_>,
        now: Instant,
    ) -> Option<Value> {
        let attribute = provable(given.name)?;
        let changes = &self.door.users.changes;
        changes.begin(&pool.id, &user.username, attribute, given.value);
        let contact = Contact {
            attribute,
            address: given.value.to_owned(),
        };
        let purpose = purpose_of(attribute);
        Some(self.send_code_to(pool, user, purpose, &contact, now))
    }

    /// Sends a code to the address or number that a signed-in user wants to prove.
    pub(super) async fn send_verification(&self) -> ReplyResult {
        let bearer = self.bearer().await?;
        let (pool, user) = (&bearer.pool, &bearer.user);
        let Some(attribute) = self.text("AttributeName").and_then(provable) else {
            return refuse("InvalidParameterException", "Invalid attribute name.");
        };
        self.refuse_too_many(pool, user)?;
        let pending = self
            .door
            .users
            .changes
            .pending(&pool.id, &user.username, attribute);
        let Some(address) = pending.or_else(|| user.attributes.get(attribute).cloned()) else {
            let message = format!("User does not have {attribute} registered.");
            return refuse("InvalidParameterException", &message);
        };
        let given = Given {
            name: attribute,
            value: &address,
        };
        let details = self.hold_back(pool, user, &given, Instant::now());
        Ok(answer(&json!({ "CodeDeliveryDetails": details })))
    }

    /// Takes the code: from now on the address or number is the user's, and proved.
    pub(super) async fn verify_attribute(&self) -> ReplyResult {
        let bearer = self.bearer().await?;
        let (pool, user) = (&bearer.pool, &bearer.user);
        let Some(attribute) = self.text("AttributeName").and_then(provable) else {
            return refuse("InvalidParameterException", "Invalid attribute name.");
        };
        self.refuse_too_many(pool, user)?;
        let purpose = purpose_of(attribute);
        let given = self.text("Code").unwrap_or_default();
        let (key, code) = self.take_code(pool, user, purpose, given)?;
        let mut user = user.clone();
        let changes = &self.door.users.changes;
        // What the code was sent to, which may be what the user has already.
        if let Some(value) = changes.pending(&pool.id, &user.username, attribute) {
            user.attributes.insert(attribute.to_owned(), value);
        }
        if let Err(refusal) = self.taken(pool, &user, attribute, false).await {
            self.door.codes.put_back(key, code);
            return Err(refusal);
        }
        let value = user.attributes.get(attribute).cloned().unwrap_or_default();
        let proved = json!([
            { "Name": attribute, "Value": value },
            { "Name": format!("{attribute}_verified"), "Value": "true" },
        ]);
        self.set_attributes(pool, &user.username, &proved).await?;
        changes.settle(&pool.id, &user.username, attribute);
        Ok(answer(&json!({})))
    }
}
