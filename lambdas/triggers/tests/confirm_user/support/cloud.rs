//! AWS as far as the function uses it, in one HTTP server: items that change under true conditions, mail
//! that is kept, secrets, and invocations that wait to be run. Faults are put in front of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::server::{Received, Reply, Server};

/// The cloud, and the server it is reached at.
#[derive(Debug)]
pub(crate) struct Cloud {
    pub(crate) server: Server,
    state: Arc<Mutex<State>>,
}

/// What happens to a request.
#[derive(Debug, Clone)]
enum Fault {
    /// This, instead of what was asked for.
    Instead(Reply),
    /// What was asked for, but nobody hears of it.
    Lost,
    /// What was asked for.
    None,
}

#[derive(Debug, Default)]
struct State {
    /// Items by table, `pk` and `sk`.
    items: BTreeMap<(String, String, String), Value>,
    mails: Vec<Value>,
    secrets: BTreeMap<String, String>,
    /// Payloads of asynchronous invocations.
    invocations: Vec<Value>,
    faults: Vec<(&'static str, usize, Fault)>,
    calls: Vec<String>,
}

impl Cloud {
    pub(crate) async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let server =
            Server::start(move |asked| shared.lock().expect("no panic holds it").answer(asked))
                .await;
        Self { server, state }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().expect("no panic holds it"))
    }

    pub(crate) fn url(&self) -> &str {
        &self.server.url
    }

    /// The next so many requests of this operation go wrong.
    pub(crate) fn fail(&self, operation: &'static str, times: usize, reply: Reply) {
        self.with(|state| state.faults.push((operation, times, Fault::Instead(reply))));
    }

    /// The next so many requests of this operation go well, whatever is told to fail after them.
    pub(crate) fn pass(&self, operation: &'static str, times: usize) {
        self.with(|state| state.faults.push((operation, times, Fault::None)));
    }

    /// The next so many requests of this operation are carried out, and their answers are lost.
    pub(crate) fn lose(&self, operation: &'static str, times: usize) {
        self.with(|state| state.faults.push((operation, times, Fault::Lost)));
    }

    /// Every fault is over.
    pub(crate) fn heal(&self) {
        self.with(|state| state.faults.clear());
    }

    pub(crate) fn put(&self, table: &str, item: Value) {
        self.with(|state| state.items.insert(key(table, &item), item));
    }

    pub(crate) fn item(&self, table: &str, pk: &str, sk: &str) -> Option<Value> {
        let key = (table.to_owned(), pk.to_owned(), sk.to_owned());
        self.with(|state| state.items.get(&key).cloned())
    }

    /// The record of a user.
    pub(crate) fn user(&self, sub: &str) -> Option<Value> {
        self.item("permissions", &format!("USER#{sub}"), "")
    }

    /// How many records there are.
    pub(crate) fn users(&self) -> usize {
        self.with(|state| {
            let keys = state.items.keys();
            keys.filter(|(table, pk, _)| table == "permissions" && pk.starts_with("USER#"))
                .count()
        })
    }

    /// Names still owed to a user.
    pub(crate) fn pending(&self, sub: &str) -> Vec<String> {
        let user = self.user(sub).unwrap_or_default();
        let names = user["pending"]["SS"].as_array().cloned();
        names
            .unwrap_or_default()
            .iter()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect()
    }

    /// One field of how a delivery stands.
    pub(crate) fn standing(&self, sub: &str, delivery: &str, field: &str) -> Option<String> {
        let user = self.user(sub)?;
        let field = &user["deliveries"]["M"][delivery]["M"][field];
        let text = field["S"].as_str().or(field["N"].as_str());
        text.map(str::to_owned)
    }

    /// Time passes: whatever was held may be claimed.
    pub(crate) fn let_claims_run_out(&self, sub: &str) {
        self.with(|state| {
            let key = (
                "permissions".to_owned(),
                format!("USER#{sub}"),
                String::new(),
            );
            let item = state.items.get_mut(&key).expect("the user is recorded");
            let deliveries = item["deliveries"]["M"].as_object_mut();
            for standing in deliveries.expect("it has deliveries").values_mut() {
                standing["M"]["until"]["S"] = json!("2000-01-01T00:00:00Z");
            }
        });
    }

    /// The request bodies of every mail sent.
    pub(crate) fn mails(&self) -> Vec<Value> {
        self.with(|state| state.mails.clone())
    }

    pub(crate) fn set_secret(&self, name: &str, value: &str) {
        self.with(|state| state.secrets.insert(name.to_owned(), value.to_owned()));
    }

    /// Takes the asynchronous invocations that wait.
    pub(crate) fn take_invocations(&self) -> Vec<Value> {
        self.with(|state| std::mem::take(&mut state.invocations))
    }

    /// How often an operation was asked for.
    pub(crate) fn calls(&self, operation: &str) -> usize {
        self.with(|state| state.calls.iter().filter(|call| *call == operation).count())
    }
}

fn key(table: &str, item: &Value) -> (String, String, String) {
    let text = |name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
    (table.to_owned(), text("pk"), text("sk"))
}

fn refused(kind: &str, more: &Value) -> Reply {
    let mut body = json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{kind}") });
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.clone());
    }
    Reply::json(400, &body)
}

impl State {
    fn answer(&mut self, asked: &Received) -> Reply {
        assert!(
            asked
                .header("authorization")
                .starts_with("AWS4-HMAC-SHA256"),
            "unsigned: {}",
            asked.line()
        );
        let operation = match asked.header("x-amz-target").rsplit_once('.') {
            Some((_, operation)) => operation,
            None if asked.path.ends_with("/invocations") => "Invoke",
            None if asked.path == "/v2/email/outbound-emails" => "SendEmail",
            None => panic!("not an operation of this cloud: {}", asked.line()),
        };
        self.calls.push(operation.to_owned());
        let fault = self
            .faults
            .iter_mut()
            .find(|(name, times, _)| *name == operation && *times > 0);
        let mut is_lost = false;
        if let Some((_, times, fault)) = fault {
            *times -= 1;
            match fault {
                Fault::Instead(reply) => return reply.clone(),
                Fault::Lost => is_lost = true,
                Fault::None => {}
            }
        }
        let reply = self.carry_out(operation, asked);
        if is_lost { Reply::HangUp } else { reply }
    }

    fn carry_out(&mut self, operation: &str, asked: &Received) -> Reply {
        let body = asked.json();
        match operation {
            "GetItem" => self.get_item(&body),
            "TransactWriteItems" => self.transact(&body),
            "UpdateItem" => self.update_item(&body),
            "SendEmail" => {
                self.mails.push(body);
                Reply::json(200, &json!({ "MessageId": self.mails.len().to_string() }))
            }
            "GetParameter" => self.parameter(&body),
            "Invoke" => {
                assert_eq!(
                    asked.path,
                    "/2015-03-31/functions/acme-test-confirm-user/invocations"
                );
                assert_eq!(asked.header("x-amz-invocation-type"), "Event");
                self.invocations.push(body);
                Reply::text(202, "")
            }
            other => panic!("not an operation of this cloud: {other}"),
        }
    }

    fn get_item(&self, body: &Value) -> Reply {
        let table = body["TableName"].as_str().unwrap_or_default();
        match self.items.get(&key(table, &body["Key"])) {
            Some(item) => Reply::json(200, &json!({ "Item": item })),
            None => Reply::json(200, &json!({})),
        }
    }

    fn parameter(&self, body: &Value) -> Reply {
        assert_eq!(body["WithDecryption"], true);
        match self.secrets.get(body["Name"].as_str().unwrap_or_default()) {
            Some(value) => Reply::json(200, &json!({ "Parameter": { "Value": value } })),
            None => Reply::json(400, &json!({ "__type": "ParameterNotFound" })),
        }
    }

    fn transact(&mut self, body: &Value) -> Reply {
        let writes: Vec<_> = body["TransactItems"]
            .as_array()
            .expect("a transaction has items")
            .iter()
            .map(Write::of)
            .collect();
        let reasons: Vec<_> = writes
            .iter()
            .map(|write| {
                let old = self.items.get(&write.key);
                if write.holds(old) {
                    return json!({ "Code": "None" });
                }
                assert_eq!(write.body["ReturnValuesOnConditionCheckFailure"], "ALL_OLD");
                match old {
                    Some(old) => json!({ "Code": "ConditionalCheckFailed", "Item": old }),
                    None => json!({ "Code": "ConditionalCheckFailed" }),
                }
            })
            .collect();
        if reasons.iter().any(|reason| reason["Code"] != "None") {
            let reasons = json!({ "CancellationReasons": reasons });
            return refused("TransactionCanceledException", &reasons);
        }
        for write in writes {
            let item = write.outcome(self.items.get(&write.key));
            self.items.insert(write.key, item);
        }
        Reply::json(200, &json!({}))
    }

    fn update_item(&mut self, body: &Value) -> Reply {
        let table = body["TableName"].as_str().unwrap_or_default();
        let values = &body["ExpressionAttributeValues"];
        let name = body["ExpressionAttributeNames"]["#name"]
            .as_str()
            .unwrap_or_default();
        let key = key(table, &body["Key"]);
        let item = self.items.get_mut(&key);
        let holds = match (body["ConditionExpression"].as_str(), &item) {
            (Some("attribute_exists(pk)"), item) => item.is_some(),
            (
                Some(
                    "contains(pending, :name) AND \
                     (attribute_not_exists(deliveries.#name.#until) OR \
                     deliveries.#name.#until <= :now)",
                ),
                Some(item),
            ) => {
                let owed = item["pending"]["SS"]
                    .as_array()
                    .is_some_and(|names| names.contains(&values[":name"]["S"]));
                let until = item["deliveries"]["M"][name]["M"]["until"]["S"].as_str();
                owed && until
                    .is_none_or(|until| until <= values[":now"]["S"].as_str().expect("now"))
            }
            (
                Some(
                    "contains(pending, :name) AND \
                     (attribute_not_exists(deliveries.#name.#until) OR \
                     deliveries.#name.#until <= :now OR deliveries.#name.#state = :not_yet)",
                ),
                Some(item),
            ) => {
                let owed = item["pending"]["SS"]
                    .as_array()
                    .is_some_and(|names| names.contains(&values[":name"]["S"]));
                let standing = &item["deliveries"]["M"][name]["M"];
                let until = standing["until"]["S"].as_str();
                let now = values[":now"]["S"].as_str().expect("now");
                owed && (until.is_none_or(|until| until <= now)
                    || standing["state"] == values[":not_yet"])
            }
            (Some(condition), None) if condition.starts_with("contains") => false,
            other => panic!("not a condition of this cloud: {other:?}"),
        };
        let Some(item) = item.filter(|_| holds) else {
            let old = self.items.get(&key);
            let asked_for = body["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD";
            let shown = old.filter(|_| asked_for).map(|old| json!({ "Item": old }));
            return refused(
                "ConditionalCheckFailedException",
                &shown.unwrap_or_default(),
            );
        };
        match body["UpdateExpression"].as_str().unwrap_or_default() {
            "SET deliveries = if_not_exists(deliveries, :none)" => {
                if item.get("deliveries").is_none() {
                    item["deliveries"] = values[":none"].clone();
                }
            }
            "SET deliveries.#name = :claim" => set(item, name, &values[":claim"]),
            "SET deliveries.#name = :state" => set(item, name, &values[":state"]),
            "SET deliveries.#name = :state DELETE pending :done" => {
                set(item, name, &values[":state"]);
                done(item, name);
            }
            "REMOVE deliveries.#name DELETE pending :done" => {
                let deliveries = item["deliveries"]["M"].as_object_mut();
                deliveries.expect("the map is there").remove(name);
                done(item, name);
            }
            other => panic!("not an update of this cloud: {other}"),
        }
        Reply::json(200, &json!({}))
    }
}

/// One write of a transaction.
struct Write<'a> {
    body: &'a Value,
    key: (String, String, String),
}

impl<'a> Write<'a> {
    fn of(write: &'a Value) -> Self {
        let (body, key_of) = match (&write["Put"], &write["Update"]) {
            (Value::Null, update) => (update, &update["Key"]),
            (put, _) => (put, &put["Item"]),
        };
        let table = body["TableName"].as_str().unwrap_or_default();
        Self {
            body,
            key: key(table, key_of),
        }
    }

    fn holds(&self, old: Option<&Value>) -> bool {
        let held = &self.body["ExpressionAttributeValues"][":held"];
        match (self.body["ConditionExpression"].as_str(), old) {
            (None, _) => true,
            (Some("attribute_not_exists(pk)"), old) => old.is_none(),
            (Some(condition), old) => {
                const COMPLETION: &str = "attribute_exists(pk) AND attribute_not_exists(confirmed_at) \
                     AND (attribute_not_exists(#role) OR #role = :held)";
                let rest = condition.strip_prefix(COMPLETION);
                let nobody_chose = match rest {
                    Some("") => false,
                    Some(" AND attribute_not_exists(role_from)") => true,
                    _ => panic!("not a condition of this cloud: {condition}"),
                };
                old.is_some_and(|old| {
                    let role = old.get("role");
                    old.get("confirmed_at").is_none()
                        && role.is_none_or(|role| role == held)
                        && !(nobody_chose && old.get("role_from").is_some())
                })
            }
        }
    }

    fn outcome(&self, old: Option<&Value>) -> Value {
        let Some(expression) = self.body["UpdateExpression"].as_str() else {
            return self.body["Item"].clone();
        };
        let values = &self.body["ExpressionAttributeValues"];
        let mut item = old.expect("the condition wants an item").clone();
        let sets = expression.strip_prefix("SET ").expect("it sets");
        for set in sets.split(", ") {
            match set {
                "confirmed_at = :at" => item["confirmed_at"] = values[":at"].clone(),
                "#role = :role" => item["role"] = values[":role"].clone(),
                "role_from = :from" => item["role_from"] = values[":from"].clone(),
                "email = :email" => item["email"] = values[":email"].clone(),
                "email_verified = :verified" => {
                    item["email_verified"] = values[":verified"].clone();
                }
                "extra = :extra" => item["extra"] = values[":extra"].clone(),
                "pending = :pending" => item["pending"] = values[":pending"].clone(),
                // The comma within the parentheses parts it in two.
                "deliveries = if_not_exists(deliveries" => {}
                ":none)" if item.get("deliveries").is_some() => {}
                ":none)" => item["deliveries"] = values[":none"].clone(),
                other => panic!("not an update of this cloud: {other}"),
            }
        }
        item
    }
}

fn set(item: &mut Value, name: &str, value: &Value) {
    let deliveries = item["deliveries"]["M"].as_object_mut();
    // DynamoDB refuses a path through a map that is not there.
    deliveries
        .expect("the map is there")
        .insert(name.to_owned(), value.clone());
}

fn done(item: &mut Value, name: &str) {
    let Some(names) = item["pending"]["SS"].as_array_mut() else {
        return;
    };
    names.retain(|pending| pending != name);
    // DynamoDB keeps no empty set.
    if names.is_empty() {
        item.as_object_mut().expect("an item").remove("pending");
    }
}
