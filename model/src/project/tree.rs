//! YAML as a tree in which every key and value knows its place, and serde over that tree.
//!
//! Between the YAML parser and the typed model for three reasons: a stage is laid over its base
//! before either is typed, without losing a span; a mistake doesn't end the reading, since the tree
//! without it can be read again; and the words of every message are ours.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};
use serde::{Serialize, Serializer};
use serde_yaml::Spanned;

use super::source::{Source, Span};
use crate::error::Place;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// Where.
    pub(super) span: Span,
    /// What.
    pub(super) data: Data,
}

/// What a [`Node`] holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Data {
    /// Nothing: an empty value, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the file's order.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    /// Where.
    pub(super) span: Span,
    /// What.
    pub(super) name: String,
}

impl Node {
    /// The value under `name` of a mapping.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        self.entry(name).map(|(_, value)| value)
    }

    /// The same, with its key.
    pub(super) fn entry(&self, name: &str) -> Option<(&Key, &Self)> {
        match &self.data {
            Data::Map(entries) => entries
                .iter()
                .find(|(key, _)| key.name == name)
                .map(|(key, value)| (key, value)),
            _ => None,
        }
    }

    /// Takes out the value under `name` of a mapping, and tells where the key stood.
    pub(super) fn take(&mut self, name: &str) -> Option<Span> {
        let Data::Map(entries) = &mut self.data else {
            return None;
        };
        let at = entries.iter().position(|(key, _)| key.name == name)?;
        Some(entries.remove(at).0.span)
    }

    /// Takes out what `path` leads to; false when it leads nowhere.
    pub(super) fn remove(&mut self, path: &[Step]) -> bool {
        let Some((step, rest)) = path.split_first() else {
            return false;
        };
        match (&mut self.data, step) {
            (Data::Map(entries), Step::Key(span)) => {
                let Some(at) = entries.iter().position(|(key, _)| key.span == *span) else {
                    return false;
                };
                if rest.is_empty() {
                    entries.remove(at);
                    return true;
                }
                entries[at].1.remove(rest)
            }
            (Data::List(items), Step::Item(at)) if *at < items.len() => {
                if rest.is_empty() {
                    items.remove(*at);
                    return true;
                }
                items[*at].remove(rest)
            }
            _ => false,
        }
    }

    /// What the value is, for "found …".
    fn described(&self) -> &'static str {
        match &self.data {
            Data::Null => "nothing",
            Data::Bool(_) => "`true` or `false`",
            Data::Integer(_) | Data::Float(_) => "a number",
            Data::Text(_) => "text",
            Data::List(_) => "a list",
            Data::Map(_) => "a mapping",
        }
    }
}

/// One step from a node to one inside it. A key is known by its span, since a mapping laid over
/// another may come from two spots of the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// Into a mapping.
    Key(Span),
    /// Into a list.
    Item(usize),
}

// --- YAML to tree -------------------------------------------------------------------------------

/// Why a text is no tree.
#[derive(Debug)]
pub(super) struct Malformed {
    /// What is wrong.
    pub(super) wrong: Wrong,
    /// Where, when the parser knows.
    pub(super) place: Option<Place>,
}

/// What is wrong with a text that is no tree.
#[derive(Debug)]
pub(super) enum Wrong {
    /// It is no YAML, in the parser's words.
    NotYaml(String),
    /// It is YAML that no project file holds, in ours.
    NotOurs {
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: &'static str,
    },
}

/// Parses one YAML document.
///
/// Only `true` and `false` are booleans: `no` is Norway, and `on` is text. A number with a leading
/// zero, such as an account, stays text too.
pub(super) fn parse(source: &Source) -> Result<Node, Malformed> {
    let mut options = serde_yaml::Options::default();
    options.strict_booleans = true;
    options.leading_zero_numbers_as_strings = true;
    options.underscored_numbers_as_strings = true;
    options.with_snippet = false;
    // Aliases of aliases can make a small file huge; the largest honest one has some hundred nodes.
    let mut budget = serde_yaml::Budget::default();
    budget.max_nodes = 20_000;
    options.budget = Some(budget);
    let parsed = serde_yaml::from_str_with_options::<Spanned<Raw>>(&source.text, options);
    match parsed {
        Ok(raw) => Ok(node(source, raw)),
        Err(error) => {
            let error = error.without_snippet();
            Err(Malformed {
                place: error
                    .location()
                    .map(|location| source.place(span(source, location))),
                wrong: wrong(error),
            })
        }
    }
}

/// The parser explains what is wrong with a text, but speaks of types and options to whoever calls it
/// when the text is fine and holds what we don't take.
fn wrong(error: &serde_yaml::Error) -> Wrong {
    use serde_yaml::Error as Yaml;
    let (message, hint) = match error {
        Yaml::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or_default();
            let message = format!("the key `{key}` stands here twice");
            return not_ours(message, "remove one of the two, or merge them");
        }
        Yaml::NonFiniteFloat { value, .. } => {
            let message = format!("`{value}` is no number to count with");
            return not_ours(message, "write another, or put text in quotes");
        }
        Yaml::NullIntoString { .. } => (
            "a key is empty, or `null`",
            "name it before the `:`; in quotes, if its name is `\"null\"`",
        ),
        Yaml::Unexpected { .. } => (
            "a key is no text",
            "write a name before the `:`, not a list or a mapping",
        ),
        Yaml::MergeValueNotMapOrSeqOfMaps { .. } => (
            "`<<` takes in something else than a mapping",
            "name the anchor of a mapping: `<<: *name`",
        ),
        Yaml::RecursiveReferencesRequireWeakTypes { .. } => (
            "an alias stands within what it names",
            "write out what belongs here",
        ),
        Yaml::InvalidBinaryBase64 { .. }
        | Yaml::BinaryNotUtf8 { .. }
        | Yaml::InvalidBooleanStrict { .. }
        | Yaml::InvalidScalar { .. }
        | Yaml::TaggedScalarCannotDeserializeIntoString { .. }
        | Yaml::UnsupportedTag { .. } => (
            "the value is none of its tag",
            "remove the tag, which starts with `!`",
        ),
        Yaml::Budget { .. }
        | Yaml::AliasReplayCounterOverflow { .. }
        | Yaml::AliasReplayLimitExceeded { .. }
        | Yaml::AliasExpansionLimitExceeded { .. }
        | Yaml::AliasReplayStackDepthExceeded { .. } => (
            "the file is far larger than a project file can be",
            "remove aliases of aliases, and what is nested for no reason",
        ),
        // Its own words name the functions to call.
        Yaml::MultipleDocuments { .. } => {
            let words = "a second document starts here; there can be one, so remove the `---`";
            return Wrong::NotYaml(words.to_owned());
        }
        Yaml::ExternalMessage { .. }
        | Yaml::Eof { .. }
        | Yaml::UnknownAnchor { .. }
        | Yaml::UnexpectedSequenceEnd { .. }
        | Yaml::UnexpectedMappingEnd { .. }
        | Yaml::ContainerEndMismatch { .. }
        | Yaml::FoldedBlockScalarMustIndentContent { .. }
        | Yaml::IndentationError { .. } => return Wrong::NotYaml(words_of(error)),
        _ => (
            "this is YAML that no project file holds",
            "write plain keys, text, numbers, lists and mappings",
        ),
    };
    not_ours(message, hint)
}

fn not_ours(message: impl Into<String>, hint: &'static str) -> Wrong {
    Wrong::NotOurs {
        message: message.into(),
        hint,
    }
}

/// The parser's words alone; its own rendering ends with the position, which we show better.
fn words_of(error: &serde_yaml::Error) -> String {
    let text = match error {
        serde_yaml::Error::ExternalMessage { msg, .. } => msg.clone(),
        other => other.to_string(),
    };
    let line = text.lines().next().unwrap_or_default();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    let line = line.find(" at line ").map_or(line, |at| &line[..at]);
    line.trim_end_matches('.').to_owned()
}

/// The parser's position in bytes. It counts lines and columns (in characters) always, bytes only
/// sometimes.
fn span(source: &Source, location: serde_yaml::Location) -> Span {
    let at = location.span();
    if let (Some(start), Some(length)) = (at.byte_offset(), at.byte_len()) {
        let start = usize::try_from(start).unwrap_or_default();
        return Span {
            start,
            end: start + usize::try_from(length).unwrap_or_default(),
        };
    }
    let line = usize::try_from(location.line())
        .unwrap_or_default()
        .saturating_sub(1);
    let column = usize::try_from(location.column())
        .unwrap_or_default()
        .saturating_sub(1);
    let line_start: usize = source
        .text
        .split_inclusive('\n')
        .take(line)
        .map(str::len)
        .sum();
    let start = source.text[line_start..]
        .char_indices()
        .nth(column)
        .map_or(source.text.len(), |(at, _)| line_start + at);
    Span { start, end: start }
}

fn node(source: &Source, raw: Spanned<Raw>) -> Node {
    // `defined` is where the text itself stands, also when an alias brought us here.
    let mut span = span(source, raw.defined);
    let data = match raw.value {
        Raw::Scalar(data) => data,
        Raw::List(items) => Data::List(items.into_iter().map(|item| node(source, item)).collect()),
        Raw::Map(entries) => Data::Map(
            entries
                .into_iter()
                .map(|(key, value)| {
                    let at = self::span(source, key.defined);
                    (
                        Key {
                            span: at,
                            name: key.value,
                        },
                        node(source, value),
                    )
                })
                .collect(),
        ),
    };
    span.end = span.end.max(end_of(source, &data));
    Node { span, data }
}

/// Where the contents of `data` end, closing bracket included: of a list or a mapping the parser
/// tells the start alone.
fn end_of(source: &Source, data: &Data) -> usize {
    let last = match data {
        Data::List(items) => items.iter().map(|item| item.span.end).max(),
        Data::Map(entries) => entries
            .iter()
            .map(|(key, value)| key.span.end.max(value.span.end))
            .max(),
        _ => None,
    };
    let Some(end) = last else {
        return 0;
    };
    let rest = source.text.get(end..).unwrap_or_default();
    let closing = rest.trim_start_matches([' ', ',', '\n', '\r']);
    if closing.starts_with([']', '}']) {
        end + rest.len() - closing.len() + 1
    } else {
        end
    }
}

/// What the YAML parser hands over: [`Node`] before its spans are put into bytes.
enum Raw {
    Scalar(Data),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<String>, Spanned<Self>)>),
}

impl<'de> de::Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RawVisitor;

        impl<'de> Visitor<'de> for RawVisitor {
            type Value = Raw;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_unit<E>(self) -> Result<Raw, E> {
                Ok(Raw::Scalar(Data::Null))
            }
            fn visit_none<E>(self) -> Result<Raw, E> {
                Ok(Raw::Scalar(Data::Null))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
                Ok(Raw::Scalar(Data::Bool(value)))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
                Ok(Raw::Scalar(Data::Integer(value)))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
                Ok(Raw::Scalar(
                    i64::try_from(value).map_or(Data::Float(value as f64), Data::Integer),
                ))
            }
            fn visit_i128<E>(self, value: i128) -> Result<Raw, E> {
                Ok(Raw::Scalar(Data::Float(value as f64)))
            }
            fn visit_u128<E>(self, value: u128) -> Result<Raw, E> {
                Ok(Raw::Scalar(Data::Float(value as f64)))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
                Ok(Raw::Scalar(Data::Float(value)))
            }
            fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
                Ok(Raw::Scalar(Data::Text(value.to_owned())))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Raw, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Raw::List(items))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Raw::Map(entries))
            }
        }

        deserializer.deserialize_any(RawVisitor)
    }
}

// --- Tree to types ------------------------------------------------------------------------------

/// A typed value and where it came from. Compares, sorts and is written like the value alone.
///
/// Outside of this module's parent nobody sees where a value stands; it reads like the value.
#[derive(Clone, Default)]
pub struct At<T> {
    /// The value.
    pub value: T,
    pub(super) origin: Origin,
}

/// A key the user picked.
pub type Name = At<String>;

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Origin {
    /// From nowhere: a rule completes it, or misses it.
    #[default]
    Nowhere,
    /// From us, as the file is silent.
    Default,
    /// From the file.
    Written(Span),
    /// From nowhere, since what the file has there is no such value. That was noted.
    Mistaken(Span),
}

impl<T> At<T> {
    /// Where the file has it, right or wrong.
    pub(super) fn span(&self) -> Option<Span> {
        match self.origin {
            Origin::Written(span) | Origin::Mistaken(span) => Some(span),
            Origin::Nowhere | Origin::Default => None,
        }
    }

    /// Where the file has this value.
    pub(super) fn written(&self) -> Option<Span> {
        match self.origin {
            Origin::Written(span) => Some(span),
            _ => None,
        }
    }

    /// Puts in what stands there from now on.
    pub(super) fn complete(&mut self, value: T) {
        self.value = value;
        if self.origin == Origin::Nowhere {
            self.origin = Origin::Default;
        }
    }
}

/// A default.
impl<T> From<T> for At<T> {
    fn from(value: T) -> Self {
        Self {
            value,
            origin: Origin::Default,
        }
    }
}

impl<T> std::ops::Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for At<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for At<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: PartialEq> PartialEq for At<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: PartialEq> PartialEq<T> for At<T> {
    fn eq(&self, other: &T) -> bool {
        self.value == *other
    }
}

impl PartialEq<str> for At<String> {
    fn eq(&self, other: &str) -> bool {
        self.value == other
    }
}

impl PartialEq<&str> for At<String> {
    fn eq(&self, other: &&str) -> bool {
        self.value == *other
    }
}

impl<T: Eq> Eq for At<T> {}

impl<T: Ord> PartialOrd for At<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> Ord for At<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.value.cmp(&other.value)
    }
}

impl<T> std::borrow::Borrow<T> for At<T> {
    fn borrow(&self) -> &T {
        &self.value
    }
}

impl std::borrow::Borrow<str> for At<String> {
    fn borrow(&self) -> &str {
        &self.value
    }
}

/// From nowhere is nothing: such a key has no default to show.
impl<T: Serialize> Serialize for At<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.origin {
            Origin::Nowhere => serializer.serialize_none(),
            _ => self.value.serialize(serializer),
        }
    }
}

/// The newtype name by which [`At`] asks [`Node`]'s deserializer for the span.
const AT: &str = "At";

impl<'de, T: de::Deserialize<'de> + Default> de::Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AtVisitor<T>(PhantomData<T>);

        impl<'de, T: de::Deserialize<'de> + Default> Visitor<'de> for AtVisitor<T> {
            type Value = At<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value with its place")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut parts: A) -> Result<At<T>, A::Error> {
                let missing = || de::Error::custom("a value without its place");
                let start = parts.next_element()?.ok_or_else(missing)?;
                let end = parts.next_element()?.ok_or_else(missing)?;
                let span = Span { start, end };
                Ok(match parts.next_element()? {
                    Some(value) => At {
                        value,
                        origin: Origin::Written(span),
                    },
                    None => At {
                        value: T::default(),
                        origin: Origin::Mistaken(span),
                    },
                })
            }
        }

        deserializer.deserialize_newtype_struct(AT, AtVisitor(PhantomData))
    }
}

/// In the JSON Schema a place leaves no trace.
impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// One mistake found while a tree was given its types.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mistyped {
    /// What is wrong.
    pub(super) mistake: Mistake,
    /// Where; `None` only while the error climbs to a node that knows.
    pub(super) span: Option<Span>,
    /// The way from the root, innermost step first.
    pub(super) path: Vec<Step>,
}

/// What can be wrong with a value's type.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Mistake {
    /// A key the model doesn't know.
    UnknownKey {
        /// The key.
        found: String,
        /// The keys it knows.
        known: &'static [&'static str],
    },
    /// A word that is none of the allowed ones.
    UnknownWord {
        /// The word.
        found: String,
        /// The allowed ones.
        allowed: &'static [&'static str],
    },
    /// A value of another type.
    Type {
        /// What is wanted, such as "a list".
        wanted: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// Text that isn't spelled like what its key takes.
    Spelling {
        /// What is wrong; `{key}` stands for the key.
        message: String,
        /// What to do about it.
        hints: Vec<String>,
    },
}

impl Mistyped {
    fn new(mistake: Mistake) -> Self {
        Self {
            mistake,
            span: None,
            path: Vec::new(),
        }
    }

    fn at(mut self, span: Span, step: Step) -> Self {
        self.span.get_or_insert(span);
        self.path.push(step);
        self
    }
}

impl fmt::Display for Mistyped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.mistake)
    }
}

impl std::error::Error for Mistyped {}

impl de::Error for Mistyped {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let text = message.to_string();
        let mut lines = text.lines().map(str::to_owned);
        Self::new(Mistake::Spelling {
            message: lines.next().unwrap_or_default(),
            hints: lines.collect(),
        })
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        Self::new(Mistake::UnknownKey {
            found: field.to_owned(),
            known,
        })
    }

    fn unknown_variant(variant: &str, allowed: &'static [&'static str]) -> Self {
        Self::new(Mistake::UnknownWord {
            found: variant.to_owned(),
            allowed,
        })
    }
}

/// What [`typed`] gives: the value, and the mistakes of spelling in it, where a default stands in.
type Typed<T> = (T, Vec<Mistyped>);

/// Gives `node` the type `T`.
pub(super) fn typed<T: de::DeserializeOwned>(node: &Node) -> Result<Typed<T>, Mistyped> {
    let slips = RefCell::new(Vec::new());
    let reader = Reader {
        node,
        key: None,
        slips: &slips,
    };
    match T::deserialize(reader) {
        Ok(value) => Ok((value, slips.into_inner())),
        Err(mut error) => {
            error.span.get_or_insert(node.span);
            error.path.reverse();
            Err(error)
        }
    }
}

/// Serde's view of a node.
#[derive(Clone, Copy)]
struct Reader<'a> {
    node: &'a Node,
    /// The key it stands under.
    key: Option<Span>,
    slips: &'a RefCell<Vec<Mistyped>>,
}

impl std::ops::Deref for Reader<'_> {
    type Target = Node;

    fn deref(&self) -> &Node {
        self.node
    }
}

impl Node {
    fn mistyped(&self, wanted: &'static str) -> Mistyped {
        let mut error = Mistyped::new(Mistake::Type {
            wanted,
            found: self.described(),
        });
        error.span = Some(self.span);
        error
    }
}

/// Numbers: every width goes through `i64`, and the visitor checks the range.
macro_rules! integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistyped> {
            match self.data {
                Data::Integer(value) => match u64::try_from(value) {
                    Ok(value) => visitor.visit_u64(value),
                    Err(_) => visitor.visit_i64(value),
                }
                .map_err(|_: Mistyped| self.mistyped("a smaller whole number, not below zero")),
                _ => Err(self.mistyped("a whole number")),
            }
        }
    )*};
}

macro_rules! texts {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistyped> {
            match &self.data {
                Data::Text(value) => visitor.visit_str(value),
                _ => Err(self.mistyped("text")),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Mistyped;

    integers!(
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    );
    texts!(deserialize_str deserialize_string deserialize_char deserialize_identifier);

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistyped> {
        match &self.data {
            Data::Null => visitor.visit_unit(),
            Data::Bool(value) => visitor.visit_bool(*value),
            Data::Integer(value) => visitor.visit_i64(*value),
            Data::Float(value) => visitor.visit_f64(*value),
            Data::Text(value) => visitor.visit_str(value),
            Data::List(_) => self.deserialize_seq(visitor),
            Data::Map(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistyped> {
        match self.data {
            Data::Bool(value) => visitor.visit_bool(value),
            _ => Err(self.mistyped("`true` or `false`")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistyped> {
        match self.data {
            Data::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistyped> {
        if name == AT {
            return visitor.visit_seq(Placed {
                reader: self,
                next: 0,
            });
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistyped> {
        match &self.data {
            Data::List(items) => visitor.visit_seq(Items {
                reader: self,
                items: items.iter().enumerate(),
            }),
            _ => Err(self.mistyped("a list")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistyped> {
        match &self.data {
            Data::Map(entries) => visitor.visit_map(Entries {
                reader: self,
                entries: entries.iter(),
                taken_away: &[],
                current: None,
            }),
            _ => Err(self.mistyped("a mapping")),
        }
    }

    /// A key of ours without a value is a key that isn't there; a name somebody picked isn't.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistyped> {
        match &self.data {
            Data::Map(entries) => visitor.visit_map(Entries {
                reader: self,
                entries: entries.iter(),
                taken_away: fields,
                current: None,
            }),
            _ => Err(self.mistyped("a mapping")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistyped> {
        let word = match &self.data {
            Data::Text(word) => word.as_str(),
            // YAML has no way to write the word `off` but as itself; `true` and numbers stay wrong.
            _ => {
                let mut error = Mistyped::new(Mistake::UnknownWord {
                    found: self.described().to_owned(),
                    allowed: variants,
                });
                error.span = Some(self.span);
                return Err(error);
            }
        };
        visitor
            .visit_enum(word.into_deserializer())
            .map_err(|mut error: Mistyped| {
                error.span.get_or_insert(self.span);
                error
            })
    }

    serde::forward_to_deserialize_any! {
        i128 u128 f32 f64 bytes byte_buf unit unit_struct tuple tuple_struct ignored_any
    }
}

/// The three parts an [`At`] is made of: start, end, value. There is no value where the text isn't
/// spelled like one; the reading goes on, and the mistake is noted.
struct Placed<'a> {
    reader: Reader<'a>,
    next: u8,
}

impl<'de> de::SeqAccess<'de> for Placed<'_> {
    type Error = Mistyped;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mistyped> {
        self.next += 1;
        let span = self.reader.span;
        match self.next {
            1 => seed.deserialize(span.start.into_deserializer()).map(Some),
            2 => seed.deserialize(span.end.into_deserializer()).map(Some),
            3 => match seed.deserialize(self.reader) {
                Err(mut slip) if matches!(slip.mistake, Mistake::Spelling { .. }) => {
                    slip.span = Some(span);
                    slip.path.extend(self.reader.key.map(Step::Key));
                    self.reader.slips.borrow_mut().push(slip);
                    Ok(None)
                }
                value => value.map(Some),
            },
            _ => Ok(None),
        }
    }
}

struct Items<'a> {
    reader: Reader<'a>,
    items: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Mistyped;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mistyped> {
        let Some((at, item)) = self.items.next() else {
            return Ok(None);
        };
        let reader = Reader {
            node: item,
            ..self.reader
        };
        seed.deserialize(reader)
            .map(Some)
            .map_err(|error| error.at(item.span, Step::Item(at)))
    }
}

struct Entries<'a> {
    reader: Reader<'a>,
    entries: std::slice::Iter<'a, (Key, Node)>,
    /// The keys that `null` takes away.
    taken_away: &'static [&'static str],
    current: Option<&'a (Key, Node)>,
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Mistyped;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mistyped> {
        let taken_away = self.taken_away;
        let stays = |(key, value): &&(Key, Node)| {
            value.data != Data::Null || !taken_away.contains(&key.name.as_str())
        };
        let Some(entry) = self.entries.find(stays) else {
            return Ok(None);
        };
        self.current = Some(entry);
        let (key, _) = entry;
        let name = Node {
            span: key.span,
            data: Data::Text(key.name.clone()),
        };
        let reader = Reader {
            node: &name,
            ..self.reader
        };
        seed.deserialize(reader)
            .map(Some)
            .map_err(|error| error.at(key.span, Step::Key(key.span)))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mistyped> {
        let Some((key, value)) = self.current.take() else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        let reader = Reader {
            node: value,
            key: Some(key.span),
            ..self.reader
        };
        seed.deserialize(reader).map_err(|mut error| {
            // An empty value has no text to point at; its key has.
            if matches!(value.data, Data::Null) {
                error.span = Some(key.span);
            }
            error.at(value.span, Step::Key(key.span))
        })
    }
}
