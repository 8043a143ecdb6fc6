//! The values of the welcome mail. SES puts them into a template as they are, whatever the place; so every value is
//! given three times, and the template asks for the one that its place can take.
//!
//! | name | what | where |
//! |---|---|---|
//! | `name` | as the user gave it, without control characters | subject and plain text |
//! | `name-html` | with the characters of markup escaped | text of HTML, attributes in quotes |
//! | `name-url` | percent-encoded | within a URL, past its host |
//!
//! No attribute is called like a twin: their names have no hyphen.

/// How many characters a value may have: more is cut off. Whoever signs up can write 2,048 into an attribute.
pub const LONGEST_VALUE: usize = 200;

/// The name of a value for HTML.
pub fn in_html(name: &str) -> String {
    format!("{name}-html")
}

/// The name of a value for a URL.
pub fn in_url(name: &str) -> String {
    format!("{name}-url")
}
