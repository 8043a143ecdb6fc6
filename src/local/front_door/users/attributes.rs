//! What Cognito takes as a user's attributes: the pool's schema, the formats of addresses and numbers, and
//! what an app client may write and read. Pure.
//!
//! Rules and wording are from the API reference (SignUp, UpdateUserAttributes, SchemaAttributeType,
//! UserPoolClientType), the developer guide's "Working with user attributes", and error texts that people
//! quote in issues of aws-amplify and aws-sdk-js.

use saasauth_contract::record::CUSTOM_PREFIX;
use serde_json::Value;

use super::facts::{Client, Pool, User};
use super::{Refused, refuse};
use crate::local::front_door::message::{EMAIL, PHONE};

/// One attribute of a request. A blank value asks for its removal.
pub(super) struct Given<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
}

/// The attributes in a request's list, such as `UserAttributes`.
pub(super) fn given(list: Option<&Value>) -> Vec<Given<'_>> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|attribute| {
        Some(Given {
            name: attribute.get("Name")?.as_str()?,
            value: attribute
                .get("Value")
                .and_then(Value::as_str)
                .unwrap_or_default(),
        })
    })
    .collect()
}

/// What an app client without attributes of its own choice may not write: whether an address is proved
/// is Cognito's to say, `sub` is nobody's.
const NEVER_WRITABLE: [&str; 4] = [
    "sub",
    "identities",
    "email_verified",
    "phone_number_verified",
];

/// Refuses what the app client may not write. Without a list it may write the standard attributes, and no
/// custom one.
pub(super) fn refuse_unwritable(pool: &Pool, client: &Client, given: &[Given<'_>]) -> Refused {
    let may = |name: &str| match client.write_attributes() {
        Some(list) => list.contains(&name),
        // One that the schema lacks is told apart later.
        None => {
            !NEVER_WRITABLE.contains(&name) && (is_standard(name) || schema(pool, name).is_none())
        }
    };
    // "These can't be written by a client": also when an older list has them.
    let never = |name: &str| ["email_verified", "phone_number_verified"].contains(&name);
    if given
        .iter()
        .all(|attribute| may(attribute.name) && !never(attribute.name))
    {
        return Ok(());
    }
    refuse(
        "NotAuthorizedException",
        "A client attempted to write unauthorized attribute",
    )
}

/// Whether an app client may read an attribute of its user. Without a list it may read the standard ones.
pub(super) fn is_readable(client: &Client, name: &str) -> bool {
    match client.read_attributes() {
        Some(list) => name == "sub" || list.contains(&name),
        None => is_standard(name),
    }
}

fn is_standard(name: &str) -> bool {
    !name.starts_with(CUSTOM_PREFIX) && !name.starts_with("dev:")
}

/// Refuses what the schema doesn't have, what isn't of the attribute's type, and what is out of its bounds.
pub(super) fn refuse_nonconforming(pool: &Pool, given: &[Given<'_>]) -> Refused {
    let problems: Vec<String> = given
        .iter()
        .filter_map(|attribute| {
            let problem = problem(pool, attribute)?;
            Some(format!("{}: {problem}", attribute.name))
        })
        .collect();
    nonconforming(&problems)?;
    for attribute in given {
        match attribute.name {
            _ if attribute.value.is_empty() => {}
            EMAIL if !is_email(attribute.value) => {
                return refuse("InvalidParameterException", "Invalid email address format.");
            }
            PHONE if !is_phone_number(attribute.value) => {
                return refuse("InvalidParameterException", "Invalid phone number format.");
            }
            _ => {}
        }
    }
    Ok(())
}

/// Refuses a sign-up without an attribute that the pool requires. The name a person signs up with counts
/// as the address or number it is.
pub(super) fn refuse_missing(pool: &Pool, username: &str, given: &[Given<'_>]) -> Refused {
    let from_name = pool.username_attribute(username);
    let problems: Vec<String> = required(pool)
        .filter(|name| from_name != Some(*name))
        .filter(|name| {
            !given
                .iter()
                .any(|attribute| attribute.name == *name && !attribute.value.is_empty())
        })
        .map(|name| format!("{name}: The attribute is required"))
        .collect();
    nonconforming(&problems)
}

/// The attributes that the pool requires and a user hasn't got.
pub(super) fn missing(pool: &Pool, user: &User) -> Vec<String> {
    required(pool)
        .filter(|name| user.attributes.get(*name).is_none_or(String::is_empty))
        .map(str::to_owned)
        .collect()
}

/// Whether the pool requires it of everybody.
pub(super) fn is_required(pool: &Pool, name: &str) -> bool {
    required(pool).any(|required| required == name)
}

fn required(pool: &Pool) -> impl Iterator<Item = &str> {
    pool.schema()
        .filter(|attribute| attribute["Required"] == true)
        .filter_map(|attribute| attribute["Name"].as_str())
        // Required of everybody, given by Cognito.
        .filter(|name| *name != "sub")
}

/// Refuses another value for what can't change, and a blank one for what is required.
pub(super) fn refuse_unchangeable(pool: &Pool, user: &User, given: &[Given<'_>]) -> Refused {
    for attribute in given {
        if attribute.name == "sub" {
            return refuse(
                "InvalidParameterException",
                "Cannot modify the non-mutable attribute sub",
            );
        }
        let Some(schema) = schema(pool, attribute.name) else {
            continue;
        };
        let has = user.attributes.get(attribute.name);
        if schema["Mutable"] == false && has.is_some_and(|value| value != attribute.value) {
            let message = format!("user.{}: Attribute cannot be updated.\n", attribute.name);
            return refuse("InvalidParameterException", &message);
        }
        if schema["Required"] == true && attribute.value.is_empty() {
            return nonconforming(&[format!("{}: The attribute is required", attribute.name)]);
        }
    }
    Ok(())
}

fn nonconforming(problems: &[String]) -> Refused {
    if problems.is_empty() {
        return Ok(());
    }
    let message = format!(
        "Attributes did not conform to the schema: {}\n",
        problems.join("\n")
    );
    refuse("InvalidParameterException", &message)
}

fn schema<'a>(pool: &'a Pool, name: &str) -> Option<&'a Value> {
    pool.schema().find(|attribute| attribute["Name"] == name)
}

fn problem(pool: &Pool, given: &Given<'_>) -> Option<String> {
    let Some(schema) = schema(pool, given.name) else {
        return Some("Attribute does not exist in the schema.".to_owned());
    };
    if given.value.is_empty() {
        return None;
    }
    let bound = |group: &str, name: &str| schema[group][name].as_str()?.parse::<f64>().ok();
    match schema["AttributeDataType"].as_str().unwrap_or_default() {
        "String" => {
            let length = given.value.chars().count() as f64;
            let group = "StringAttributeConstraints";
            if bound(group, "MaxLength").is_some_and(|most| length > most) {
                let most = schema[group]["MaxLength"].as_str().unwrap_or_default();
                return Some(format!("String must be no longer than {most} characters"));
            }
            if bound(group, "MinLength").is_some_and(|least| length < least) {
                let least = schema[group]["MinLength"].as_str().unwrap_or_default();
                return Some(format!("String must be at least {least} characters"));
            }
            None
        }
        "Number" => {
            let Ok(number) = given.value.parse::<f64>() else {
                return Some("Attribute value is not a number".to_owned());
            };
            let group = "NumberAttributeConstraints";
            if bound(group, "MaxValue").is_some_and(|most| number > most) {
                let most = schema[group]["MaxValue"].as_str().unwrap_or_default();
                return Some(format!("Number must be no greater than {most}"));
            }
            if bound(group, "MinValue").is_some_and(|least| number < least) {
                let least = schema[group]["MinValue"].as_str().unwrap_or_default();
                return Some(format!("Number must be at least {least}"));
            }
            None
        }
        "Boolean" => {
            let settled = given.value.to_ascii_lowercase();
            (!["true", "false"].contains(&settled.as_str()))
                .then(|| "Attribute value must be either true or false".to_owned())
        }
        // What Cognito takes for a DateTime is written nowhere.
        _ => None,
    }
}

/// Whether Cognito takes it for an address. It wants more than one `@`-parted half of each, and no more
/// than that is certain.
pub(super) fn is_email(text: &str) -> bool {
    let Some((name, domain)) = text.rsplit_once('@') else {
        return false;
    };
    !name.is_empty()
        && !domain.is_empty()
        && !name.contains('@')
        && !text.chars().any(char::is_whitespace)
        && !domain.starts_with('.')
        && !domain.ends_with('.')
}

/// Whether it is a number as E.164 writes them: a plus and up to 15 digits.
pub(super) fn is_phone_number(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (1..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pool() -> Pool {
        Pool::new(
            "p",
            json!({
                "UsernameAttributes": ["email"],
                "SchemaAttributes": [
                    { "Name": "sub", "AttributeDataType": "String", "Mutable": false, "Required": true },
                    { "Name": "email", "AttributeDataType": "String", "Required": true, "Mutable": true },
                    { "Name": "name", "AttributeDataType": "String", "Required": true, "Mutable": true },
                    { "Name": "phone_number", "AttributeDataType": "String", "Mutable": true },
                    { "Name": "email_verified", "AttributeDataType": "Boolean", "Mutable": true },
                    { "Name": "custom:company", "AttributeDataType": "String", "Mutable": false,
                      "StringAttributeConstraints": { "MinLength": "2", "MaxLength": "10" } },
                    { "Name": "custom:seats", "AttributeDataType": "Number", "Mutable": true,
                      "NumberAttributeConstraints": { "MinValue": "1", "MaxValue": "500" } },
                    { "Name": "custom:opt_in", "AttributeDataType": "Boolean", "Mutable": true },
                ],
            }),
        )
    }

    fn message(refused: Refused) -> String {
        let reply = refused.expect_err("refused");
        reply.json().expect("JSON")["message"]
            .as_str()
            .expect("a text")
            .to_owned()
    }

    #[test]
    fn values_are_held_against_the_schema() {
        let pool = pool();
        let check = |name, value| refuse_nonconforming(&pool, &[Given { name, value }]);
        for (name, value, expected) in [
            (
                "custom:nope",
                "1",
                "Attribute does not exist in the schema.",
            ),
            ("custom:company", "Analytical Engines", "no longer than 10"),
            ("custom:company", "A", "at least 2"),
            ("custom:seats", "many", "not a number"),
            ("custom:seats", "501", "no greater than 500"),
            ("custom:seats", "0", "at least 1"),
            ("custom:opt_in", "yes", "true or false"),
            ("email", "ada", "Invalid email address format."),
            ("email", "ada@b@c.d", "Invalid email address format."),
            ("phone_number", "5550100", "Invalid phone number format."),
            (
                "phone_number",
                "+123456789012345678",
                "Invalid phone number format.",
            ),
        ] {
            let message = message(check(name, value));
            assert!(message.contains(expected), "{name}={value}: {message}");
        }
        for (name, value) in [
            ("custom:company", "Engines"),
            ("custom:company", ""),
            ("custom:seats", "500"),
            ("custom:opt_in", "True"),
            ("email", "ada@example.com"),
            ("phone_number", "+15555550100"),
        ] {
            assert!(check(name, value).is_ok(), "{name}={value}");
        }
    }

    #[test]
    fn the_name_one_signs_up_with_counts_as_an_attribute() {
        let pool = pool();
        let refused = message(refuse_missing(&pool, "ada@example.com", &[]));
        assert_eq!(
            refused,
            "Attributes did not conform to the schema: name: The attribute is required\n"
        );
        let name = Given {
            name: "name",
            value: "Ada",
        };
        assert!(refuse_missing(&pool, "ada@example.com", &[name]).is_ok());
    }

    #[test]
    fn what_cannot_change_stays() {
        let pool = pool();
        let user = User {
            attributes: [("custom:company".to_owned(), "Engines".to_owned())].into(),
            ..User::default()
        };
        let check = |name, value| refuse_unchangeable(&pool, &user, &[Given { name, value }]);
        assert!(message(check("custom:company", "Looms")).contains("cannot be updated"));
        assert!(check("custom:company", "Engines").is_ok());
        assert!(message(check("sub", "x")).contains("non-mutable"));
        assert!(message(check("name", "")).contains("name: The attribute is required"));
    }

    #[test]
    fn a_client_writes_and_reads_what_its_lists_say() {
        let pool = pool();
        let listed = Client::new(
            "c",
            json!({ "WriteAttributes": ["email", "name"], "ReadAttributes": ["name"] }),
        );
        let unlisted = Client::new("c", json!({}));
        let writes = |client: &Client, name| {
            let given = [Given {
                name,
                value: "true",
            }];
            refuse_unwritable(&pool, client, &given).is_ok()
        };
        assert!(writes(&listed, "name"));
        assert!(!writes(&listed, "custom:company"));
        assert!(!writes(&listed, "custom:nope"));
        assert!(writes(&unlisted, "name"));
        assert!(!writes(&unlisted, "custom:company"));
        for client in [&listed, &unlisted] {
            assert!(!writes(client, "email_verified"));
            assert!(!writes(client, "sub"));
        }
        assert!(is_readable(&listed, "sub") && is_readable(&listed, "name"));
        assert!(!is_readable(&listed, "email"));
        assert!(is_readable(&unlisted, "email_verified"));
        assert!(!is_readable(&unlisted, "custom:company"));
    }
}
