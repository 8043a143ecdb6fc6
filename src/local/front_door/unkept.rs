//! Settings of pools and clients that the emulator takes and forgets, remembered beside it: what an update would lose
//! on AWS must be there to be lost here.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};

use super::call::Reply;

/// Of a pool. The last one is kept by an update that leaves it out, by its description in the model.
const POOL: [&str; 4] = [
    "AcrConfiguration",
    "IssuerConfiguration",
    "KeyConfiguration",
    KEPT,
];
const KEPT: &str = "DcrConfiguration";
/// Of a client.
const CLIENT: [&str; 1] = ["RefreshTokenRotation"];

/// By the ID of the pool or the client, both of which are unique.
#[derive(Debug, Default)]
pub(super) struct Unkept {
    inner: Mutex<HashMap<String, Map<String, Value>>>,
}

impl Unkept {
    /// Takes note of a request that was carried out, and adds what is remembered to its answer.
    pub(super) fn apply(&self, action: &str, input: &Value, answer: &mut Value) {
        let (names, described): (&[&str], _) = match action {
            "CreateUserPool" | "UpdateUserPool" | "DescribeUserPool" | "DeleteUserPool" => {
                (&POOL, ("UserPool", "Id", "UserPoolId"))
            }
            "CreateUserPoolClient"
            | "UpdateUserPoolClient"
            | "DescribeUserPoolClient"
            | "DeleteUserPoolClient" => (&CLIENT, ("UserPoolClient", "ClientId", "ClientId")),
            _ => return,
        };
        let (member, id, asked) = described;
        let id = answer[member][id]
            .as_str()
            .or_else(|| input[asked].as_str());
        let Some(id) = id.map(str::to_owned) else {
            return;
        };
        let mut all = self.lock();
        if action.starts_with("Delete") {
            all.remove(&id);
            return;
        }
        let settings = all.entry(id).or_default();
        if !action.starts_with("Describe") {
            for name in names {
                match &input[name] {
                    Value::Null if *name == KEPT => {}
                    Value::Null => drop(settings.remove(*name)),
                    given => drop(settings.insert((*name).to_owned(), given.clone())),
                }
            }
        }
        if let Some(described) = answer[member].as_object_mut() {
            for (name, value) in settings {
                described.insert(name.clone(), value.clone());
            }
        }
    }

    /// The answer to an operation, with what is remembered: where nothing else is made of it.
    pub(super) fn add_to(&self, action: &str, asked: &[u8], reply: Reply) -> Reply {
        let answer = reply.is_success().then(|| reply.json()).flatten();
        let (Some(mut answer), Ok(input)) = (answer, serde_json::from_slice(asked)) else {
            return reply;
        };
        self.apply(action, &input, &mut answer);
        reply.with_json(&answer)
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Map<String, Value>>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_set_is_described_until_an_update_leaves_it_out() {
        let unkept = Unkept::default();
        let pool = || json!({ "UserPool": { "Id": "p" } });
        let id = json!({ "UserPoolId": "p" });
        let described = || {
            let mut answer = pool();
            unkept.apply("DescribeUserPool", &id, &mut answer);
            answer["UserPool"].clone()
        };
        let input =
            json!({ "KeyConfiguration": { "KeyType": "AWS_OWNED" }, "DcrConfiguration": {} });
        let mut answer = pool();
        unkept.apply("CreateUserPool", &input, &mut answer);
        assert_eq!(
            answer["UserPool"]["KeyConfiguration"]["KeyType"],
            "AWS_OWNED"
        );
        assert_eq!(described(), answer["UserPool"]);
        unkept.apply("UpdateUserPool", &id, &mut json!({}));
        assert_eq!(described(), json!({ "Id": "p", "DcrConfiguration": {} }));
        unkept.apply("DeleteUserPool", &id, &mut json!({}));
        assert_eq!(described(), json!({ "Id": "p" }));
    }
}
