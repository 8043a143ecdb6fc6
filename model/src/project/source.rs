//! The text of a file and the spots in it: byte spans inside the module, [`Place`]s for a person.

use std::path::{Path, PathBuf};

use crate::error::Place;

/// A range of bytes of a [`Source`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    /// First byte.
    pub(super) start: usize,
    /// One past the last byte.
    pub(super) end: usize,
}

/// A file that was read, spelled as the person gave it.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// The file's path, for messages.
    pub(super) path: PathBuf,
    /// Its contents.
    pub(super) text: String,
}

impl Source {
    /// A source over `text`.
    pub(super) fn new(path: &Path, text: String) -> Self {
        Self {
            path: path.to_path_buf(),
            text,
        }
    }

    /// The bytes of `span`, or nothing where it falls outside the text.
    pub(super) fn slice(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// The place a person is shown for `span`. Only the first line of a longer span is marked, and
    /// what looks like a secret is covered.
    pub(super) fn place(&self, span: Span) -> Place {
        let mut start = span.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let rest = &self.text[line_start..];
        let text = rest
            .split('\n')
            .next()
            .unwrap_or_default()
            .trim_end_matches('\r');
        let column = before[line_start..].chars().count() + 1;
        let marked = self.slice(Span {
            start,
            end: span.end.max(start),
        });
        let width = marked
            .split('\n')
            .next()
            .unwrap_or_default()
            .trim_end()
            .chars()
            .count();
        let left = (text.chars().count() + 1).saturating_sub(column);
        Place {
            file: self.path.clone(),
            line: before.matches('\n').count() + 1,
            column,
            width: width.min(left).max(1),
            text: cover_secrets(text),
        }
    }
}

impl Source {
    /// The place of a value that may be a secret: what is marked is covered, whatever its key.
    pub(super) fn covered_place(&self, span: Span) -> Place {
        let mut place = self.place(span);
        place.text = place
            .text
            .chars()
            .enumerate()
            .map(|(at, c)| {
                let marked = at + 1 >= place.column && at + 1 < place.column + place.width;
                if marked && c != ' ' { '*' } else { c }
            })
            .collect();
        place
    }
}

/// Whether values of this key are secrets, going by its name.
pub(super) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    // The trigger's name ends like one, and holds a mapping.
    key != "generate_token"
        && ["key", "token", "secret"]
            .iter()
            .any(|ending| key.ends_with(ending))
}

/// Covers the value after every key that ends in `key`, `token` or `secret`, unless it is a
/// reference: whatever is wrong with a line, showing it must not show a secret that was put there.
fn cover_secrets(line: &str) -> String {
    let mut covered: Vec<char> = line.chars().collect();
    let characters = covered.clone();
    for colon in (0..characters.len()).filter(|&at| characters[at] == ':') {
        let word: String = characters[..colon]
            .iter()
            .rev()
            .skip_while(|&&c| matches!(c, '"' | '\'' | ' '))
            .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
            .collect();
        let word: String = word.chars().rev().collect();
        if !is_secret(&word) {
            continue;
        }
        let Some(start) = (colon + 1..characters.len()).find(|&at| characters[at] != ' ') else {
            continue;
        };
        let value: String = characters[start..].iter().collect();
        if value.trim_start_matches(['"', '\'']).starts_with("ssm:") || value.starts_with('{') {
            continue;
        }
        let in_braces = characters[..colon].contains(&'{');
        let quote = Some(characters[start]).filter(|c| matches!(c, '"' | '\''));
        let end = (start + 1..characters.len()).find(|&at| match quote {
            Some(quote) => characters[at - 1] == quote && at > start + 1,
            None => in_braces && matches!(characters[at], ',' | '}'),
        });
        for c in &mut covered[start..end.unwrap_or(characters.len())] {
            if *c != ' ' {
                *c = '*';
            }
        }
    }
    covered.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_columns_in_characters() {
        let source = Source::new(Path::new("f"), "a: é\r\nü: öx # z".to_owned());
        let start = source.text.find("öx").expect("it is there");
        let place = source.place(Span {
            start,
            end: start + "öx".len(),
        });
        assert_eq!((place.line, place.column, place.width), (2, 4, 2));
        assert_eq!(source.place(Span { start: 0, end: 1 }).text, "a: é");
    }

    #[test]
    fn stays_inside_any_text() {
        let source = Source::new(Path::new("f"), "é".to_owned());
        for start in 0..5 {
            for end in 0..5 {
                assert_eq!(source.place(Span { start, end }).line, 1);
            }
        }
    }

    #[test]
    fn covers_secrets_and_nothing_else() {
        assert_eq!(cover_secrets("  api_key: abc-us1"), "  api_key: *******");
        assert_eq!(
            cover_secrets("m: { apiKey: \"abc\", list: x }"),
            "m: { apiKey: *****, list: x }"
        );
        assert_eq!(
            cover_secrets("m: { key: 'a, b', x: y }"),
            "m: { key: *** **, x: y }"
        );
        assert_eq!(cover_secrets("  token: a,b"), "  token: ***");
        for plain in [
            "  api_key: ssm:/a/b",
            "tokens: { access: 15m }",
            "generate_token: { path: a }",
            "api_key: \"ssm:/a\"",
        ] {
            assert_eq!(cover_secrets(plain), plain);
        }
    }
}
