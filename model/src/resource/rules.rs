//! What the diff must know of a resource type, as data.

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
    /// A list of `Key`/`Value` tags, all ours but AWS's own.
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

/// Everything the diff must know of one type.
#[derive(Debug)]
pub struct Rules {
    /// CloudFormation's type name.
    pub type_name: &'static str,
    /// Path prefixes that are not compared by value.
    pub compare: &'static [(&'static str, Compare)],
    /// Path prefixes that can't simply be updated.
    pub mutability: &'static [(&'static str, Mutability)],
    /// How it is replaced.
    pub replacement: Replacement,
    /// Properties the direct engine leaves out of the create and sends in an update once what they
    /// refer to exists. It takes an edge, and so a wait, out of the middle of the graph.
    pub deferred: &'static [&'static str],
}

impl Rules {
    /// How the property at `path` is compared.
    pub fn compare(&self, path: &str) -> Compare {
        lookup(self.compare, path).unwrap_or(Compare::Value)
    }

    /// What changing the property at `path` takes.
    pub fn mutability(&self, path: &str) -> Mutability {
        lookup(self.mutability, path).unwrap_or(Mutability::Update)
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
