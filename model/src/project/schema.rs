//! The JSON Schema of the project file, for editors.

use serde_json::{Map, Value, json};

use super::file::File;

/// The JSON Schema of the project file, indented, with a newline at the end.
pub fn schema() -> String {
    let mut schema = schemars::schema_for!(File).to_value();
    settings_at_the_top(&mut schema);
    accept_null(&mut schema, &File::REQUIRED);
    let definitions = schema.get_mut("$defs").and_then(Value::as_object_mut);
    for definition in definitions.into_iter().flat_map(Map::values_mut) {
        accept_null(definition, &[]);
    }
    // A schema is a JSON value already; writing one out can't fail.
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// What stages share stands at the top of the file, beside what belongs to the file alone. Only a
/// stage has a target.
fn settings_at_the_top(schema: &mut Value) {
    let stage = schema.pointer("/$defs/Stage/properties");
    let settings = stage.and_then(Value::as_object).cloned();
    let keys = schema.get_mut("properties").and_then(Value::as_object_mut);
    if let (Some(settings), Some(keys)) = (settings, keys) {
        let stages = keys.shift_remove("stages");
        keys.extend(settings.into_iter().filter(|(key, _)| key != "target"));
        keys.extend(stages.map(|stages| ("stages".to_owned(), stages)));
    }
    schema["required"] = json!(File::REQUIRED);
}

/// `null` takes any key away but those that must be there, and a repeat in a list is harmless. The
/// default of a section is that of its keys; they show it.
fn accept_null(object: &mut Value, required: &[&str]) {
    let keys = object.get_mut("properties").and_then(Value::as_object_mut);
    for (key, property) in keys.into_iter().flatten() {
        let Some(property) = property.as_object_mut() else {
            continue;
        };
        property.shift_remove("uniqueItems");
        if matches!(
            property.get("default"),
            Some(Value::Null | Value::Object(_))
        ) {
            property.shift_remove("default");
        }
        if required.contains(&key.as_str()) {
            continue;
        }
        if let Some(Value::String(kind)) = property.get("type") {
            property["type"] = json!([kind, "null"]);
        }
        if let Some(definition) = property.shift_remove("$ref") {
            let either = json!([{ "$ref": definition }, { "type": "null" }]);
            property.insert("anyOf".to_owned(), either);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describes_every_key_and_closes_every_object() {
        let schema: serde_json::Value = serde_json::from_str(&schema()).expect("it is JSON");
        assert_eq!(
            schema["required"],
            serde_json::json!(["version", "project"])
        );
        assert_eq!(schema["additionalProperties"], false);
        let definitions = schema["$defs"].as_object().expect("there are definitions");
        for (name, definition) in definitions {
            let Some(keys) = definition["properties"].as_object() else {
                continue;
            };
            assert_eq!(definition["additionalProperties"], false, "{name}");
            for (key, described) in keys {
                assert!(described["description"].is_string(), "{name}.{key}");
            }
        }
        let region = &schema["properties"]["region"]["description"];
        assert_eq!(region, "The AWS region, such as `eu-west-1`.");
    }
}
