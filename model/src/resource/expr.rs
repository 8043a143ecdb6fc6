//! References between resources before their values are known, and their resolution.
//!
//! An [`Expr`] serialises to CloudFormation's own intrinsic functions, so a declared resource is its
//! template fragment. `Fn::Sub` is left out on purpose: its `${}` collides with IAM policy variables.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

/// A resource's name inside a topology; also its logical ID in a CloudFormation template.
pub type LogicalId = String;

/// A string that may refer to a resource which does not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// A known string.
    Literal(String),
    /// What CloudFormation's `Ref` returns; also pseudo parameters such as `AWS::Region`.
    Ref(LogicalId),
    /// One attribute of a resource, such as `Arn`.
    GetAtt(LogicalId, String),
    /// The parts put together, with nothing between them.
    Join(Vec<Self>),
}

impl Expr {
    /// `Ref` to a resource, a parameter or a pseudo parameter.
    pub fn reference(id: impl Into<String>) -> Self {
        Self::Ref(id.into())
    }

    /// `Fn::GetAtt`.
    pub fn attribute(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self::GetAtt(id.into(), name.into())
    }

    /// `Fn::Join` with an empty separator.
    pub fn join(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::Join(parts.into_iter().collect())
    }

    /// `arn:PARTITION:SERVICE:REGION:ACCOUNT:rest` of this stage's account and region.
    pub fn arn(service: &str, rest: impl Into<String>) -> Self {
        Self::join([
            Self::from("arn:"),
            Self::reference("AWS::Partition"),
            Self::from(format!(":{service}:")),
            Self::reference("AWS::Region"),
            Self::from(":"),
            Self::reference("AWS::AccountId"),
            Self::from(format!(":{}", rest.into())),
        ])
    }
}

impl From<&str> for Expr {
    fn from(text: &str) -> Self {
        Self::Literal(text.to_owned())
    }
}

impl From<String> for Expr {
    fn from(text: String) -> Self {
        Self::Literal(text)
    }
}

impl Serialize for Expr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Literal(text) => serializer.serialize_str(text),
            Self::Ref(id) => json!({ "Ref": id }).serialize(serializer),
            Self::GetAtt(id, name) => json!({ "Fn::GetAtt": [id, name] }).serialize(serializer),
            Self::Join(parts) => json!({ "Fn::Join": ["", parts] }).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Expr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::of(&value).ok_or_else(|| {
            serde::de::Error::custom("neither a string nor a reference that is known")
        })
    }
}

impl Expr {
    fn of(value: &Value) -> Option<Self> {
        if let Value::String(text) = value {
            return Some(Self::Literal(text.clone()));
        }
        match intrinsic(value)? {
            Intrinsic::Reference(Reference { id, attribute }) => Some(match attribute {
                Some(attribute) => Self::GetAtt(id, attribute),
                None => Self::Ref(id),
            }),
            Intrinsic::Join(parts) => {
                let parts: Option<Vec<Self>> = parts.iter().map(Self::of).collect();
                parts.map(Self::Join)
            }
        }
    }
}

/// One reference found inside a property document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The resource, parameter or pseudo parameter referred to.
    pub id: LogicalId,
    /// The attribute asked for; `None` is `Ref`.
    pub attribute: Option<String>,
}

/// Reads `value` as an intrinsic function, if it is one.
fn intrinsic(value: &Value) -> Option<Intrinsic<'_>> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    let (name, argument) = object.iter().next()?;
    match name.as_str() {
        "Ref" => Some(Intrinsic::Reference(Reference {
            id: argument.as_str()?.to_owned(),
            attribute: None,
        })),
        "Fn::GetAtt" => {
            let parts = argument.as_array()?;
            Some(Intrinsic::Reference(Reference {
                id: parts.first()?.as_str()?.to_owned(),
                attribute: Some(parts.get(1)?.as_str()?.to_owned()),
            }))
        }
        "Fn::Join" => Some(Intrinsic::Join(argument.as_array()?.get(1)?.as_array()?)),
        _ => None,
    }
}

enum Intrinsic<'a> {
    Reference(Reference),
    Join(&'a Vec<Value>),
}

/// Every reference inside a property document, with the path of the property that holds it.
pub fn references(properties: &Value) -> Vec<(String, Reference)> {
    let mut found = Vec::new();
    collect("", properties, &mut found);
    found
}

fn collect(path: &str, value: &Value, found: &mut Vec<(String, Reference)>) {
    match intrinsic(value) {
        Some(Intrinsic::Reference(reference)) => found.push((path.to_owned(), reference)),
        Some(Intrinsic::Join(parts)) => parts.iter().for_each(|part| collect(path, part, found)),
        None => match value {
            Value::Object(object) => {
                for (key, inner) in object {
                    let path = if path.is_empty() {
                        key.clone()
                    } else {
                        format!("{path}.{key}")
                    };
                    collect(&path, inner, found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(path, item, found)),
            _ => {}
        },
    }
}

/// Whether a value still holds a reference nobody could answer.
pub fn is_unresolved(value: &Value) -> bool {
    !references(value).is_empty()
}

/// Answers to references: what is known of resources, parameters and pseudo parameters.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    known: BTreeMap<Reference, String>,
}

impl Answers {
    /// Records what `Ref` to `id` is.
    pub fn reference(&mut self, id: &str, value: impl Into<String>) {
        self.known.insert(
            Reference {
                id: id.to_owned(),
                attribute: None,
            },
            value.into(),
        );
    }

    /// Records one attribute of `id`.
    pub fn attribute(&mut self, id: &str, name: &str, value: impl Into<String>) {
        self.known.insert(
            Reference {
                id: id.to_owned(),
                attribute: Some(name.to_owned()),
            },
            value.into(),
        );
    }

    /// Forgets everything about a resource, because it is about to be replaced.
    pub fn forget(&mut self, id: &str) {
        self.known.retain(|reference, _| reference.id != id);
    }

    /// What a reference stands for, when known.
    pub fn get(&self, reference: &Reference) -> Option<&str> {
        self.known.get(reference).map(String::as_str)
    }

    /// Puts every known answer into a property document. What is not known stays an intrinsic
    /// function, so resolving twice is the same as resolving once.
    pub fn resolve(&self, value: &Value) -> Value {
        match intrinsic(value) {
            Some(Intrinsic::Reference(reference)) => self
                .get(&reference)
                .map_or_else(|| value.clone(), Value::from),
            Some(Intrinsic::Join(parts)) => {
                let parts: Vec<Value> = parts.iter().map(|part| self.resolve(part)).collect();
                let text: Option<Vec<&str>> = parts.iter().map(Value::as_str).collect();
                match text {
                    Some(text) => Value::from(text.concat()),
                    None => json!({ "Fn::Join": ["", parts] }),
                }
            }
            None => match value {
                Value::Object(object) => object
                    .iter()
                    .map(|(key, inner)| (key.clone(), self.resolve(inner)))
                    .collect(),
                Value::Array(items) => items.iter().map(|item| self.resolve(item)).collect(),
                other => other.clone(),
            },
        }
    }
}

/// A string whose references have all been answered; the other phase of [`Expr`].
pub trait Phase: Serialize + Clone + std::fmt::Debug + PartialEq {}
impl Phase for Expr {}
impl Phase for String {}

/// One tag, spelled as CloudFormation spells most of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Tag {
    /// The key, up to 128 characters.
    pub key: String,
    /// The value, up to 256 characters.
    pub value: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers() -> Answers {
        let mut answers = Answers::default();
        answers.reference("AWS::Region", "eu-west-1");
        answers.attribute("Pool", "Arn", "arn:pool");
        answers
    }

    #[test]
    fn renders_as_cloudformation_intrinsics() {
        let expr = Expr::join([Expr::from("a/"), Expr::attribute("Pool", "Arn")]);
        assert_eq!(
            serde_json::to_value(expr).expect("an expression serialises"),
            json!({ "Fn::Join": ["", ["a/", { "Fn::GetAtt": ["Pool", "Arn"] }]] })
        );
    }

    #[test]
    fn resolves_what_is_known_and_keeps_the_rest() {
        let document = json!({ "A": { "Ref": "AWS::Region" }, "B": [{ "Fn::GetAtt": ["Pool", "Arn"] }], "C": { "Ref": "Later" } });
        let resolved = answers().resolve(&document);
        assert_eq!(
            resolved,
            json!({ "A": "eu-west-1", "B": ["arn:pool"], "C": { "Ref": "Later" } })
        );
        assert!(is_unresolved(&resolved));
        assert_eq!(
            answers().resolve(&resolved),
            resolved,
            "resolving is idempotent"
        );
    }

    #[test]
    fn a_join_waits_for_all_its_parts() {
        let document =
            json!({ "Fn::Join": ["", [{ "Ref": "AWS::Region" }, "/", { "Ref": "Later" }]] });
        assert_eq!(
            answers().resolve(&document),
            json!({ "Fn::Join": ["", ["eu-west-1", "/", { "Ref": "Later" }]] })
        );
    }

    #[test]
    fn references_carry_the_path_of_their_property() {
        let document =
            json!({ "LambdaConfig": { "PostConfirmation": { "Fn::GetAtt": ["F", "Arn"] } } });
        let found = references(&document);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, "LambdaConfig.PostConfirmation");
        assert_eq!(found[0].1.id, "F");
    }
}
