//! What planning must know of a resource type, as data.

use serde_json::Value;

use super::Kind;

/// How a property is compared with what AWS returns. Paths not listed are compared by value, leaf by
/// leaf, and only the leaves we declare: what we leave out is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// By value.
    Value,
    /// A list whose order means nothing.
    Set,
    /// A list of objects matched by one of their fields.
    Keyed(&'static str),
    /// An object whose keys are all ours: a key that left the file is removed.
    Map,
    /// Tags, as a list of `Key` and `Value` or as an object. Those that others put on are not ours: they are
    /// taken out of what was read before anything is compared.
    Tags,
    /// An IAM policy document: one string and a list of one are the same, order means nothing.
    Policy,
    /// By the digest in this field; shown shortened.
    Digest(&'static str),
    /// Write-only: never compared.
    Never,
}

/// What changing a property takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutability {
    /// An update in place.
    Update,
    /// Entries may be added; changing or removing one is refused, with this advice.
    AddOnly(&'static str),
    /// A new resource in place of the old.
    Replace,
    /// Refused, with this advice on how to get there.
    Refuse(&'static str),
}

/// How a resource of this type is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacement {
    /// The name is free for a second one: create, then delete the old at the end.
    CreateFirst,
    /// The name is taken: delete, then create.
    DeleteFirst,
    /// As `CreateFirst`, and others hold its ID: refused unless `--allow-replace` names it.
    /// The text says what would be lost.
    CreateFirstIfAllowed(&'static str),
    /// As `DeleteFirst`, refused unless `--allow-replace` names it.
    DeleteFirstIfAllowed(&'static str),
    /// Refused whatever the flags; the text says what would be lost.
    Never(&'static str),
}

/// One part of a physical ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The property at this JSON pointer.
    Property(&'static str),
    /// The same, empty where there is none.
    Optional(&'static str),
    /// Our own name.
    LogicalId,
}

/// What identifies a resource in AWS: the parts of CloudFormation's primary identifier, joined by `|`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// It follows from what is declared.
    Named(&'static [Part]),
    /// AWS makes it up. One that no record knows is looked for, by its tags or by its name, in the
    /// parent that the property at this JSON pointer names.
    Assigned {
        /// Where to look; everywhere when it has no parent.
        within: Option<&'static str>,
    },
}

impl Identity {
    /// The physical ID, when it follows from what is declared; `None` while a part is still an open
    /// reference, and for what AWS names itself.
    pub fn of(self, logical_id: &str, declared: &Value) -> Option<String> {
        let Self::Named(parts) = self else {
            return None;
        };
        let text = |pointer: &str| declared.pointer(pointer).and_then(Value::as_str);
        let parts: Option<Vec<&str>> = parts
            .iter()
            .map(|part| match part {
                Part::Property(pointer) => text(pointer),
                Part::Optional(pointer) => Some(text(pointer).unwrap_or_default()),
                Part::LogicalId => Some(logical_id),
            })
            .collect();
        Some(parts?.join("|"))
    }

    /// Whether enough is known to read it, or to look for it.
    pub fn can_be_read(self, logical_id: &str, declared: &Value) -> bool {
        match self {
            Self::Named(_) => self.of(logical_id, declared).is_some(),
            Self::Assigned { within: None } => true,
            Self::Assigned {
                within: Some(parent),
            } => declared.pointer(parent).is_some_and(Value::is_string),
        }
    }
}

/// What CloudFormation's `Ref` returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefReturns {
    /// The whole physical ID.
    PhysicalId,
    /// What stands behind its first `|`.
    LastPart,
}

/// Writes that AWS does one at a time, whatever the type: of those in one line, the next waits for the one
/// before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// What changes a user pool or a part of it. Cognito answers a second one with
    /// ConcurrentModificationException, which no SDK tries again; which operations may is listed with
    /// each in Cognito's service model. A stage has one pool.
    UserPool,
    /// SES allows one change of a template a second, for the whole account (SES API v2's service model).
    EmailTemplates,
}

/// Whose line a type's writes stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OneAtATime {
    /// The line.
    pub line: Line,
    /// Whether making one counts, too. Changing and deleting one always do.
    pub creates: bool,
}

/// Everything planning must know of one type. A type states what differs from [`Rules::of`].
#[derive(Debug)]
pub struct Rules {
    /// CloudFormation's type name.
    pub type_name: &'static str,
    /// What identifies it in AWS.
    pub identity: Identity,
    /// What a reference to it stands for.
    pub ref_returns: RefReturns,
    /// Path prefixes that are not compared by value.
    pub compare: &'static [(&'static str, Compare)],
    /// Path prefixes that can't simply be updated.
    pub mutability: &'static [(&'static str, Mutability)],
    /// How it is replaced.
    pub replacement: Replacement,
    /// Properties the direct engine leaves out of the create and sends in an update once what they
    /// refer to exists. It takes an edge, and so a wait, out of the middle of the graph.
    pub deferred: &'static [&'static str],
    /// A property that refers to what this one holds on to, and the attribute that tells that from another one
    /// of the same name. One that was made anew under its name has to be handed over anew.
    pub holds: Option<(&'static str, &'static str)>,
    /// Whether deleting it loses what people put there.
    pub holds_data: bool,
    /// Whether it exists, and can be referred to, some time before it can be used.
    pub settles: bool,
    /// The type whose deletion takes this one with it: no request of its own is needed then.
    pub goes_with: Option<Kind>,
    /// Types whose deletion has to wait for this one's: AWS refuses it, or this one needs them to the end.
    pub deleted_before: &'static [Kind],
    /// How many may be written in one request; 1 where the API takes one at a time.
    pub share_a_request: usize,
    /// Whether its writes have to wait for each other, and for those of which other types.
    pub one_at_a_time: Option<OneAtATime>,
    /// Whether it belongs to what it refers to so closely that a resource which comes to use that has to wait
    /// for this one, too: a role that is assumed before it has its policy may do nothing.
    pub completes: bool,
    /// Settings that AWS doesn't tell while they are at their default, which is beside each.
    pub defaults: &'static [(&'static str, &'static str)],
    /// Properties that are taken away when they are no longer declared, if what they name is of this stage.
    /// Others are left as they are: what we don't declare is not ours.
    pub cleared: &'static [&'static str],
}

impl Rules {
    /// Whether resources of the type say by their tags whose they are.
    pub fn is_tagged(&self) -> bool {
        self.compare
            .iter()
            .any(|(_, compare)| *compare == Compare::Tags)
    }

    /// A type of which nothing is special: compared by value, updated in place, replaced by deleting the
    /// old one first.
    pub(super) const fn of(type_name: &'static str) -> Self {
        Self {
            type_name,
            identity: Identity::Assigned { within: None },
            ref_returns: RefReturns::PhysicalId,
            compare: &[],
            mutability: &[],
            replacement: Replacement::DeleteFirst,
            deferred: &[],
            holds: None,
            holds_data: false,
            settles: false,
            goes_with: None,
            deleted_before: &[],
            share_a_request: 1,
            one_at_a_time: None,
            completes: false,
            defaults: &[],
            cleared: &[],
        }
    }

    /// How the property at `path` is compared.
    pub fn compare(&self, path: &str) -> Compare {
        lookup(self.compare, path).unwrap_or(Compare::Value)
    }

    /// What changing the property at `path` takes.
    pub fn mutability(&self, path: &str) -> Mutability {
        lookup(self.mutability, path).unwrap_or(Mutability::Update)
    }

    /// What the property at `path` is while AWS doesn't tell.
    pub fn default(&self, path: &str) -> Option<&'static str> {
        let mut defaults = self.defaults.iter();
        let (_, value) = defaults.find(|(known, _)| *known == path)?;
        Some(value)
    }

    /// Whether the property at `path` is sent after the create.
    pub fn is_deferred(&self, path: &str) -> bool {
        self.deferred.iter().any(|prefix| covers(prefix, path))
    }
}

fn lookup<T: Copy>(table: &[(&str, T)], path: &str) -> Option<T> {
    table
        .iter()
        .find(|(prefix, _)| covers(prefix, path))
        .map(|&(_, value)| value)
}

/// Whether `path` is `prefix` or lies below it. List positions and keys stand in brackets.
fn covers(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with('['))
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_prefix_covers_whole_names_only() {
        assert!(covers("Tags", "Tags"));
        assert!(covers("Tags", "Tags.team"));
        assert!(covers("Schema", "Schema[name].Required"));
        assert!(!covers("Tag", "Tags"));
    }
}
