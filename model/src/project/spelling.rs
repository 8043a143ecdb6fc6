//! Values with a spelling of their own: each reads itself, and says at its place what is wrong.
//!
//! A mistake here doesn't end the reading: it is told together with those the rules find.

use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::validate::{self, WrongName};

/// Why a text is not spelled like what its key takes. `{key}` in a message stands for that key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misspelled {
    message: String,
    hints: Vec<&'static str>,
}

impl Misspelled {
    fn new(message: impl Into<String>, hint: &'static str) -> Self {
        Self {
            message: message.into(),
            hints: vec![hint],
        }
    }
}

/// The message on the first line and a hint on each further one: serde carries an error of a value as
/// text alone, and the tree takes it apart again.
impl fmt::Display for Misspelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message.replace('\n', " "))?;
        self.hints.iter().try_for_each(|hint| write!(f, "\n{hint}"))
    }
}

/// How long a token lasts: a number and a unit, such as `90s`, `15m`, `1h` or `30d`.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline)]
pub struct Lifetime(u64);

/// Units from the longest to the shortest, in seconds.
const UNITS: [(char, u64); 4] = [('d', 24 * 60 * 60), ('h', 60 * 60), ('m', 60), ('s', 1)];

impl Lifetime {
    pub(super) const HOUR: Self = Self(60 * 60);

    pub(super) const fn of_minutes(minutes: u64) -> Self {
        Self(minutes * 60)
    }

    pub(super) const fn of_days(days: u64) -> Self {
        Self(days * 24 * 60 * 60)
    }

    /// In seconds. The longest a rule lets through, ten years, is far below the limit.
    pub fn seconds(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }
}

/// In the longest unit that divides it.
impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = UNITS
            .iter()
            .find(|(_, seconds)| self.0 > 0 && self.0.is_multiple_of(*seconds));
        let (unit, seconds) = fits.unwrap_or(&('s', 1));
        write!(f, "{}{unit}", self.0 / seconds)
    }
}

impl From<Lifetime> for String {
    fn from(lifetime: Lifetime) -> Self {
        lifetime.to_string()
    }
}

impl TryFrom<String> for Lifetime {
    type Error = Misspelled;

    fn try_from(text: String) -> Result<Self, Misspelled> {
        let number_and_unit = || {
            let unit = text.chars().last()?;
            let (_, seconds) = UNITS.iter().find(|(known, _)| *known == unit)?;
            let number = &text[..text.len() - unit.len_utf8()];
            if number.is_empty() || !number.chars().all(|c| c.is_ascii_digit()) {
                return None;
            }
            number.parse::<u64>().ok()?.checked_mul(*seconds)
        };
        number_and_unit().map(Self).ok_or_else(|| {
            Misspelled::new(
                format!("`{text}` is not a duration"),
                "write a number and a unit: `90s`, `15m`, `1h` or `30d`",
            )
        })
    }
}

/// The name of an SSM SecureString, such as `/acme/mailchimp-key`; never the secret itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline)]
pub struct Secret(String);

impl Secret {
    /// The parameter's name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// What stands there instead of a reference is never repeated: it may be the secret.
impl TryFrom<String> for Secret {
    type Error = Misspelled;

    fn try_from(text: String) -> Result<Self, Misspelled> {
        if text.trim().is_empty() {
            return Ok(Self::default()); // Missed by the rule, like one that isn't there.
        }
        let Some(name) = text.strip_prefix("ssm:") else {
            let mut wrong = Misspelled::new(
                "`{key}` holds something else than a reference",
                "write `\"ssm:/NAME\"`, and give the secret itself to `saasauth secret set /NAME`",
            );
            wrong
                .hints
                .push("if it was a real secret, revoke it: it stands in a file");
            return Err(wrong);
        };
        match validate::parameter_name(name) {
            Ok(()) => Ok(Self(name.to_owned())),
            Err(WrongName::Misspelled) => Err(Misspelled::new(
                "`{key}` is no parameter's name",
                "write `ssm:/name/of/it` in letters, digits and `/_.-`",
            )),
            Err(WrongName::Reserved) => Err(Misspelled::new(
                format!("the parameter `{name}` starts with a reserved word"),
                "SSM keeps names starting with `/aws` and `/ssm`; pick another",
            )),
        }
    }
}

/// A mail sender: an address, and possibly the name people see before it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline)]
pub struct Sender {
    /// As people read it.
    name: String,
    address: String,
}

impl Sender {
    /// The address alone, such as `hello@acme.com`.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl TryFrom<String> for Sender {
    type Error = Misspelled;

    fn try_from(text: String) -> Result<Self, Misspelled> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::default()); // Missed by the rule, like one that isn't there.
        }
        // The name may be quoted and then hold a `<`; the address holds none.
        let (name, address) = match text.rsplit_once('<') {
            Some((name, rest)) => (name.trim(), rest.strip_suffix('>').unwrap_or_default()),
            None => ("", text),
        };
        if address.contains('*') {
            return Err(Misspelled::new(
                format!("`{text}` has a wildcard"),
                "mail has one sender; name it",
            ));
        }
        let name = unquoted(name).filter(|name| !name.contains(char::is_control));
        match name {
            Some(name) if validate::is_address(address) => Ok(Self {
                name,
                address: address.to_owned(),
            }),
            _ => Err(Misspelled::new(
                format!("`{text}` is not a sender"),
                // Other letters are fine in the name, and not in the address.
                validate::ascii_hint(address)
                    .unwrap_or("write `Acme <hello@acme.com>`, or the address alone"),
            )),
        }
    }
}

/// A display name as people read it: without the quotes of a quoted string (RFC 5322, section 3.2.4).
/// `None` where quotes are left open.
fn unquoted(name: &str) -> Option<String> {
    let Some(inside) = name.strip_prefix('"') else {
        return Some(name.to_owned());
    };
    let mut characters = inside.chars();
    let mut plain = String::new();
    loop {
        match characters.next()? {
            '"' => break,
            '\\' => plain.push(characters.next()?),
            other => plain.push(other),
        }
    }
    characters.as_str().is_empty().then_some(plain)
}

/// As a mail header holds it (RFC 5322, section 3.4): a name of plain words stands as it is, one with
/// a comma or an `@` in quotes, one with other letters in encoded words.
impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, address } = self;
        let is_word = |word: &str| !word.is_empty() && word.chars().all(is_atom_text);
        if name.is_empty() {
            f.write_str(address)
        } else if !name.is_ascii() {
            encoded_words(name, f)?;
            write!(f, " <{address}>")
        } else if name.split(' ').all(is_word) {
            write!(f, "{name} <{address}>")
        } else {
            let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
            write!(f, "\"{quoted}\" <{address}>")
        }
    }
}

/// What a word of a display name may hold without quotes (RFC 5322, section 3.2.3).
fn is_atom_text(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
}

/// Writes the encoding "Q" of RFC 2047, section 5 (3): words of at most 75 characters, none of which
/// ends within a letter.
fn encoded_words(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const START: &str = "=?UTF-8?Q?";
    const END: &str = "?=";
    let mut word = String::new();
    for letter in text.chars() {
        let mut encoded = String::new();
        match letter {
            ' ' => encoded.push('_'),
            plain if plain.is_ascii_alphanumeric() || "!*+-/".contains(plain) => {
                encoded.push(plain);
            }
            other => {
                for byte in other.encode_utf8(&mut [0; 4]).bytes() {
                    write!(encoded, "={byte:02X}")?;
                }
            }
        }
        if START.len() + word.len() + encoded.len() + END.len() > 75 {
            write!(f, "{START}{word}{END} ")?;
            word.clear();
        }
        word.push_str(&encoded);
    }
    write!(f, "{START}{word}{END}")
}

impl From<Sender> for String {
    fn from(sender: Sender) -> Self {
        sender.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifetime(text: &str) -> Option<Lifetime> {
        Lifetime::try_from(text.to_owned()).ok()
    }

    #[test]
    fn durations() {
        for (text, seconds, shown) in [
            ("90s", 90, "90s"),
            ("300s", 300, "5m"),
            ("15m", 900, "15m"),
            ("1h", 3600, "1h"),
            ("30d", 2_592_000, "30d"),
            ("0d", 0, "0s"),
        ] {
            let lifetime = lifetime(text).expect("it is a duration");
            assert_eq!(lifetime.seconds(), seconds, "{text}");
            assert_eq!(lifetime.to_string(), shown);
        }
        for bad in [
            "",
            "m",
            "15",
            "15 m",
            "-1h",
            "1.5h",
            "1w",
            "+1h",
            "15é",
            "99999999999999999999d",
            "9999999999999999999d",
        ] {
            assert_eq!(lifetime(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_sender_is_written_as_a_mail_header_holds_it() {
        for (written, header) in [
            ("hello@acme.com", "hello@acme.com"),
            ("<hello@acme.com>", "hello@acme.com"),
            ("Acme <hello@acme.com>", "Acme <hello@acme.com>"),
            ("The Acme Team <a@acme.com>", "The Acme Team <a@acme.com>"),
            (
                "Acme, Inc. <hello@acme.com>",
                "\"Acme, Inc.\" <hello@acme.com>",
            ),
            (
                "\"Acme, Inc.\" <hello@acme.com>",
                "\"Acme, Inc.\" <hello@acme.com>",
            ),
            ("\"Acme\" <hello@acme.com>", "Acme <hello@acme.com>"),
            (
                "hello@acme.com <hello@acme.com>",
                "\"hello@acme.com\" <hello@acme.com>",
            ),
            (
                r#""a \"b\" \\" <a@acme.com>"#,
                r#""a \"b\" \\" <a@acme.com>"#,
            ),
            (
                r#"the "A" team <a@acme.com>"#,
                r#""the \"A\" team" <a@acme.com>"#,
            ),
            (
                "Müller GmbH <hello@acme.com>",
                "=?UTF-8?Q?M=C3=BCller_GmbH?= <hello@acme.com>",
            ),
            (
                "=?UTF-8?Q?M=C3=BCller?= <a@acme.com>",
                "=?UTF-8?Q?M=C3=BCller?= <a@acme.com>",
            ),
        ] {
            let sender = Sender::try_from(written.to_owned()).expect(written);
            assert_eq!(sender.to_string(), header, "{written}");
            let again = Sender::try_from(header.to_owned()).expect(header);
            assert_eq!(again.to_string(), header, "{written}, again");
        }
        for bad in [
            "Acme",
            "Acme <hello@acme.com",
            "\"Acme <hello@acme.com>",
            "\"A\" b <hello@acme.com>",
            "a\nb <hello@acme.com>",
            "Acme <hello@acme.com> x",
            "a@acme.com, b@acme.com",
            "a..b@acme.com",
            "hello@m\u{fc}ller.de",
        ] {
            assert!(Sender::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn encoded_words_are_short_and_end_between_letters() {
        let name = "é".repeat(60);
        let sender = Sender::try_from(format!("{name} <a@acme.com>")).expect("it is a sender");
        let header = sender.to_string();
        let words: Vec<&str> = header.split(' ').collect();
        let (_, words) = words.split_last().expect("there are words");
        assert!(words.len() > 1);
        let mut letters = 0;
        for word in words {
            assert!(word.len() <= 75, "{word}");
            let inside = word
                .strip_prefix("=?UTF-8?Q?")
                .and_then(|word| word.strip_suffix("?="));
            let inside = inside.expect("an encoded word");
            assert!(inside.len().is_multiple_of("=C3=A9".len()), "{word}");
            letters += inside.len() / "=C3=A9".len();
        }
        assert_eq!(letters, 60);
    }
}
