//! Holding a request against its model, and saying what is wrong with it in AWS's words.
//!
//! The words are those of the framework that AWS's services are built on. They are public through its errors only,
//! which look the same in all services: "1 validation error detected: Value 'x' at 'name' failed to satisfy
//! constraint: Member must have length less than or equal to 3".

use serde_json::Value;

use super::{Kind, Service, Shape};

/// What is wrong with a request.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::local::front_door) enum Violation {
    /// A value of another type: nothing else is looked at.
    Type(String),
    /// Values outside their limits, all of them, in one message.
    Limits(String),
}

/// Holds the parameters of an operation against its model.
pub(in crate::local::front_door) fn violations(
    service: &Service,
    operation: &str,
    input: &Value,
) -> Option<Violation> {
    let shape = service.input(operation)?;
    let mut check = Check {
        service,
        found: Vec::new(),
        mistyped: None,
    };
    check.value(shape, input, "", false);
    if let Some(message) = check.mistyped {
        return Some(Violation::Type(message));
    }
    let count = check.found.len();
    let errors = if count == 1 { "error" } else { "errors" };
    (count > 0).then(|| {
        Violation::Limits(format!(
            "{count} validation {errors} detected: {}",
            check.found.join("; ")
        ))
    })
}

struct Check<'a> {
    service: &'a Service,
    found: Vec<String>,
    mistyped: Option<String>,
}

impl Check<'_> {
    fn value(&mut self, shape: &Shape, value: &Value, path: &str, hidden: bool) {
        let hidden = hidden || shape.sensitive;
        match &shape.kind {
            Kind::Structure => self.structure(shape, value, path, hidden),
            Kind::List => self.list(shape, value, path, hidden),
            Kind::Map => self.map(shape, value, path, hidden),
            Kind::String => match value {
                Value::String(text) => self.report(shape, text, value, path, hidden),
                other => self.mistype(other, "a String"),
            },
            Kind::Boolean => {
                if !value.is_boolean() {
                    self.mistype(value, "a Boolean");
                }
            }
            Kind::Integer | Kind::Long => {
                let whole = value.as_f64().is_some_and(|number| number.fract() == 0.0);
                if whole {
                    self.number(shape, value, path, hidden);
                } else {
                    self.mistype(value, "an Integer");
                }
            }
            Kind::Float | Kind::Double => {
                if value.is_number() {
                    self.number(shape, value, path, hidden);
                } else if !value.is_string() {
                    // NaN and the infinities travel as text.
                    self.mistype(value, "a Double");
                }
            }
            // Their forms differ by protocol, and the emulator reads them.
            Kind::Timestamp | Kind::Blob => {}
        }
    }

    fn structure(&mut self, shape: &Shape, value: &Value, path: &str, hidden: bool) {
        let Some(members) = value.as_object() else {
            return self.mistype(value, "a structure");
        };
        for name in &shape.required {
            if members.get(name).is_none_or(Value::is_null) {
                let at = child(path, name);
                self.fail("null", &at, "Member must not be null", hidden);
            }
        }
        for (name, member) in &shape.members {
            let given = members.get(name).filter(|value| !value.is_null());
            if let (Some(given), Some(target)) = (given, self.service.shape(&member.shape)) {
                self.value(target, given, &child(path, name), hidden);
            }
        }
    }

    fn list(&mut self, shape: &Shape, value: &Value, path: &str, hidden: bool) {
        let Some(elements) = value.as_array() else {
            return self.mistype(value, "a list");
        };
        self.length(shape, elements.len(), value, path, hidden);
        let Some(target) = shape
            .element()
            .and_then(|member| self.service.shape(&member.shape))
        else {
            return;
        };
        if matches!(target.kind, Kind::String) {
            return self.each(target, value, elements.iter(), path, hidden);
        }
        for (number, element) in elements.iter().enumerate() {
            let at = format!("{path}.{}.member", number + 1);
            self.value(target, element, &at, hidden);
        }
    }

    fn map(&mut self, shape: &Shape, value: &Value, path: &str, hidden: bool) {
        let Some(entries) = value.as_object() else {
            return self.mistype(value, "a map");
        };
        self.length(shape, entries.len(), value, path, hidden);
        let keys: Vec<Value> = entries
            .keys()
            .map(|key| Value::from(key.as_str()))
            .collect();
        if let Some(target) = shape
            .keys
            .as_deref()
            .and_then(|name| self.service.shape(name))
        {
            self.each(target, value, keys.iter(), path, hidden);
        }
        let Some(target) = shape
            .element()
            .and_then(|member| self.service.shape(&member.shape))
        else {
            return;
        };
        if matches!(target.kind, Kind::String) {
            return self.each(target, value, entries.values(), path, hidden);
        }
        for (key, element) in entries {
            self.value(target, element, &format!("{path}.{key}.member"), hidden);
        }
    }

    /// Texts in a list or a map are named by what holds them, with all that one of them has to be.
    fn each<'v>(
        &mut self,
        target: &Shape,
        whole: &Value,
        texts: impl Iterator<Item = &'v Value>,
        path: &str,
        hidden: bool,
    ) {
        let hidden = hidden || target.sensitive;
        for text in texts {
            let Value::String(text) = text else {
                return self.mistype(text, "a String");
            };
            if !unmet(target, text).is_empty() {
                let all = constraints(target).join(", ");
                let must = format!("Member must satisfy constraint: [{all}]");
                return self.fail(&shown(whole), path, &must, hidden);
            }
        }
    }

    fn report(&mut self, shape: &Shape, text: &str, value: &Value, path: &str, hidden: bool) {
        for must in unmet(shape, text) {
            self.fail(&shown(value), path, &must, hidden);
        }
    }

    fn length(&mut self, shape: &Shape, length: usize, value: &Value, path: &str, hidden: bool) {
        for must in outside(shape, length as f64, "length") {
            self.fail(&shown(value), path, &must, hidden);
        }
    }

    fn number(&mut self, shape: &Shape, value: &Value, path: &str, hidden: bool) {
        for must in outside(shape, value.as_f64().unwrap_or_default(), "value") {
            self.fail(&shown(value), path, &must, hidden);
        }
    }

    fn fail(&mut self, value: &str, path: &str, must: &str, hidden: bool) {
        let value = match (hidden, value) {
            // A secret is not repeated, not even to whoever sent it.
            (true, _) => "Value".to_owned(),
            (false, "null") => "Value null".to_owned(),
            (false, value) => format!("Value '{value}'"),
        };
        self.found.push(format!(
            "{value} at '{path}' failed to satisfy constraint: {must}"
        ));
    }

    fn mistype(&mut self, value: &Value, wanted: &str) {
        let found = match value {
            Value::Object(_) => "Start of structure or map found where not expected.".to_owned(),
            Value::Array(_) => "Start of list found where not expected.".to_owned(),
            Value::String(_) => format!("STRING_VALUE can not be converted to {wanted}"),
            Value::Number(_) => format!("NUMBER_VALUE can not be converted to {wanted}"),
            Value::Bool(true) => format!("TRUE_VALUE can not be converted to {wanted}"),
            Value::Bool(false) => format!("FALSE_VALUE can not be converted to {wanted}"),
            Value::Null => format!("NULL_VALUE can not be converted to {wanted}"),
        };
        self.mistyped.get_or_insert(found);
    }
}

/// The path of a member, as AWS writes it: names begin in lower case.
fn child(path: &str, name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    let name: String = first.into_iter().chain(letters).collect();
    if path.is_empty() {
        name
    } else {
        format!("{path}.{name}")
    }
}

/// A value as AWS repeats it in an error.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(shown).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Object(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(name, value)| format!("{name}={}", shown(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// What a text of this shape has to be and isn't.
fn unmet(shape: &Shape, text: &str) -> Vec<String> {
    let mut unmet = outside(shape, text.chars().count() as f64, "length");
    if shape
        .matcher()
        .is_some_and(|pattern| !pattern.is_match(text))
    {
        unmet.push(pattern(shape));
    }
    if !shape.values.is_empty() && !shape.values.iter().any(|value| value == text) {
        unmet.push(one_of(shape));
    }
    unmet
}

/// All that a text of this shape has to be.
fn constraints(shape: &Shape) -> Vec<String> {
    let mut all = Vec::new();
    all.extend(shape.max.map(|limit| at_most("length", limit)));
    all.extend(shape.min.map(|limit| at_least("length", limit)));
    if shape.pattern.is_some() {
        all.push(pattern(shape));
    }
    if !shape.values.is_empty() {
        all.push(one_of(shape));
    }
    all
}

fn outside(shape: &Shape, measure: f64, what: &str) -> Vec<String> {
    let above = shape.max.filter(|limit| measure > *limit);
    let below = shape.min.filter(|limit| measure < *limit);
    above
        .map(|limit| at_most(what, limit))
        .into_iter()
        .chain(below.map(|limit| at_least(what, limit)))
        .collect()
}

fn at_most(what: &str, limit: f64) -> String {
    format!("Member must have {what} less than or equal to {limit}")
}

fn at_least(what: &str, limit: f64) -> String {
    format!("Member must have {what} greater than or equal to {limit}")
}

fn pattern(shape: &Shape) -> String {
    format!(
        "Member must satisfy regular expression pattern: {}",
        shape.shown_pattern()
    )
}

fn one_of(shape: &Shape) -> String {
    format!(
        "Member must satisfy enum value set: [{}]",
        shape.values.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::service;
    use super::*;

    fn limits(name: &str, operation: &str, input: &Value) -> Option<String> {
        match violations(service(name).expect("a model"), operation, input) {
            Some(Violation::Limits(message)) => Some(message),
            Some(Violation::Type(message)) => panic!("of another type: {message}"),
            None => None,
        }
    }

    #[test]
    fn what_is_missing_is_named_as_aws_names_it() {
        assert_eq!(
            limits("cognito-idp", "DescribeUserPool", &json!({})).as_deref(),
            Some(
                "1 validation error detected: Value null at 'userPoolId' failed to satisfy constraint: \
                 Member must not be null"
            )
        );
        let given = json!({ "UserPoolId": "eu-west-1_Abc" });
        assert_eq!(limits("cognito-idp", "DescribeUserPool", &given), None);
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once_and_secrets_are_not_repeated() {
        let input = json!({
            "ClientId": "c",
            "Username": "ada",
            "Password": " secret",
            "UserAttributes": [{ "Name": "n".repeat(40), "Value": "v".repeat(3000) }],
        });
        let message = limits("cognito-idp", "SignUp", &input).expect("refused");
        assert!(
            message.starts_with("3 validation errors detected: "),
            "{message}"
        );
        assert!(
            message.contains("at 'userAttributes.1.member.name'"),
            "{message}"
        );
        assert!(
            message.contains("Value at 'userAttributes.1.member.value'"),
            "{message}"
        );
        assert!(message.contains("Value at 'password'"), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }

    #[test]
    fn texts_in_lists_are_held_to_their_limits() {
        let input = json!({ "PoolName": "a", "AutoVerifiedAttributes": ["email", "fax"] });
        assert_eq!(
            limits("cognito-idp", "CreateUserPool", &input).as_deref(),
            Some(
                "1 validation error detected: Value '[email, fax]' at 'autoVerifiedAttributes' failed to satisfy \
                 constraint: Member must satisfy constraint: [Member must satisfy enum value set: \
                 [phone_number, email]]"
            )
        );
        let many: Vec<Value> = (0..26)
            .map(|number| json!({ "Name": format!("a{number}") }))
            .collect();
        let input = json!({ "UserPoolId": "eu-west-1_Abc", "CustomAttributes": many });
        let message = limits("cognito-idp", "AddCustomAttributes", &input).expect("refused");
        assert!(
            message.ends_with("Member must have length less than or equal to 25"),
            "{message}"
        );
    }

    #[test]
    fn numbers_enums_and_patterns_of_other_services() {
        let table = json!({ "TableName": "a" });
        let message = limits("dynamodb", "DescribeTable", &table);
        assert_eq!(message, None, "1 to 1024 here, since it may be an ARN");
        let input = json!({ "MemorySize": 64, "FunctionName": "f" });
        let message = limits("lambda", "UpdateFunctionConfiguration", &input).expect("refused");
        assert!(message.contains("Value '64' at 'memorySize'"), "{message}");
        let input = json!({ "RoleName": "a b", "AssumeRolePolicyDocument": "{}" });
        let message = limits("iam", "CreateRole", &input).expect("refused");
        assert!(message.contains(r"pattern: [\w+=,.@-]+"), "{message}");
    }

    #[test]
    fn a_value_of_another_type_ends_it() {
        let service = service("cognito-idp").expect("a model");
        let input = json!({ "PoolName": 7 });
        assert_eq!(
            violations(service, "CreateUserPool", &input),
            Some(Violation::Type(
                "NUMBER_VALUE can not be converted to a String".into()
            ))
        );
    }
}
