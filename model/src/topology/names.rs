//! Logical IDs and physical names.

use crate::project::words::letters_and_digits;

/// `{project}-{stage}-{thing}`.
pub fn physical(project: &str, stage: &str, thing: &str) -> String {
    format!("{project}-{stage}-{thing}")
}

/// A logical ID from fixed words and a name of the file: letters and digits only, as CloudFormation
/// wants them. `id("Domain", "acme.co-op.com")` is `DomainAcmeDotCoOpDotCom`.
///
/// Two names of one kind never share one: the project file is refused that has such a pair.
pub fn id(prefix: &str, name: &str) -> String {
    format!("{prefix}{}", letters_and_digits(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logical_ids_are_letters_and_digits() {
        assert_eq!(id("Client", "web"), "ClientWeb");
        assert_eq!(id("Domain", "acme.co-op.com"), "DomainAcmeDotCoOpDotCom");
        assert_eq!(id("Group", "read_only"), "GroupReadOnly");
    }
}
