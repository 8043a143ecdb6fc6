//! The JSON Schema of the project file, for editors.

use super::file::File;

/// The JSON Schema of the project file, indented, with a newline at the end.
pub fn schema() -> String {
    let schema = schemars::schema_for!(File);
    // A schema is a JSON value already; writing one out can't fail.
    let mut text = serde_json::to_string_pretty(schema.as_value()).unwrap_or_default();
    text.push('\n');
    text
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
