//! What stands in an HTML body where: SES puts values in as they are, so whoever signs up could write markup with a name.
//! The body that SES is given asks for escaped twins of the values ([`saasauth_contract::mail`]), each for its place; where
//! no escaping helps, the template is refused.
//!
//! How it is found: each value is replaced by a letter, as which it could begin and so make a tag of a `<` before it, and
//! a character of its own, twice with a blank between; and the result is read by the rules of HTML. In a quoted attribute and in text both stay together; anywhere else, an unquoted
//! attribute among them, the blank parts them. Tags of blocks become one character each: all of a block have to
//! stand in the same place, so that it doesn't matter which branch is taken.

use std::collections::BTreeMap;

use html5gum::emitters::default::{DefaultEmitter, Token};
use html5gum::{HtmlString, Tokenizer};
use saasauth_contract::mail::{in_html, in_url};

use super::{Flaw, Span, Tag, parse};

/// Where the characters begin that stand for values, and those for blocks: two planes of Unicode that are nobody's.
const VALUES: u32 = 0xF_0000;
const BLOCKS: u32 = 0x10_0000;
/// As many as a plane has, but for its last two, which are no characters.
const MOST: usize = 0xFFFE;

/// Elements whose content is no markup, and so no place to escape for.
const RAW: [&str; 8] = [
    "script",
    "style",
    "xmp",
    "iframe",
    "noembed",
    "noframes",
    "noscript",
    "plaintext",
];

/// Attributes that hold the address of something, and are followed or fetched.
const URLS: [&str; 21] = [
    "action",
    "archive",
    "background",
    "cite",
    "classid",
    "codebase",
    "data",
    "dynsrc",
    "formaction",
    "href",
    "icon",
    "imagesrcset",
    "longdesc",
    "lowsrc",
    "manifest",
    "ping",
    "poster",
    "profile",
    "src",
    "srcset",
    "xlink:href",
];

/// A place in a body: tags of a block have to agree on it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// Between the tags of HTML.
    Text,
    /// In the comment of this number.
    Comment(usize),
    /// In the element of this name, which takes no markup.
    Raw(String),
    /// In a quoted attribute: which, of which tag of all, and what stands before.
    Attribute {
        tag: usize,
        name: String,
        before: String,
    },
    /// In a tag, its name, or an attribute without quotes.
    Tag,
}

/// The body as SES is to have it, and what can't be put in safely.
pub(crate) fn for_html(text: &str) -> (String, Vec<Flaw>) {
    let tags = parse(text).tags;
    let places = places(&probe(text, &tags));
    let mut flaws = Vec::new();
    let mut blocks: BTreeMap<usize, &Place> = BTreeMap::new();
    let mut body = String::new();
    let mut at = 0;
    for (index, (span, tag)) in tags.iter().enumerate() {
        body.push_str(&text[at..span.start]);
        at = span.end;
        let place = places.get(&index);
        match tag {
            Tag::Comment => {}
            Tag::Block(number) => {
                body.push_str(&text[span.start..span.end]);
                let place = place.unwrap_or(&Place::Tag);
                let first = *blocks.entry(*number).or_insert(place);
                if *place == Place::Tag || !first.agrees(place) {
                    flaws.push(Flaw {
                        span: *span,
                        message: "a block begins or ends within a tag of HTML".to_owned(),
                        hint:
                            "put whole elements into the block, or text into one quoted attribute"
                                .to_owned(),
                    });
                }
            }
            Tag::Value(name) => match place.unwrap_or(&Place::Tag).twin(name) {
                Ok(twin) => {
                    body.push_str("{{");
                    body.push_str(&twin);
                    body.push_str("}}");
                }
                Err((message, hint)) => flaws.push(Flaw {
                    span: *span,
                    message: format!("`{{{{{name}}}}}` {message}"),
                    hint: hint.to_owned(),
                }),
            },
        }
    }
    body.push_str(&text[at..]);
    (body, flaws)
}

impl Place {
    /// The name of the value as it may stand here; else what is wrong with the place, and what helps.
    fn twin(&self, name: &str) -> Result<String, (String, &'static str)> {
        match self {
            // Escaped, it can't end a comment.
            Self::Text | Self::Comment(_) => Ok(in_html(name)),
            Self::Raw(element) => Err((
                format!("stands in `<{element}>`, where nothing can be escaped"),
                "put it into the text of the email",
            )),
            Self::Tag => Err((
                "stands in a tag outside of quotes".to_owned(),
                "put the attribute into quotes, or the value between the tags",
            )),
            Self::Attribute {
                name: attribute,
                before,
                ..
            } => {
                if attribute.starts_with("on")
                    || ["style", "srcdoc", "content"].contains(&attribute.as_str())
                {
                    Err((
                        format!("stands in `{attribute}`, where nothing can be escaped"),
                        "put it into the text of the email",
                    ))
                } else if !URLS.contains(&attribute.as_str()) {
                    Ok(in_html(name))
                } else if is_past_the_host(before) {
                    Ok(in_url(name))
                } else {
                    Err((
                        format!("says where `{attribute}` leads, and whoever signs up chooses it"),
                        "write the address out up to the `/` or `?` after the host, such as `https://app.example/?u={{name}}`",
                    ))
                }
            }
        }
    }

    /// Whether tags at both places are in the same one.
    fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Attribute { tag, name, .. },
                Self::Attribute {
                    tag: other_tag,
                    name: other_name,
                    ..
                },
            ) => (tag, name) == (other_tag, other_name),
            _ => self == other,
        }
    }
}

/// Whether what comes next in this URL can't change where it leads, whichever branches are taken.
fn is_past_the_host(before: &str) -> bool {
    let always = before.split(|c| u32::from(c) >= BLOCKS).next();
    let before = always.unwrap_or_default().trim_start().to_ascii_lowercase();
    if before.starts_with("mailto:") {
        return before.contains('?');
    }
    let rest = before
        .strip_prefix("https://")
        .or_else(|| before.strip_prefix("http://"));
    rest.and_then(|rest| rest.find(['/', '?', '#']))
        .is_some_and(|end| end > 0)
}

/// The text with a character for each tag.
fn probe(text: &str, tags: &[(Span, Tag<'_>)]) -> String {
    let mut probe = String::new();
    let mut at = 0;
    for (index, (span, tag)) in tags.iter().enumerate() {
        probe.push_str(&text[at..span.start]);
        at = span.end;
        match tag {
            Tag::Comment => {}
            Tag::Block(_) => probe.extend(mark(BLOCKS, index)),
            Tag::Value(_) => {
                if let Some(mark) = mark(VALUES, index) {
                    probe.extend(['x', mark, ' ', mark]);
                }
            }
        }
    }
    probe.push_str(&text[at..]);
    probe
}

/// The character of a tag; none for one of more tags than there are characters.
fn mark(plane: u32, index: usize) -> Option<char> {
    let offset = u32::try_from(index).ok().filter(|_| index < MOST)?;
    char::from_u32(plane + offset)
}

/// Where each tag stands, by its index. One that was not found, or in several places, has none.
fn places(probe: &str) -> BTreeMap<usize, Place> {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut places = BTreeMap::new();
    let mut outlook = BTreeMap::new();
    let mut found = |text: &HtmlString, place: &dyn Fn(&str) -> Place| {
        let text = String::from_utf8_lossy(text);
        for (at, mark) in text.char_indices() {
            let Some((index, is_value)) = marked(mark) else {
                continue;
            };
            let before = &text[..at];
            let place = place(before.strip_suffix('x').unwrap_or(before));
            let is_parted = is_value && !text.contains(&*String::from_iter([mark, ' ', mark]));
            // The second mark of a value finds what the first one did.
            let seen: Option<&Place> = places.get(&index);
            let place = match seen {
                Some(seen) if !seen.agrees(&place) => Place::Tag,
                _ if is_parted => Place::Tag,
                Some(seen) => seen.clone(),
                None => place,
            };
            places.insert(index, place);
        }
    };
    let mut raw: Option<String> = None;
    for (number, Ok(token)) in Tokenizer::new_with_emitter(probe, emitter).enumerate() {
        match token {
            Token::StartTag(tag) => {
                let element = String::from_utf8_lossy(&tag.name).into_owned();
                found(&tag.name, &|_| Place::Tag);
                for (attribute, value) in &tag.attributes {
                    found(attribute, &|_| Place::Tag);
                    let name = String::from_utf8_lossy(attribute).into_owned();
                    found(&value.value, &|before| Place::Attribute {
                        tag: number,
                        name: name.clone(),
                        before: before.to_owned(),
                    });
                }
                raw = Some(element).filter(|element| RAW.contains(&element.as_str()));
            }
            Token::EndTag(tag) => {
                found(&tag.name, &|_| Place::Tag);
                raw = None;
            }
            Token::String(text) => found(&text.value, &|_| match &raw {
                Some(element) => Place::Raw(element.clone()),
                None => Place::Text,
            }),
            // What Outlook alone reads is HTML again.
            Token::Comment(text) => match conditional(&text.value) {
                Some(inner) => outlook.extend(self::places(&inner)),
                None => found(&text.value, &|_| Place::Comment(number)),
            },
            Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    places.extend(outlook);
    places
}

/// What a comment shows to Outlook: `[if mso]>…<![endif]`.
fn conditional(comment: &HtmlString) -> Option<String> {
    let comment = String::from_utf8_lossy(comment);
    let inner = comment.trim_start().strip_prefix("[if")?;
    let (_, inner) = inner.split_once('>')?;
    Some(inner.to_owned())
}

/// The tag a character stands for, and whether that is a value.
fn marked(c: char) -> Option<(usize, bool)> {
    let c = u32::from(c);
    if c >= BLOCKS {
        return Some(((c - BLOCKS) as usize, false));
    }
    Some((c.checked_sub(VALUES)? as usize, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body with its twins, when nothing is wrong with it.
    fn body(text: &str) -> String {
        let (body, flaws) = for_html(text);
        assert_eq!(flaws, [], "{text}");
        body
    }

    #[test]
    fn every_value_is_escaped_for_its_place() {
        for (text, expected) in [
            ("<p>Hello {{name}}</p>", "<p>Hello {{name-html}}</p>"),
            (
                "{{{name}}} {{&name}} {{~ name ~}}",
                "{{name-html}} {{name-html}} {{name-html}}",
            ),
            (
                r#"<img alt="{{name}}'s">"#,
                r#"<img alt="{{name-html}}'s">"#,
            ),
            ("<img alt='{{name}}'>", "<img alt='{{name-html}}'>"),
            (
                r#"<a href="https://app.example/?u={{email}}&n={{name}}">{{name}}</a>"#,
                r#"<a href="https://app.example/?u={{email-url}}&n={{name-url}}">{{name-html}}</a>"#,
            ),
            (
                r#"<a href="mailto:help@app.example?subject={{name}}">x</a>"#,
                r#"<a href="mailto:help@app.example?subject={{name-url}}">x</a>"#,
            ),
            ("<title>{{name}}</title>", "<title>{{name-html}}</title>"),
            (
                "{{#if company}}<b>{{company}}</b>{{else if name}}{{name}}{{else}}-{{/if}}",
                "{{#if company}}<b>{{company-html}}</b>{{else if name}}{{name-html}}{{else}}-{{/if}}",
            ),
            (
                r#"<a href="https://app.example/?a{{#if name}}={{name}}{{/if}}">x</a>"#,
                r#"<a href="https://app.example/?a{{#if name}}={{name-url}}{{/if}}">x</a>"#,
            ),
            ("a{{! no {{name }}b{{!-- <x {{name}} --}}c", "abc"),
            ("<!-- {{name}} -->", "<!-- {{name-html}} -->"),
            (
                "<!--[if mso]><td>{{name}}</td><![endif]-->",
                "<!--[if mso]><td>{{name-html}}</td><![endif]-->",
            ),
            (
                "<style>p { color: red }</style>{{name}}",
                "<style>p { color: red }</style>{{name-html}}",
            ),
        ] {
            assert_eq!(body(text), expected);
        }
    }

    #[test]
    fn where_escaping_does_not_help_the_template_is_refused() {
        for text in [
            "<script>var name = '{{name}}'</script>",
            "<style>p { color: {{name}} }</style>",
            "<p class={{name}}>",
            "<p {{name}}>",
            "<{{name}}>",
            "</{{name}}>",
            "<p></p {{name}}>",
            r#"<p {{name}}="a">"#,
            r#"<p style="color: {{name}}">"#,
            r#"<p onclick="go('{{name}}')">"#,
            r#"<meta http-equiv="refresh" content="0;url={{name}}">"#,
            r#"<a href="{{name}}">"#,
            r#"<a href=" {{name}}">"#,
            r#"<a href="https://{{name}}/">"#,
            r#"<a href="https://app.example{{name}}/">"#,
            r#"<a href="//app.example/{{name}}">"#,
            r#"<a href="javascript:go('{{name}}')">"#,
            r#"<a href="mailto:{{email}}">"#,
            r#"<a href="{{#if name}}https://app.example/{{/if}}{{name}}">"#,
            r#"<a href=https://app.example/{{name}}>"#,
            "<!DOCTYPE {{name}}>",
            "<!--[if mso]><td width={{name}}><![endif]-->",
            r#"<p class="a" class="{{name}}">"#,
            "<p {{#if name}}class='a'{{/if}}>",
            "<p class='{{#if name}}a' id='{{/if}}b'>",
            "{{#if name}}<p class='{{/if}}'>",
            "{{#if name}}<script>{{else}}{{/if}}</script>",
            "{{#if name}}<!--{{else}}-->{{/if}}",
        ] {
            let (_, flaws) = for_html(text);
            assert!(!flaws.is_empty(), "{text}");
            for flaw in flaws {
                assert!(
                    text[flaw.span.start..flaw.span.end].starts_with("{{"),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn characters_of_nobody_hide_nothing() {
        for text in [
            "\u{F0000}<p class={{name}}>",
            "<p class={{name}}>\u{F0000} \u{F0000}",
            "<p class={{name}}>\u{100000}",
        ] {
            assert_eq!(for_html(text).1.len(), 1, "{text}");
        }
    }
}
