//! Logical IDs and physical names.

/// `{project}-{stage}-{thing}`.
pub fn physical(project: &str, stage: &str, thing: &str) -> String {
    format!("{project}-{stage}-{thing}")
}

/// A logical ID from fixed words and a name of the file: letters and digits only, as CloudFormation
/// wants them. `id("Domain", "acme.co-op.com")` is `DomainAcmeDotCoOpDotCom`.
pub fn id(prefix: &str, name: &str) -> String {
    let mut id = prefix.to_owned();
    let mut starts = true;
    for character in name.chars() {
        match character {
            '.' => {
                id.push_str("Dot");
                starts = true;
            }
            letter if letter.is_ascii_alphanumeric() => {
                id.push(if starts {
                    letter.to_ascii_uppercase()
                } else {
                    letter
                });
                starts = false;
            }
            _ => starts = true,
        }
    }
    id
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
