//! Property values as text: on one line, or as the entries that two structures don't share.

use std::collections::BTreeMap;

use serde_json::Value;

use super::text::printable;
use saasauth_model::resource::expr::is_unresolved;

/// What stands for a value that only deploying can tell.
const UNKNOWN: &str = "(known after deploy)";

/// One leaf of a structure: where it stands in it, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    label: String,
    text: String,
}

impl Entry {
    /// `Action: dynamodb:GetItem`, or the value alone when it has no label.
    pub(super) fn line(&self) -> String {
        match self.label.as_str() {
            "" => self.text.clone(),
            label => format!("{label}: {}", self.text),
        }
    }
}

/// Whether a value is better shown entry by entry.
pub(super) fn is_structure(value: &Value) -> bool {
    match value {
        Value::Object(_) => !is_unknown(value),
        Value::Array(_) => true,
        Value::String(text) => text.trim_end().contains('\n'),
        _ => false,
    }
}

/// The value on one line, whatever it is.
pub(super) fn inline(value: &Value) -> String {
    match value {
        _ if is_unknown(value) => UNKNOWN.to_owned(),
        Value::String(text) => scalar(text),
        Value::Array(items) => {
            format!(
                "[{}]",
                items.iter().map(inline).collect::<Vec<_>>().join(", ")
            )
        }
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{}: {}", printable(name), inline(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

/// The entries only `before` has, and those only `after` has, each in its own order.
pub(super) fn difference(
    before: Option<&Value>,
    after: Option<&Value>,
) -> (Vec<Entry>, Vec<Entry>) {
    let (before, after) = (entries(before), entries(after));
    (without(&before, &after), without(&after, &before))
}

/// Every leaf of a value.
pub(super) fn entries(value: Option<&Value>) -> Vec<Entry> {
    let mut found = Vec::new();
    if let Some(value) = value {
        collect(String::new(), value, &mut found);
    }
    found
}

fn collect(label: String, value: &Value, found: &mut Vec<Entry>) {
    match value {
        Value::Object(fields) if !is_unknown(value) && !fields.is_empty() => {
            for (name, value) in fields {
                // Everything in a policy document stands under `Statement`; saying so is noise.
                let label = if name == "Statement" {
                    label.clone()
                } else {
                    join(&label, name)
                };
                collect(label, value, found);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                element(&label, item, items.len() == 1, found);
            }
        }
        Value::String(text) if is_structure(value) => {
            found.extend(text.lines().map(|line| Entry {
                label: label.clone(),
                text: printable(line),
            }));
        }
        _ => found.push(Entry {
            label,
            text: inline(value),
        }),
    }
}

/// One element of a list. Elements that carry a name are told apart by it, never by position: one
/// insertion would change everything after it.
fn element(label: &str, item: &Value, alone: bool, found: &mut Vec<Entry>) {
    const NAMES: [&str; 5] = ["Sid", "Name", "AttributeName", "IndexName", "Key"];
    let fields = item.as_object().filter(|_| !is_unknown(item));
    let name = NAMES
        .iter()
        .find_map(|&key| Some((key, fields?.get(key)?.as_str()?)));
    match (fields, name) {
        (Some(fields), Some((key, name))) => {
            let label = if label.is_empty() {
                printable(name)
            } else {
                format!("{label}[{}]", printable(name))
            };
            let rest = fields.iter().filter(|&(field, _)| field != key);
            rest.for_each(|(field, value)| collect(join(&label, field), value, found));
        }
        (Some(_), None) if alone => collect(label.to_owned(), item, found),
        _ => found.push(Entry {
            label: label.to_owned(),
            text: inline(item),
        }),
    }
}

fn join(label: &str, name: &str) -> String {
    let name = printable(name);
    if label.is_empty() {
        name
    } else {
        format!("{label}.{name}")
    }
}

/// What `left` has more often than `right`.
fn without(left: &[Entry], right: &[Entry]) -> Vec<Entry> {
    let mut counts: BTreeMap<&Entry, usize> = BTreeMap::new();
    for entry in right {
        *counts.entry(entry).or_default() += 1;
    }
    let mut only = Vec::new();
    for entry in left {
        match counts.get_mut(entry) {
            Some(count) if *count > 0 => *count -= 1,
            _ => only.push(entry.clone()),
        }
    }
    only
}

/// Whether the whole value is one intrinsic function that nobody could answer yet.
fn is_unknown(value: &Value) -> bool {
    value.as_object().is_some_and(|fields| {
        fields.len() == 1
            && fields
                .keys()
                .all(|key| key == "Ref" || key.starts_with("Fn::"))
            && is_unresolved(value)
    })
}

fn scalar(text: &str) -> String {
    if text.is_empty() {
        "\"\"".to_owned()
    } else if is_digest(text) {
        // Nobody compares digests by eye; that it is another one is all it says.
        format!("{}…", text.chars().take(8).collect::<String>())
    } else {
        printable(text)
    }
}

/// Whether a text is a SHA-256: 44 characters of base64, as Lambda gives it, or 64 of hexadecimal.
fn is_digest(text: &str) -> bool {
    match text.len() {
        44 => text.strip_suffix('=').is_some_and(|digits| {
            digits
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
        }),
        64 => text.bytes().all(|byte| byte.is_ascii_hexdigit()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(entries: &[Entry]) -> Vec<String> {
        entries.iter().map(Entry::line).collect()
    }

    #[test]
    fn values_on_one_line() {
        let cases = [
            (json!("ACTIVE"), "ACTIVE"),
            (json!(""), "\"\""),
            (json!(12), "12"),
            (json!(["a", true]), "[a, true]"),
            (json!({ "A": 1, "B": ["x"] }), "{A: 1, B: [x]}"),
            (
                json!({ "Fn::GetAtt": ["Pool", "Arn"] }),
                "(known after deploy)",
            ),
            (json!([{ "Ref": "Pool" }, "b"]), "[(known after deploy), b]"),
            (
                json!("3q2+7w3q2+7w3q2+7w3q2+7w3q2+7w3q2+7w3q2+7w8="),
                "3q2+7w3q…",
            ),
            (json!("red\u{1b}[31m"), "red\\u{1b}[31m"),
        ];
        for (value, expected) in cases {
            assert_eq!(inline(&value), expected);
        }
    }

    #[test]
    fn a_policy_differs_by_its_statements() {
        let before = json!({ "Version": "2012-10-17", "Statement": [
            { "Sid": "Read", "Effect": "Allow", "Action": ["d:Get", "d:Scan"], "Resource": ["t"] }] });
        let after = json!({ "Version": "2012-10-17", "Statement": [
            { "Sid": "Read", "Effect": "Allow", "Action": ["d:Get"],
              "Resource": ["t", { "Fn::GetAtt": ["T", "Arn"] }] },
            { "Sid": "Log", "Effect": "Allow", "Action": ["l:Put"], "Resource": ["g"] }] });
        let (removed, added) = difference(Some(&before), Some(&after));
        assert_eq!(lines(&removed), ["Read.Action: d:Scan"]);
        assert_eq!(
            lines(&added),
            [
                "Read.Resource: (known after deploy)",
                "Log.Effect: Allow",
                "Log.Action: l:Put",
                "Log.Resource: g"
            ]
        );
    }

    #[test]
    fn a_lone_unnamed_statement_needs_no_position() {
        let trust = |service: &str| json!({ "Statement": [{ "Effect": "Allow", "Principal": { "Service": service } }] });
        let (removed, added) = difference(Some(&trust("a")), Some(&trust("b")));
        assert_eq!(lines(&removed), ["Principal.Service: a"]);
        assert_eq!(lines(&added), ["Principal.Service: b"]);
    }

    #[test]
    fn repeated_entries_are_counted() {
        let (removed, added) = difference(Some(&json!(["a", "a", "b"])), Some(&json!(["b", "a"])));
        assert_eq!(lines(&removed), ["a"]);
        assert!(added.is_empty());
    }

    #[test]
    fn text_of_several_lines_differs_by_line() {
        let (removed, added) =
            difference(Some(&json!("Hi\nold\nBye")), Some(&json!("Hi\nnew\nBye")));
        assert_eq!(
            (lines(&removed), lines(&added)),
            (vec!["old".to_owned()], vec!["new".to_owned()])
        );
    }
}
