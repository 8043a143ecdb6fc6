//! Compares what is declared with what is live, property by property, by the rules of the type.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::PropertyChange;
use crate::resource::expr::is_unresolved;
use crate::resource::{Compare, Rules};

/// The properties in which `live` is not yet what `desired` says, in the order they are declared.
///
/// Only what `desired` mentions is compared: an absent field is not ours. A reference nobody can
/// answer yet differs from anything.
pub fn compare(rules: &Rules, desired: &Value, live: &Value) -> Vec<PropertyChange> {
    let mut changes = Vec::new();
    visit(rules, "", desired, live, &mut changes);
    changes.retain(|change| change.before.is_some() || !is_default(rules, change));
    changes
}

/// Whether a property becomes what it is already, although AWS doesn't tell.
fn is_default(rules: &Rules, change: &PropertyChange) -> bool {
    let after = change.after.as_ref().and_then(Value::as_str);
    after.is_some() && after == rules.default(&change.path)
}

/// The properties that are taken away: they are no longer declared, and what they name is `ours`.
pub fn cleared(
    rules: &Rules,
    desired: &Value,
    live: &Value,
    ours: impl Fn(&str) -> bool,
) -> Vec<PropertyChange> {
    let left = rules
        .cleared
        .iter()
        .filter(|name| desired.get(name).is_none());
    left.filter(|name| names(&live[**name], &ours))
        .map(|name| PropertyChange::new(name, live[*name].clone(), Value::Null))
        .collect()
}

/// Whether an ARN in a value ends with a name that is `ours`: `…:role/NAME`, `…:function:NAME`.
fn names(value: &Value, ours: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => text
            .rsplit_once(['/', ':'])
            .is_some_and(|(_, name)| ours(name)),
        Value::Array(items) => items.iter().any(|item| names(item, ours)),
        Value::Object(fields) => fields.values().any(|field| names(field, ours)),
        _ => false,
    }
}

/// Every leaf of a document as a change from nothing: what creating it sets.
pub fn from_nothing(rules: &Rules, desired: &Value) -> Vec<PropertyChange> {
    let mut changes = Vec::new();
    visit(rules, "", desired, &Value::Null, &mut changes);
    changes
}

fn visit(rules: &Rules, path: &str, desired: &Value, live: &Value, out: &mut Vec<PropertyChange>) {
    match rules.compare(path) {
        Compare::Never => {}
        Compare::Value => values(path, desired, live, out, &mut |path, desired, live, out| {
            visit(rules, path, desired, live, out);
        }),
        Compare::Set => whole(path, sorted(desired), sorted(live), out),
        Compare::Policy => whole(path, policy(desired), policy(live), out),
        Compare::Digest(field) => {
            whole(path, desired[field].clone(), live[field].clone(), out);
        }
        Compare::Keyed(key) => keyed(path, key, desired, live, out),
        Compare::Map => maps(path, object(desired), object(live), out),
        Compare::Tags => maps(path, tags(desired), tags(live), out),
    }
}

type Visit<'a> = &'a mut dyn FnMut(&str, &Value, &Value, &mut Vec<PropertyChange>);

/// Objects field by field through `inner`, anything else as a whole.
fn values(
    path: &str,
    desired: &Value,
    live: &Value,
    out: &mut Vec<PropertyChange>,
    inner: Visit<'_>,
) {
    match desired {
        Value::Object(fields) if !is_intrinsic(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                inner(&path, value, &live[name.as_str()], out);
            }
        }
        _ => whole(path, desired.clone(), live.clone(), out),
    }
}

fn is_intrinsic(fields: &Map<String, Value>) -> bool {
    fields.len() == 1
        && fields
            .keys()
            .all(|key| key == "Ref" || key.starts_with("Fn::"))
}

fn whole(path: &str, desired: Value, live: Value, out: &mut Vec<PropertyChange>) {
    // An empty list and no list are the same to every API we call.
    let empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    if desired != live && !(empty(&desired) && empty(&live)) {
        out.push(PropertyChange::new(path, live, desired));
    }
}

fn keyed(path: &str, key: &str, desired: &Value, live: &Value, out: &mut Vec<PropertyChange>) {
    for entry in desired.as_array().into_iter().flatten() {
        let name = entry[key].as_str().unwrap_or_default();
        let path = format!("{path}[{name}]");
        let found = live
            .as_array()
            .into_iter()
            .flatten()
            .find(|live| live[key] == entry[key]);
        match found {
            Some(found) => leaves(&path, entry, found, out),
            None => out.push(PropertyChange::new(&path, Value::Null, entry.clone())),
        }
    }
}

fn leaves(path: &str, desired: &Value, live: &Value, out: &mut Vec<PropertyChange>) {
    values(path, desired, live, out, &mut |path, desired, live, out| {
        leaves(path, desired, live, out);
    });
}

fn maps(
    path: &str,
    desired: BTreeMap<String, Value>,
    live: BTreeMap<String, Value>,
    out: &mut Vec<PropertyChange>,
) {
    for (key, value) in &desired {
        let path = format!("{path}.{key}");
        whole(
            &path,
            value.clone(),
            live.get(key).cloned().unwrap_or_default(),
            out,
        );
    }
    for (key, value) in live {
        if !desired.contains_key(&key) {
            out.push(PropertyChange::new(
                &format!("{path}.{key}"),
                value,
                Value::Null,
            ));
        }
    }
}

fn object(value: &Value) -> BTreeMap<String, Value> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Listed or mapped.
fn tags(value: &Value) -> BTreeMap<String, Value> {
    if value.is_object() {
        return object(value);
    }
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|tag| Some((tag["Key"].as_str()?.to_owned(), tag["Value"].clone())))
        .collect()
}

/// A list in one canonical order.
fn sorted(value: &Value) -> Value {
    let Value::Array(items) = value else {
        return value.clone();
    };
    let mut items = items.clone();
    items.sort_by_cached_key(Value::to_string);
    Value::Array(items)
}

/// A policy document in one canonical form: IAM reads a lone string as a list of one, and gives no
/// meaning to the order of lists or of fields.
fn policy(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(&String, Value)> = fields
                .iter()
                .map(|(name, value)| {
                    let value = match name.as_str() {
                        "Action" | "Resource" | "Statement" if !value.is_array() => {
                            policy(&Value::Array(vec![value.clone()]))
                        }
                        _ => policy(value),
                    };
                    (name, value)
                })
                .collect();
            fields.sort_by(|left, right| left.0.cmp(right.0));
            fields
                .into_iter()
                .map(|(name, value)| (name.clone(), value))
                .collect()
        }
        Value::Array(items) if !is_unresolved(value) => {
            sorted(&items.iter().map(policy).collect::<Value>())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::resource::Kind;

    fn paths(kind: Kind, desired: Value, live: Value) -> Vec<String> {
        compare(kind.rules(), &desired, &live)
            .into_iter()
            .map(|change| change.path)
            .collect()
    }

    #[test]
    fn what_is_not_declared_is_not_ours() {
        let desired = json!({ "Timeout": 5 });
        let live = json!({ "Timeout": 5, "MemorySize": 128 });
        assert!(paths(Kind::Function, desired, live).is_empty());
    }

    #[test]
    fn sets_ignore_order_and_lists_do_not() {
        let desired = json!({ "CallbackURLs": ["a", "b"] });
        assert!(
            paths(
                Kind::UserPoolClient,
                desired,
                json!({ "CallbackURLs": ["b", "a"] })
            )
            .is_empty()
        );
        let desired = json!({ "Architectures": ["a", "b"] });
        assert_eq!(
            paths(
                Kind::Function,
                desired,
                json!({ "Architectures": ["b", "a"] })
            ),
            ["Architectures"]
        );
    }

    #[test]
    fn a_tag_that_left_the_file_is_removed() {
        let desired = json!({ "Tags": [{ "Key": "team", "Value": "identity" }] });
        let live = json!({ "Tags": [
            { "Key": "old", "Value": "x" }, { "Key": "team", "Value": "identity" }] });
        let changes = compare(Kind::Table.rules(), &desired, &live);
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].path, "Tags.old");
        assert_eq!(changes[0].after, None);
    }

    #[test]
    fn one_string_in_a_policy_is_a_list_of_one() {
        let desired = json!({ "PolicyDocument": { "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Action": ["a:B"], "Resource": ["r"] }] } });
        let live = json!({ "PolicyDocument": { "Statement":
            { "Action": "a:B", "Resource": "r", "Effect": "Allow" }, "Version": "2012-10-17" } });
        assert!(paths(Kind::RolePolicy, desired, live).is_empty());
    }

    #[test]
    fn attributes_are_matched_by_name() {
        let desired = json!({ "Schema": [{ "Name": "company", "Required": false }, { "Name": "name", "Required": true }] });
        let live = json!({ "Schema": [{ "Name": "name", "Required": false }, { "Name": "sub", "Required": true }] });
        assert_eq!(
            paths(Kind::UserPool, desired, live),
            ["Schema[company]", "Schema[name].Required"]
        );
    }

    #[test]
    fn an_open_reference_differs_from_anything() {
        let desired = json!({ "Role": { "Fn::GetAtt": ["Role", "Arn"] } });
        assert_eq!(
            paths(Kind::Function, desired, json!({ "Role": "arn:old" })),
            ["Role"]
        );
    }

    #[test]
    fn code_is_compared_by_its_digest() {
        let desired = json!({ "Code": { "S3Bucket": "direct", "S3Key": "new" } });
        let live = json!({ "Code": { "S3Bucket": "whatever", "S3Key": "old" } });
        let changes = compare(Kind::Function.rules(), &desired, &live);
        assert_eq!(changes[0].path, "Code");
        assert_eq!(changes[0].before, Some(json!("old")));
    }

    #[test]
    fn what_aws_does_not_tell_is_at_its_default() {
        let mode = |mode: &str| json!({ "UserPoolAddOns": { "AdvancedSecurityMode": mode } });
        let silent = || json!({ "UserPoolTier": "ESSENTIALS" });
        assert!(paths(Kind::UserPool, mode("OFF"), silent()).is_empty());
        for (desired, live) in [
            (mode("OFF"), mode("ENFORCED")),
            (mode("ENFORCED"), silent()),
        ] {
            assert_eq!(
                paths(Kind::UserPool, desired, live),
                ["UserPoolAddOns.AdvancedSecurityMode"]
            );
        }
        let made = from_nothing(Kind::UserPool.rules(), &mode("OFF"));
        assert_eq!(made.len(), 1, "a new one is told");
    }

    #[test]
    fn text_messages_go_with_the_role_that_sends_them_and_others_stay() {
        let sms = |role: &str| {
            json!({ "SmsConfiguration": {
                "SnsCallerArn": format!("arn:aws:iam::123456789012:role/{role}"), "ExternalId": "x" } })
        };
        let rules = Kind::UserPool.rules();
        let ours = |name: &str| name == "acme-dev-sms-euw1";
        let gone = cleared(rules, &json!({}), &sms("acme-dev-sms-euw1"), ours);
        assert_eq!(gone.len(), 1);
        assert_eq!(
            (gone[0].path.as_str(), &gone[0].after),
            ("SmsConfiguration", &None)
        );
        assert!(cleared(rules, &json!({}), &sms("theirs"), ours).is_empty());
        let still = sms("acme-dev-sms-euw1");
        assert!(cleared(rules, &still, &still, ours).is_empty());
        assert!(cleared(rules, &json!({}), &json!({}), ours).is_empty());
    }

    #[test]
    fn nothing_differs_from_itself() {
        for (id, node) in &crate::topology::tests::whole().resources {
            let properties = node.resource.properties();
            let changes = compare(node.resource.kind().rules(), &properties, &properties);
            assert!(changes.is_empty(), "{id}: {changes:?}");
        }
    }
}
