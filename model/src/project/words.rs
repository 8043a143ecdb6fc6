//! Words for hints: the nearest of several names, and lists a person reads.

/// The candidate a person most likely meant, if any is near.
pub fn nearest<'a>(found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let found = found.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&found, &candidate.to_lowercase()),
                candidate,
            )
        })
        // A third of the letters wrong is still a slip; half is another word.
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// What is left of a name in letters and digits, each of its words with a capital: `web-app` is `WebApp`, and
/// `acme.com` is `AcmeDotCom`. Names that differ in punctuation or capitals alone can come down to the same.
pub fn letters_and_digits(name: &str) -> String {
    let mut left = String::new();
    let mut starts = true;
    for character in name.chars() {
        match character {
            '.' => {
                left.push_str("Dot");
                starts = true;
            }
            letter if letter.is_ascii_alphanumeric() => {
                left.push(if starts {
                    letter.to_ascii_uppercase()
                } else {
                    letter
                });
                starts = false;
            }
            _ => starts = true,
        }
    }
    left
}

/// "`a`, `b` or `c`".
pub fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    list(names, "or")
}

/// "`a`, `b` and `c`".
pub fn all_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    list(names, "and")
}

fn list<'a>(names: impl IntoIterator<Item = &'a str>, last: &str) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
    }
}

/// The hint for a name that isn't among those there are.
pub fn hint<'a>(found: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(found, candidates.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("use {}", one_of(candidates)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_and_not_other_words() {
        let keys = ["region", "sign_in", "clients"];
        assert_eq!(nearest("regoin", keys), Some("region"));
        assert_eq!(nearest("Clients", keys), Some("clients"));
        assert_eq!(nearest("marketing", keys), None);
        assert_eq!(nearest("", keys), None);
    }

    #[test]
    fn lists_read_well() {
        assert_eq!(one_of(["a"]), "`a`");
        assert_eq!(one_of(["a", "b", "c"]), "`a`, `b` or `c`");
        assert_eq!(all_of(["a", "b"]), "`a` and `b`");
        assert_eq!(hint("zzzz", ["aa", "bb"]), "use `aa` or `bb`");
    }
}
