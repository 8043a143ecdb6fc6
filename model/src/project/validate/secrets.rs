//! Names of the SSM parameters that hold secrets.

/// SSM's limit, in characters.
const MAX_NAME: usize = 1011;
/// SSM's limit on the levels of a path.
const MAX_LEVELS: usize = 15;

/// What is wrong with a parameter's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongName {
    /// It isn't spelled like one.
    Misspelled,
    /// SSM keeps it for itself.
    Reserved,
}

/// Checks a parameter's name, such as `/acme/mailchimp-key`.
pub fn parameter_name(name: &str) -> Result<(), WrongName> {
    let is_path = name.starts_with('/') && !name.ends_with('/') && !name.contains("//");
    let is_spelled = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "/_.-".contains(c));
    let fits = name.len() <= MAX_NAME && name.matches('/').count() <= MAX_LEVELS;
    if !(is_path && is_spelled && fits) {
        return Err(WrongName::Misspelled);
    }
    let name = name.to_lowercase();
    if ["/aws", "/ssm"].iter().any(|word| name.starts_with(word)) {
        return Err(WrongName::Reserved);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_parameters() {
        assert_eq!(parameter_name("/acme/mailchimp-key"), Ok(()));
        for bad in ["", "/", "acme", "/a/", "/a//b", "/a b", "/ä"] {
            assert_eq!(parameter_name(bad), Err(WrongName::Misspelled), "{bad}");
        }
        let deep = "/a".repeat(MAX_LEVELS + 1);
        assert_eq!(parameter_name(&deep), Err(WrongName::Misspelled));
        for reserved in ["/aws/x", "/SSM-key"] {
            assert_eq!(parameter_name(reserved), Err(WrongName::Reserved));
        }
    }
}
