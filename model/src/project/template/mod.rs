//! The language of the welcome email: the part of Handlebars that SES renders and flat text can use.
//!
//! SES drops an email it can't render, and tells nobody who waits for it; so whatever it can't render
//! is found here.

mod html;

use std::collections::BTreeSet;

use super::source::Span;

pub(crate) use html::for_html;

/// Blocks that make sense of an attribute, which is text or absent. `each` and `with` want lists and
/// objects.
const BLOCKS: [&str; 2] = ["if", "unless"];

/// What is wrong with a template, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(super) span: Span,
    pub(super) message: String,
    pub(super) hint: String,
}

/// A template, understood as far as it can be.
#[derive(Debug, Default)]
pub(super) struct Template<'a> {
    /// Every variable it reads, as often as it does, with the tag that does.
    pub(super) variables: Vec<(Span, &'a str)>,
    /// Its tags, in their order.
    tags: Vec<(Span, Tag<'a>)>,
    /// What is wrong with it, in its order.
    pub(super) flaws: Vec<Flaw>,
    /// The blocks open at this point.
    open: Vec<(Span, &'a str)>,
    /// How many blocks there were.
    blocks: usize,
    /// The numbers of the open ones.
    numbers: Vec<usize>,
}

/// What a tag does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tag<'a> {
    /// It stands for the value of this variable.
    Value(&'a str),
    /// It begins, parts or ends the block of this number.
    Block(usize),
    /// It says nothing.
    Comment,
}

/// Every variable of a template, once, sorted.
pub(crate) fn variables(text: &str) -> BTreeSet<&str> {
    let variables = parse(text).variables;
    variables.into_iter().map(|(_, name)| name).collect()
}

/// Reads a template.
pub(super) fn parse(text: &str) -> Template<'_> {
    let mut template = Template::default();
    let mut at = 0;
    while let Some(open) = text[at..].find("{{").map(|found| at + found) {
        let (start, end) = delimiters(&text[open..]);
        let inside = open + start.len();
        let Some(close) = text[inside..].find(end).map(|found| inside + found) else {
            let span = Span {
                start: open,
                end: inside,
            };
            template.flaw(
                span,
                format!("`{start}` is never closed"),
                format!("close it with `{end}`"),
            );
            break;
        };
        at = close + end.len();
        let span = Span {
            start: open,
            end: at,
        };
        let is_comment = start.starts_with("{{!");
        if is_comment {
            template.tags.push((span, Tag::Comment));
        } else {
            template.tag(span, text[inside..close].trim_matches(['~', ' ', '\t']));
        }
    }
    for (span, block) in std::mem::take(&mut template.open) {
        template.flaw(
            span,
            format!("`{{{{#{block}}}}}` is never ended"),
            format!("end it with `{{{{/{block}}}}}`"),
        );
    }
    template.flaws.sort_by_key(|flaw| flaw.span.start);
    template
}

/// How the tag at the start of `text` opens and closes.
fn delimiters(text: &str) -> (&'static str, &'static str) {
    if text.starts_with("{{!--") {
        ("{{!--", "--}}")
    } else if text.starts_with("{{!") {
        ("{{!", "}}")
    } else if text.starts_with("{{{") {
        ("{{{", "}}}")
    } else {
        ("{{", "}}")
    }
}

impl<'a> Template<'a> {
    fn flaw(&mut self, span: Span, message: impl Into<String>, hint: impl Into<String>) {
        self.flaws.push(Flaw {
            span,
            message: message.into(),
            hint: hint.into(),
        });
    }

    /// Takes in one tag by what stands in its braces.
    fn tag(&mut self, span: Span, inside: &'a str) {
        let mut words = inside.split_whitespace();
        let first = words.next().unwrap_or_default();
        let rest: Vec<&str> = words.collect();
        if let Some(block) = first.strip_prefix('#') {
            self.start(span, block, &rest);
        } else if let Some(block) = first.strip_prefix('/') {
            self.end(span, block);
        } else if first == "else" {
            self.otherwise(span, &rest);
        } else if rest.is_empty() && !first.starts_with(['>', '^', '*', '@']) {
            let name = first.trim_start_matches('&');
            self.tags.push((span, Tag::Value(name)));
            self.variable(span, name);
        } else {
            self.unknown(span, inside);
        }
    }

    fn start(&mut self, span: Span, block: &'a str, arguments: &[&'a str]) {
        self.open.push((span, block));
        self.numbers.push(self.blocks);
        self.tags.push((span, Tag::Block(self.blocks)));
        self.blocks += 1;
        match arguments {
            [name] if BLOCKS.contains(&block) => self.variable(span, name),
            _ if BLOCKS.contains(&block) => self.flaw(
                span,
                format!("`{{{{#{block}}}}}` needs one attribute"),
                format!("write `{{{{#{block} name}}}}` with an attribute for `name`"),
            ),
            _ => self.unknown(span, &format!("#{block}")),
        }
    }

    fn end(&mut self, span: Span, block: &str) {
        let number = self.numbers.pop();
        self.tags
            .extend(number.map(|number| (span, Tag::Block(number))));
        match self.open.pop() {
            Some((_, open)) if open == block => {}
            Some((_, open)) => self.flaw(
                span,
                format!("`{{{{/{block}}}}}` ends the block `{open}`"),
                format!("write `{{{{/{open}}}}}`"),
            ),
            None => self.flaw(
                span,
                format!("`{{{{/{block}}}}}` ends nothing"),
                "remove it",
            ),
        }
    }

    fn otherwise(&mut self, span: Span, rest: &[&'a str]) {
        let number = self.numbers.last();
        self.tags
            .extend(number.map(|number| (span, Tag::Block(*number))));
        if self.open.is_empty() {
            self.flaw(
                span,
                "`{{else}}` stands outside of any block",
                "put it between `{{#if name}}` and `{{/if}}`, or remove it",
            );
        }
        match rest {
            [] => {}
            ["if", name] => self.variable(span, name),
            _ => self.unknown(span, "else …"),
        }
    }

    fn variable(&mut self, span: Span, name: &'a str) {
        if name.is_empty() {
            self.flaw(span, "`{{}}` names nothing", "write an attribute in it");
        } else {
            self.variables.push((span, name));
        }
    }

    fn unknown(&mut self, span: Span, what: &str) {
        self.flaw(
            span,
            format!("the welcome email can't use `{{{{{what}}}}}`"),
            "use `{{name}}`, `{{#if name}}`, `{{#unless name}}` and `{{else}}`: attributes are text",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaws(text: &str) -> Vec<String> {
        let flaws = parse(text).flaws;
        flaws
            .into_iter()
            .map(|flaw| {
                format!(
                    "{}: {}",
                    &text[flaw.span.start..flaw.span.end],
                    flaw.message
                )
            })
            .collect()
    }

    #[test]
    fn every_variable_is_found_once_and_blocks_are_none() {
        let text = "{{!-- {{no}} --}}{{! {{no }}{{name}} {{#if company}}{{{ company }}}\
                    {{else if seats}}{{~seats~}}{{else}}-{{/if}}{{#unless phone}}{{&email}}{{/unless}}";
        let found: Vec<&str> = variables(text).into_iter().collect();
        assert_eq!(found, ["company", "email", "name", "phone", "seats"]);
        assert_eq!(flaws(text), [""; 0]);
    }

    #[test]
    fn braces_of_a_style_sheet_are_text() {
        assert_eq!(
            flaws("@media screen { p { color: red }} { {name} }"),
            [""; 0]
        );
    }

    #[test]
    fn what_ses_would_drop_is_found() {
        for (text, flaw) in [
            ("a {{name", "{{: `{{` is never closed"),
            ("{{{name}}", "{{{: `{{{` is never closed"),
            ("{{#if name}}a", "{{#if name}}: `{{#if}}` is never ended"),
            ("a{{/if}}", "{{/if}}: `{{/if}}` ends nothing"),
            (
                "{{#if a}}{{/unless}}",
                "{{/unless}}: `{{/unless}}` ends the block `if`",
            ),
            (
                "{{else}}",
                "{{else}}: `{{else}}` stands outside of any block",
            ),
            ("{{#if}}{{/if}}", "{{#if}}: `{{#if}}` needs one attribute"),
            ("{{}}", "{{}}: `{{}}` names nothing"),
            (
                "{{upper name}}",
                "{{upper name}}: the welcome email can't use `{{upper name}}`",
            ),
            (
                "{{> footer}}",
                "{{> footer}}: the welcome email can't use `{{> footer}}`",
            ),
            (
                "{{#each names}}{{/each}}",
                "{{#each names}}: the welcome email can't use `{{#each}}`",
            ),
        ] {
            assert_eq!(flaws(text), [flaw], "{text}");
        }
    }
}
