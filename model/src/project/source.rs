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
            text: if continues_secret(before[..line_start].lines(), text) {
                covered(text)
            } else {
                cover_secrets(text)
            },
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

/// What the names of keys end in whose values are secrets.
const SECRETS: [&str; 4] = ["key", "token", "secret", "password"];

/// Whether values of this key are secrets, going by its name.
pub(super) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    // The trigger's name ends like one, and holds a mapping.
    key != "generate_token" && SECRETS.iter().any(|ending| key.ends_with(ending))
}

/// Whether this may be such a key, misspelt: then its value is no less a secret. Too much is covered rather than too
/// little.
fn may_be_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let is_slip = |secret: &str| {
        // As much of the end as the word has letters, and one more or less.
        let letters: Vec<char> = key.chars().collect();
        let slips = if secret.len() > 4 { 2 } else { 1 };
        (secret.len() - 1..=secret.len() + 1).any(|length| {
            let Some(start) = letters.len().checked_sub(length) else {
                return false;
            };
            let end: String = letters[start..].iter().collect();
            strsim::osa_distance(&end, secret) <= slips
        })
    };
    key != "generate_token" && (is_secret(&key) || SECRETS.into_iter().any(is_slip))
}

/// Whether a line only goes on with the value of a key before it, and that may hold a secret: a private key
/// of many lines, or a quote that was never closed.
fn continues_secret<'a>(before: impl DoubleEndedIterator<Item = &'a str>, line: &str) -> bool {
    fn keys(line: &str) -> impl Iterator<Item = &str> {
        let ends = line.match_indices(':').map(|(colon, _)| &line[..colon]);
        ends.map(|key| {
            let key = key.trim_end_matches(['"', '\'', ' ']);
            let start = key.rfind(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-')));
            start.map_or(key, |at| {
                key[at..].trim_start_matches(|c: char| !c.is_alphanumeric())
            })
        })
    }
    // Where a line begins with a key of its own, nothing of an earlier one is left.
    let begins_with_key = |line: &str| {
        let line = line.trim_start_matches(['-', ' ', '"', '\'']);
        let word = line.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-')));
        word.is_some_and(|end| {
            end > 0 && line[end..].trim_start_matches(['"', '\'']).starts_with(':')
        })
    };
    if begins_with_key(line) || line.trim().is_empty() {
        return false;
    }
    let owner = before.rev().find(|line| keys(line).next().is_some());
    owner.is_some_and(|owner| keys(owner).last().is_some_and(may_be_secret))
}

fn covered(line: &str) -> String {
    let cover = |c: char| if c.is_whitespace() { c } else { '*' };
    line.chars().map(cover).collect()
}

/// Covers the value after every key that ends in `key`, `token`, `secret` or `password`, or nearly so, unless it is
/// a reference: whatever is wrong with a line, showing it must not show a secret that was put there.
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
        if !may_be_secret(&word) {
            continue;
        }
        let Some(start) = (colon + 1..characters.len()).find(|&at| characters[at] != ' ') else {
            continue;
        };
        let value: String = characters[start..].iter().collect();
        if value.trim_start_matches(['"', '\'']).starts_with("ssm:/") || value.starts_with('{') {
            continue;
        }
        let in_braces = characters[..colon].contains(&'{');
        let quote = Some(characters[start]).filter(|c| matches!(c, '"' | '\''));
        let end = match quote {
            Some(quote) => after_quoted(&characters, start, quote),
            None => (start + 1..characters.len())
                .find(|&at| in_braces && matches!(characters[at], ',' | '}')),
        };
        for c in &mut covered[start..end.unwrap_or(characters.len())] {
            if *c != ' ' {
                *c = '*';
            }
        }
    }
    cover_in_urls(&mut covered);
    covered.into_iter().collect()
}

/// Covers what a URL holds that is nobody's to read: who it logs in as, and parameters that are called like secrets.
fn cover_in_urls(line: &mut [char]) {
    let text: Vec<char> = line.to_vec();
    let ends = |c: char| c.is_whitespace() || "\"',}<>".contains(c);
    for start in (0..text.len()).filter(|&at| text[at..].starts_with(&[':', '/', '/'])) {
        let rest = &text[start + 3..];
        let whole = rest.iter().position(|c| ends(*c)).unwrap_or(rest.len());
        let authority = rest[..whole]
            .iter()
            .position(|c| "/?#".contains(*c))
            .unwrap_or(whole);
        let user = rest[..authority]
            .iter()
            .rposition(|c| *c == '@')
            .unwrap_or(0);
        line[start + 3..start + 3 + user].fill('*');
    }
    for equals in (0..text.len()).filter(|&at| text[at] == '=') {
        let is_name = |c: &&char| c.is_alphanumeric() || matches!(c, '_' | '-');
        let name: String = text[..equals].iter().rev().take_while(is_name).collect();
        let name: String = name.chars().rev().collect();
        let before = equals
            .checked_sub(name.chars().count() + 1)
            .map(|at| text[at]);
        if matches!(before, Some('?' | '&' | '#')) && is_secret_parameter(&name) {
            let value = &text[equals + 1..];
            let length = value
                .iter()
                .position(|c| ends(*c) || *c == '&')
                .unwrap_or(value.len());
            line[equals + 1..equals + 1 + length].fill('*');
        }
    }
}

/// Whether a parameter of a URL is called like a secret.
pub(super) fn is_secret_parameter(name: &str) -> bool {
    const MORE: [&str; 8] = [
        "auth",
        "code",
        "credential",
        "hmac",
        "pass",
        "sig",
        "signature",
        "sas",
    ];
    may_be_secret(name) || MORE.contains(&name.to_ascii_lowercase().as_str())
}

/// Where a quoted text that starts at `start` is over, as YAML closes quotes: `\"` and `''` stand inside.
fn after_quoted(characters: &[char], start: usize, quote: char) -> Option<usize> {
    let mut at = start + 1;
    while at < characters.len() {
        let next = characters.get(at + 1);
        match characters[at] {
            '\\' if quote == '"' => at += 2,
            '\'' if quote == '\'' && next == Some(&'\'') => at += 2,
            c if c == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_the_key_shows_nothing() {
        for key in [
            "api_kye",
            "api_ky",
            "apikeey",
            "api-keys",
            "tokn",
            "tokens",
            "client_secrt",
            "clientSecert",
            "pasword",
            "passwrod",
            "webhook_secrets",
        ] {
            for line in [
                format!("{key}: s3cr3t"),
                format!("  a: {{ {key}: 's3cr3t' }}"),
            ] {
                assert!(!cover_secrets(&line).contains("s3cr3t"), "{line}");
            }
        }
        for line in [
            "name: acme",
            "generate_token: { path: x }",
            "callback_urls: [x]",
            "region: eu",
        ] {
            assert_eq!(cover_secrets(line), line);
        }
    }

    #[test]
    fn what_a_url_holds_of_secrets_is_covered() {
        for (line, shown) in [
            (
                "url: https://a.example/x?token=s3cr3t&v=1",
                "url: https://a.example/x?token=******&v=1",
            ),
            (
                "{ url: \"https://u:s3cr3t@a.example/\" }",
                "{ url: \"********@a.example/\" }",
            ),
            (
                "url: 'https://a.example/?v=1&sig=s3cr3t'",
                "url: 'https://a.example/?v=1&sig=******'",
            ),
            (
                "url: https://a.example/?v=1#a@b",
                "url: https://a.example/?v=1#a@b",
            ),
        ] {
            assert_eq!(
                cover_secrets(line).replace("https://********@", "********@"),
                shown
            );
        }
    }

    /// Whatever breaks the file below a secret, its lines are not shown.
    #[test]
    fn what_goes_on_with_a_secret_is_covered() {
        for text in [
            "a:\n  private_key: |\n    -----BEGIN\n   MIGTOPSECRET\n",
            "private_key: \"-----BEGIN\nTOPSECRET: x\"",
            "{ client_secret: \"abc\n  TOPSECRET\", x: y }",
        ] {
            let source = Source::new(Path::new("f"), text.to_owned());
            let start = text.find("TOPSECRET").expect("it is there");
            let shown = source.place(Span {
                start,
                end: start + 3,
            });
            let key_of_its_own = text.contains("TOPSECRET:");
            assert_eq!(
                shown.text.contains("TOPSECRET"),
                key_of_its_own,
                "{shown:?}"
            );
        }
        let plain = "client_secret: \"ssm:/a\"\nname: x\n  - y";
        let source = Source::new(Path::new("f"), plain.to_owned());
        let start = plain.find('y').expect("it is there");
        assert_eq!(source.place(Span { start, end: start }).text, "  - y");
        for (line, covered) in [
            (
                "client_secret: \"ab\\\"TOP\", bogus: 1",
                "client_secret: *********, bogus: 1",
            ),
            ("api_key: 'it''sTOP'", "api_key: **********"),
            ("password: TOP", "password: ***"),
            ("api_key: \"ssm:TOP\"", "api_key: *********"),
        ] {
            assert_eq!(cover_secrets(line), covered);
        }
    }

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
