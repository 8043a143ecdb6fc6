//! What Lambda gave up: the messages of the queue where confirmUser's failures go, read and judged.
//!
//! A message is a record of Lambda's about an asynchronous invocation (developer guide, "Capturing records of Lambda
//! asynchronous invocations"), and whoever may send to the queue can send anything. So nothing in one is believed but which
//! user it is about: what is done for that user follows from the record and the account, as in every repair.

use std::collections::{BTreeMap, BTreeSet};

use saasauth_contract::handover::{CONFIRM_SIGN_UP, Handover};
use serde::Deserialize;
use serde_json::{Value, json};

use super::DeployedStage;
use crate::aws::trace;
use saasauth_model::error::{Error, Result};

/// How many messages one run takes. They are kept from others meanwhile, and have to be done in that time.
const MOST: usize = 2_000;

/// The largest that Lambda takes for an asynchronous invocation is far below (its quotas), and so is what we hand over.
const LARGEST: usize = 1024 * 1024;

/// The version of Lambda's record that this is written for.
const VERSION: &str = "1.0";

/// The longest `sub` is a UUID; half as long again for whatever else a pool may come to use.
const LONGEST_SUB: usize = 64;

/// What was in the queue, and what became of it.
#[derive(Debug, Default)]
pub struct Failures {
    /// Whether the stage has a queue; one that an earlier version deployed has none.
    pub has_queue: bool,
    /// How many messages there were; about how many, when nothing was to be done.
    pub messages: usize,
    /// Those whose work was handed over again, and which are gone.
    pub handed_over: usize,
    /// Those whose work was done meanwhile, or whose user is gone; they are gone, too.
    pub settled: usize,
    /// Those that stay.
    pub left: Vec<Left>,
    /// Whether there may be more than one run takes.
    pub more: bool,
}

/// A message that stays in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Its ID.
    pub id: String,
    /// Why it stays.
    pub reason: String,
}

impl Failures {
    /// As `repair --json` shows it; nothing for a stage without a queue.
    pub(super) fn document(&self) -> Value {
        if !self.has_queue {
            return Value::Null;
        }
        let left = self.left.iter();
        let left: Vec<Value> = left
            .map(|left| json!({ "id": left.id, "reason": left.reason }))
            .collect();
        json!({
            "messages": self.messages,
            "handed_over": self.handed_over,
            "settled": self.settled,
            "left": left,
            "more": self.more,
        })
    }

    /// Says about how many messages there are, and takes none.
    pub(super) async fn counted(deployed: &DeployedStage) -> Result<Self> {
        let Some(queue) = deployed.failures() else {
            return Ok(Self::default());
        };
        let count = deployed.aws.message_count(queue).await;
        let count = count.map_err(|fault| fault.while_doing(READING))?;
        Ok(Self {
            has_queue: count.is_some(),
            messages: usize::try_from(count.unwrap_or_default()).unwrap_or_default(),
            ..Self::default()
        })
    }
}

const READING: &str = "could not read the queue of what Lambda gave up";

/// What a message asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// What is owed to the user of this `sub`.
    Deliveries(String),
    /// The whole confirmation of the user of this `sub`.
    Confirmation(String),
}

/// Messages that were taken out of the queue, each of which is deleted or put back in the end.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    has_queue: bool,
    /// By ID, with the latest receipt: SQS may give one twice.
    messages: BTreeMap<String, (String, std::result::Result<Asked, String>)>,
    more: bool,
}

/// What became of a user's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    HandedOver,
    Settled,
    Failed,
}

impl Inbox {
    /// Takes the messages of a stage.
    pub(super) async fn of(deployed: &DeployedStage) -> Result<Self> {
        let mut inbox = Self::default();
        let (Some(queue), Ok(function)) = (deployed.failures(), deployed.confirm_user()) else {
            return Ok(inbox);
        };
        let aws = &deployed.aws;
        let failed = |fault: crate::aws::Fault| fault.while_doing(READING);
        let account = aws.caller().await.map_err(failed)?.account;
        let ours = Ours {
            function: format!(":{}:{account}:function:{function}", aws.region()),
            pool: deployed.pool.clone(),
        };
        while inbox.messages.len() < MOST {
            let Some(some) = aws.take_messages(queue).await.map_err(failed)? else {
                return Ok(inbox);
            };
            inbox.has_queue = true;
            if some.is_empty() {
                return Ok(inbox);
            }
            for message in some {
                let asked = ours.read(&message.body);
                inbox.messages.insert(message.id, (message.receipt, asked));
            }
        }
        inbox.more = true;
        Ok(inbox)
    }

    /// The users whose confirmation is asked for.
    pub(super) fn to_confirm(&self) -> BTreeSet<String> {
        let asked = self.messages.values().map(|(_, asked)| asked);
        let subs = asked.filter_map(|asked| match asked {
            Ok(Asked::Confirmation(sub)) => Some(sub.clone()),
            _ => None,
        });
        subs.collect()
    }

    /// Deletes what is done, and puts the rest back. What fails on the way comes back to the queue by itself.
    pub(super) async fn close(
        self,
        deployed: &DeployedStage,
        outcome: impl Fn(&Asked) -> Outcome,
        errors: &mut Vec<Error>,
    ) -> Failures {
        let mut failures = Failures {
            has_queue: self.has_queue,
            messages: self.messages.len(),
            more: self.more,
            ..Failures::default()
        };
        let (mut done, mut back) = (Vec::new(), Vec::new());
        for (id, (receipt, asked)) in self.messages {
            let reason = match asked.map(|asked| outcome(&asked)) {
                Ok(Outcome::HandedOver) => {
                    failures.handed_over += 1;
                    done.push(receipt);
                    continue;
                }
                Ok(Outcome::Settled) => {
                    failures.settled += 1;
                    done.push(receipt);
                    continue;
                }
                Ok(Outcome::Failed) => "its work could not be handed over".to_owned(),
                Err(reason) => reason,
            };
            back.push(receipt);
            failures.left.push(Left { id, reason });
        }
        let Some(queue) = deployed.failures() else {
            return failures;
        };
        let (deleted, put_back) = tokio::join!(
            trace::beside(deployed.aws.delete_messages(queue, &done)),
            trace::beside(deployed.aws.put_messages_back(queue, &back)),
        );
        let doing = "could not delete what is done from the queue of what Lambda gave up";
        errors.extend(deleted.err().map(|fault| fault.while_doing(doing)));
        let doing = "could not put messages back into the queue of what Lambda gave up";
        errors.extend(put_back.err().map(|fault| fault.while_doing(doing)));
        failures
    }
}

/// Lambda's record of an invocation that failed, as far as it is read. What else stands in it is passed over.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    /// Emulators leave it out.
    version: Option<String>,
    request_context: RequestContext,
    request_payload: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    function_arn: String,
}

/// What tells our messages from others'.
#[derive(Debug)]
struct Ours {
    /// Region, account and name, as a function's ARN has them.
    function: String,
    pool: String,
}

impl Ours {
    /// What a message asks for, or why it is none of ours.
    fn read(&self, body: &str) -> std::result::Result<Asked, String> {
        if body.len() > LARGEST {
            return Err(format!("it has {} bytes, and no record has", body.len()));
        }
        let record: Record = serde_json::from_str(body)
            .map_err(|_| "it is no record of an invocation by Lambda".to_owned())?;
        if let Some(version) = record.version.filter(|version| version != VERSION) {
            let version = start(&version);
            return Err(format!(
                "it is a record of version `{version}`, which this version of saasauth doesn't know"
            ));
        }
        let arn = &record.request_context.function_arn;
        let is_ours = arn.split_once(&self.function).is_some_and(|(_, rest)| {
            // The version, behind the name.
            rest.is_empty() || rest.starts_with(':')
        });
        if !is_ours {
            return Err(format!("it is about `{}`", start(arn)));
        }
        let asked = Handover::<Value>::deserialize(&record.request_payload);
        let (sub, asked): (_, fn(String) -> Asked) = match asked {
            Ok(Handover::Deliver { sub, .. }) => (sub.into_owned(), Asked::Deliveries),
            Ok(Handover::Confirm { event }) => (self.confirmed(&event)?, Asked::Confirmation),
            Err(_) => return Err("it asks for nothing that this version knows".to_owned()),
        };
        let is_sub = |sub: &str| {
            (1..=LONGEST_SUB).contains(&sub.len())
                && sub.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
        };
        match is_sub(&sub) {
            true => Ok(asked(sub)),
            false => Err("it names no user".to_owned()),
        }
    }

    /// The `sub` of the user whose sign-up an event of Cognito's is about.
    fn confirmed(&self, event: &Value) -> std::result::Result<String, String> {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
        if text("/triggerSource") != Some(CONFIRM_SIGN_UP) {
            return Err("its event is no confirmed sign-up".to_owned());
        }
        match text("/userPoolId") {
            Some(pool) if pool == self.pool => {}
            pool => {
                let pool = start(pool.unwrap_or_default());
                return Err(format!("it is about the user pool `{pool}`"));
            }
        }
        let sub = text("/request/userAttributes/sub");
        sub.map(str::to_owned)
            .ok_or_else(|| "it names no user".to_owned())
    }
}

/// As much of a stranger's text as a line bears.
fn start(text: &str) -> String {
    const MOST: usize = 120;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Ours {
        Ours {
            function: ":eu-west-1:111122223333:function:acme-dev-confirm-user".to_owned(),
            pool: "eu-west-1_Abc".to_owned(),
        }
    }

    const FUNCTION: &str =
        "arn:aws:lambda:eu-west-1:111122223333:function:acme-dev-confirm-user:$LATEST";

    /// The example of the developer guide, with what confirmUser is handed.
    fn record(payload: &Value) -> Value {
        json!({
            "version": "1.0",
            "timestamp": "2019-11-14T18:16:05.568Z",
            "requestContext": {
                "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
                "functionArn": FUNCTION,
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 3,
            },
            "requestPayload": payload,
            "responseContext": {
                "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled",
            },
            "responsePayload": { "errorMessage": "deliveries are left", "errorType": "Left" },
        })
    }

    fn event(pool: &str, source: &str) -> Value {
        json!({
            "triggerSource": source,
            "userPoolId": pool,
            "request": { "userAttributes": { "sub": "s-1", "email_verified": "true" } },
        })
    }

    #[test]
    fn what_confirm_user_was_handed_is_read_off_lambdas_record() {
        let ours = ours();
        let deliver = record(&json!({ "saasauth": "deliver", "sub": "s-1", "asked": true }));
        assert_eq!(
            ours.read(&deliver.to_string()),
            Ok(Asked::Deliveries("s-1".to_owned()))
        );
        let event = event("eu-west-1_Abc", CONFIRM_SIGN_UP);
        let confirm = record(&json!({ "saasauth": "confirm", "event": event }));
        assert_eq!(
            ours.read(&confirm.to_string()),
            Ok(Asked::Confirmation("s-1".to_owned()))
        );
        // As an emulator writes it.
        let mut bare = deliver.clone();
        bare["version"].take();
        bare["requestContext"]["functionArn"] = json!(FUNCTION.trim_end_matches(":$LATEST"));
        assert!(ours.read(&bare.to_string()).is_ok());
    }

    #[test]
    fn what_is_none_of_ours_is_told_by_its_reason() {
        let deliver = json!({ "saasauth": "deliver", "sub": "s-1" });
        let with = |pointer: &str, value: Value| {
            let mut record = record(&deliver);
            *record.pointer_mut(pointer).expect("it has that") = value;
            record.to_string()
        };
        let handed = |payload: Value| record(&payload).to_string();
        let confirm = |event: Value| handed(json!({ "saasauth": "confirm", "event": event }));
        let deep = "[".repeat(100_000);
        let table = [
            ("hello".to_owned(), "no record"),
            ("null".to_owned(), "no record"),
            (deep, "no record"),
            ("{}".to_owned(), "no record"),
            (deliver.to_string(), "no record"),
            ("x".repeat(LARGEST + 1), "bytes"),
            (with("/version", json!("2.0")), "version `2.0`"),
            (with("/version", json!(1)), "no record"),
            (
                with(
                    "/requestContext/functionArn",
                    json!(FUNCTION.replace("1111", "9999")),
                ),
                "it is about `arn:aws:lambda:eu-west-1:999922223333",
            ),
            (
                with(
                    "/requestContext/functionArn",
                    json!(format!("{}-2", FUNCTION.trim_end_matches(":$LATEST"))),
                ),
                "confirm-user-2`",
            ),
            (handed(json!("text")), "nothing that this version knows"),
            (
                handed(json!({ "saasauth": "purge" })),
                "nothing that this version knows",
            ),
            (
                handed(json!({ "saasauth": "deliver", "sub": "" })),
                "names no user",
            ),
            (
                handed(json!({ "saasauth": "deliver", "sub": "\u{1b}[2J" })),
                "names no user",
            ),
            (
                confirm(event("eu-west-1_Other", CONFIRM_SIGN_UP)),
                "the user pool `eu-west-1_Other`",
            ),
            (
                confirm(event(
                    "eu-west-1_Abc",
                    "PostConfirmation_ConfirmForgotPassword",
                )),
                "no confirmed sign-up",
            ),
            (confirm(json!([])), "no confirmed sign-up"),
        ];
        for (body, reason) in table {
            let refused = ours().read(&body).expect_err(reason);
            assert!(refused.contains(reason), "{refused}");
            assert!(refused.chars().count() < 250, "{refused}");
        }
    }
}
