//! Every struct and rule table, against the CloudFormation resource schemas.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::*;

fn schema(kind: Kind) -> Option<Value> {
    let file = kind.type_name().replace("::", "-").to_lowercase();
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures/schemas")
        .join(format!("{file}.json"));
    let text = std::fs::read_to_string(path).ok()?;
    Some(serde_json::from_str(&text).expect("a schema is JSON"))
}

/// The names below `properties` that `path` walks through, following `$ref` and list items.
fn knows(schema: &Value, path: &str) -> bool {
    let mut here = schema;
    for name in path.split('.') {
        loop {
            if let Some(target) = here["$ref"].as_str() {
                here = &schema["definitions"][target.trim_start_matches("#/definitions/")];
            } else if let Some(forms) = here["oneOf"].as_array() {
                // A property with two spellings; ours is the list.
                let list = forms
                    .iter()
                    .find(|form| form["type"] == "array" || form["$ref"].is_string());
                here = list.unwrap_or(&Value::Null);
            } else if here["items"].is_object() {
                here = &here["items"];
            } else {
                break;
            }
        }
        let any_name = here["patternProperties"].as_object();
        let any_name = any_name.and_then(|patterns| patterns.values().next());
        let Some(next) = here["properties"].get(name).or(any_name) else {
            return false;
        };
        here = next;
    }
    true
}

#[test]
fn only_the_item_is_our_own_type() {
    let ours: Vec<Kind> = Kind::ALL
        .iter()
        .copied()
        .filter(|&kind| schema(kind).is_none())
        .collect();
    assert_eq!(ours, [Kind::Item]);
}

#[test]
fn rules_name_properties_that_exist() {
    for &kind in Kind::ALL {
        let Some(schema) = schema(kind) else { continue };
        let rules = kind.rules();
        let paths = rules
            .compare
            .iter()
            .map(|(path, _)| path)
            .chain(rules.mutability.iter().map(|(path, _)| path))
            .chain(rules.deferred)
            .chain(rules.defaults.iter().map(|(path, _)| path))
            .chain(rules.cleared);
        for path in paths {
            assert!(knows(&schema, path), "{} has no {path}", kind.type_name());
        }
    }
}

#[test]
fn create_only_properties_are_never_plain_updates() {
    for &kind in Kind::ALL {
        let Some(schema) = schema(kind) else { continue };
        for path in schema["createOnlyProperties"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let path = path
                .as_str()
                .expect("a path")
                .trim_start_matches("/properties/");
            let path = path.replace('/', ".");
            // Ours always has the default here; the struct has no such field.
            if [
                "Path",
                "FifoQueue",
                "PackageType",
                "TenancyConfig",
                "ImportSourceSpecification",
            ]
            .contains(&path.as_str())
                || kind == Kind::Permission && path != "FunctionName" && !ours(kind, &path)
            {
                continue;
            }
            assert_ne!(
                kind.rules().mutability(&path),
                Mutability::Update,
                "{} {path}",
                kind.type_name()
            );
        }
    }
}

fn ours(kind: Kind, path: &str) -> bool {
    kind.rules()
        .mutability
        .iter()
        .any(|(known, _)| *known == path)
}

/// Each declared property of a whole topology exists in its type's schema, and none is read-only.
#[test]
fn every_declared_property_is_in_the_schema() {
    let declared = crate::topology::tests::whole();
    let mut seen = BTreeSet::new();
    for (id, node) in &declared.resources {
        let kind = node.resource.kind();
        seen.insert(kind);
        let Some(schema) = schema(kind) else { continue };
        let mut paths = Vec::new();
        leaves("", &node.resource.properties(), &mut paths);
        for path in paths {
            assert!(knows(&schema, &path), "{id} ({}): {path}", kind.type_name());
            let read_only = schema["readOnlyProperties"]
                .as_array()
                .into_iter()
                .flatten();
            let pointer = format!("/properties/{}", path.replace('.', "/"));
            assert!(
                !read_only.into_iter().any(|known| known == &pointer),
                "{id}: {path}"
            );
        }
        for required in schema["required"].as_array().into_iter().flatten() {
            let required = required.as_str().expect("a name");
            assert!(
                !node.resource.properties()[required].is_null(),
                "{id} lacks {required}"
            );
        }
    }
    assert_eq!(
        seen.len(),
        Kind::ALL.len(),
        "the whole example uses every type: {seen:?}"
    );
}

/// Objects whose keys are data, not property names.
const MAPS: [&str; 4] = [
    "Environment.Variables",
    "UserPoolTags",
    "AssumeRolePolicyDocument",
    "PolicyDocument",
];

fn leaves(path: &str, value: &Value, found: &mut Vec<String>) {
    let intrinsic = value.as_object().is_some_and(|object| {
        object
            .keys()
            .any(|key| key == "Ref" || key.starts_with("Fn::"))
    });
    match value {
        Value::Object(object) if !intrinsic && !MAPS.contains(&path) => {
            for (key, inner) in object {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                leaves(&path, inner, found);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.iter().for_each(|item| leaves(path, item, found));
        }
        _ => found.push(path.to_owned()),
    }
}
