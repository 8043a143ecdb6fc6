//! The little YAML that a project file is written in: keys, and values on one line.

use std::fmt::Write;

/// Words that YAML, or its readers of older days, take for something else than text.
const OTHER_MEANINGS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

/// A text as a value or a key: bare where nobody can take it for anything else.
pub(super) fn text(text: &str) -> String {
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ['-', '_', '.', '/'].contains(&c));
    if is_word && !OTHER_MEANINGS.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    // JSON's texts are YAML's, and what can't be seen is better seen.
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            c if c.is_alphanumeric() => quoted.push(c),
            c => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    // Writing to a text never fails.
                    let _ = write!(quoted, "\\u{unit:04x}");
                }
            }
        }
    }
    quoted.push('"');
    quoted
}

/// `[a, b]`.
pub(super) fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let texts: Vec<String> = texts.into_iter().map(text).collect();
    format!("[{}]", texts.join(", "))
}

/// `{ a: 1, b: 2 }`, of values that are written already.
pub(super) fn map<K: AsRef<str>>(entries: &[(K, String)]) -> String {
    if entries.is_empty() {
        return "{}".to_owned();
    }
    let entries = entries
        .iter()
        .map(|(key, value)| format!("{}: {value}", text(key.as_ref())));
    format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
}

/// A value as a comment shows it: on one line, not too long, with nothing that isn't seen.
pub(super) fn comment(value: &serde_json::Value) -> String {
    const LONGEST: usize = 70;
    let text: String = value
        .to_string()
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || (' '..='~').contains(&c) {
                c
            } else {
                '?'
            }
        })
        .collect();
    if text.chars().count() <= LONGEST {
        return text;
    }
    let start: String = text.chars().take(LONGEST).collect();
    format!("{start}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for one in [
            "web",
            "off",
            "No",
            "a: b",
            "# x",
            "\"",
            "\\",
            "a\nb",
            "\u{202e}x",
            "é",
            "12",
            "",
            "- a",
            "a.b/c-d",
            "a.",
            "{",
            "\u{1f600}",
            "\u{85}",
        ] {
            let written = format!("{{ key: {}, list: {} }}", text(one), list([one]));
            let read: serde_json::Value = serde_yaml::from_str(&written).expect("YAML");
            assert_eq!(read["key"], one, "{written}");
            assert_eq!(read["list"][0], one, "{written}");
            assert!(!written.contains(['\n', '\u{202e}', '\u{85}']), "{written}");
        }
    }
}
