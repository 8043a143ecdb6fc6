//! The mail sender and the welcome email, down to the variables its template uses.

use std::path::Path;

use super::{Report, hosts};
use crate::project::file;
use crate::project::source::{Source, Span};
use crate::project::stage::{Email, SignIn, Welcome};
use crate::project::tree::At;
use crate::project::words;

/// SES's limit for a template, subject and both bodies together.
const MAX_TEMPLATE: usize = 500 * 1024;

/// A line of a mail header (RFC 5322, section 2.1.1).
const MAX_SUBJECT: usize = 998;

pub(super) fn email(
    file: &file::Stage,
    sign_in: &SignIn,
    report: &mut Report<'_>,
) -> Option<Email> {
    let at = file.email.as_ref()?;
    let hint = "add `from: \"Acme <hello@acme.com>\"`";
    let from = report.required(at.value.from.as_ref(), "from", at.span, hint);
    let hint = "add `identity`, the domain or address that SES verifies, such as `acme.com`";
    let identity = report.required(at.value.identity.as_ref(), "identity", at.span, hint);
    let from_address = address(&from, report);
    check_identity(&identity, from_address.as_deref(), report);
    let welcome = at
        .value
        .welcome
        .as_ref()
        .map(|welcome| self::welcome(welcome, sign_in, report));
    Some(Email {
        from: from.value,
        from_address: from_address.unwrap_or_default(),
        identity: identity.value,
        welcome,
    })
}

/// The address in `Name <address>`, or all of it.
fn address(from: &At<String>, report: &mut Report<'_>) -> Option<String> {
    let text = from.value.trim();
    if text.is_empty() {
        return None; // Reported as missing.
    }
    let address = match text.split_once('<') {
        Some((_, rest)) => rest.strip_suffix('>').unwrap_or_default(),
        None => text,
    };
    if address.contains('*') {
        report.add(
            from.span,
            format!("`{text}` has a wildcard"),
            "mail has one sender; name it",
        );
        return None;
    }
    if hosts::domain_of(address).is_none() || text.contains(['\n', '\r']) {
        report.add(
            from.span,
            format!("`{text}` is not a sender"),
            "write `Acme <hello@acme.com>`, or the address alone",
        );
        return None;
    }
    Some(address.to_owned())
}

fn check_identity(identity: &At<String>, from: Option<&str>, report: &mut Report<'_>) {
    let text = identity.value.as_str();
    if text.trim().is_empty() {
        return; // Reported as missing.
    }
    if text.contains('*') {
        report.add(
            identity.span,
            format!("the identity `{text}` has a wildcard"),
            "name the domain alone; its subdomains belong to it",
        );
        return;
    }
    if text.contains('@') {
        if hosts::domain_of(text).is_none() {
            report.add(
                identity.span,
                format!("`{text}` is not an address"),
                "write an address such as `hello@acme.com`, or a domain",
            );
        } else if let Some(from) = from.filter(|from| !from.eq_ignore_ascii_case(text)) {
            report.add(
                identity.span,
                format!("`{from}` doesn't belong to the identity `{text}`"),
                format!("write `identity: {from}`, or its domain"),
            );
        }
        return;
    }
    if !hosts::is_domain(text) {
        report.add(
            identity.span,
            format!("`{text}` is neither a domain nor an address"),
            "write a domain such as `acme.com`, in lower case",
        );
        return;
    }
    if hosts::is_public_mail(text) {
        report.add(
            identity.span,
            format!("`{text}` is a public mail provider"),
            "you can't sign its mail; use a domain of yours, or one address you own",
        );
        return;
    }
    let Some((from, domain)) = from.and_then(|from| Some((from, hosts::domain_of(from)?))) else {
        return;
    };
    if domain != text && !domain.ends_with(&format!(".{text}")) {
        report.add(
            identity.span,
            format!("`{from}` doesn't belong to the identity `{text}`"),
            format!("write `identity: {domain}`, or send from `{text}`"),
        );
    }
}

fn welcome(at: &At<file::Welcome>, sign_in: &SignIn, report: &mut Report<'_>) -> Welcome {
    let welcome = &at.value;
    let hint = "add `subject: \"Welcome, {{name}}\"`";
    let subject = report.required(welcome.subject.as_ref(), "subject", at.span, hint);
    if subject.value.contains(['\n', '\r']) || subject.value.chars().count() > MAX_SUBJECT {
        report.add(
            subject.span,
            "the subject is longer than a line",
            format!("use one line of {MAX_SUBJECT} characters at most"),
        );
    }
    for mistake in template_mistakes(&subject.value, sign_in) {
        // Escapes in quoted YAML move columns, so the whole subject is marked.
        report.add(subject.span, mistake.message, mistake.hint);
    }
    let hint = "add `html: emails/welcome.html`, the file with the body";
    let html = report.required(welcome.html.as_ref(), "html", at.span, hint);
    let html = body(&html, sign_in, report);
    let text = welcome
        .text
        .as_ref()
        .map(|text| body(text, sign_in, report));
    let size = subject.value.len() + html.len() + text.as_ref().map_or(0, String::len);
    if size > MAX_TEMPLATE {
        report.add(
            at.span,
            format!("the welcome email has {} KB", size / 1024),
            format!(
                "SES allows {} KB; link to images instead",
                MAX_TEMPLATE / 1024
            ),
        );
    }
    Welcome {
        subject: subject.value,
        html,
        text,
    }
}

/// Reads a body and checks its variables, at their places in that file.
fn body(path: &At<String>, sign_in: &SignIn, report: &mut Report<'_>) -> String {
    if path.value.is_empty() {
        return String::new(); // Reported as missing.
    }
    let full = report.directory.join(&path.value);
    let text = match std::fs::read_to_string(&full) {
        Ok(text) => text,
        Err(cause) => {
            let (message, hint) = match cause.kind() {
                std::io::ErrorKind::NotFound => (
                    format!("there is no file `{}`", path.value),
                    "create it, or correct the path; it starts at the project file's folder",
                ),
                std::io::ErrorKind::InvalidData => (
                    format!("`{}` is not UTF-8 text", path.value),
                    "save it as UTF-8",
                ),
                _ => (
                    format!("could not read `{}`", path.value),
                    "give the path of a file that can be read",
                ),
            };
            report.add(path.span, message, hint);
            return String::new();
        }
    };
    if text.trim().is_empty() {
        report.add(
            path.span,
            format!("`{}` is empty", path.value),
            "write the email in it",
        );
    }
    let shown = report
        .source
        .path
        .parent()
        .unwrap_or(Path::new(""))
        .join(&path.value);
    let source = Source::new(&shown, text);
    for mistake in template_mistakes(&source.text, sign_in) {
        report.add_in(&source, mistake.span, mistake.message, mistake.hint);
    }
    source.text
}

struct TemplateMistake {
    span: Span,
    message: String,
    hint: String,
}

/// What is wrong with the `{{…}}` of an SES template. A variable SES isn't given at sending makes
/// it drop the email, silently for the user, so every one must be an attribute.
fn template_mistakes(text: &str, sign_in: &SignIn) -> Vec<TemplateMistake> {
    let mut mistakes = Vec::new();
    let mut at = 0;
    while let Some(open) = text[at..].find("{{").map(|found| at + found) {
        let Some(close) = text[open..].find("}}").map(|found| open + found) else {
            mistakes.push(TemplateMistake {
                span: Span {
                    start: open,
                    end: open + 2,
                },
                message: "`{{` is never closed".to_owned(),
                hint: "close it with `}}`".to_owned(),
            });
            break;
        };
        at = close + 2;
        let inside = text[open + 2..close].trim_matches(['{', ' ', '\t']);
        if let Some(variable) = variable(inside)
            && !sign_in.attributes.contains_key(variable)
        {
            mistakes.push(TemplateMistake {
                span: Span {
                    start: open,
                    end: at,
                },
                message: format!(
                    "the welcome email uses `{{{{{variable}}}}}`, which is no attribute"
                ),
                hint: words::hint(variable, sign_in.attributes.keys().map(String::as_str)),
            });
        }
    }
    mistakes
}

/// The variable of a tag's inside; `None` for ends, `else` and comments.
fn variable(inside: &str) -> Option<&str> {
    if inside.starts_with(['/', '!']) || inside == "else" {
        return None;
    }
    match inside.strip_prefix('#') {
        Some(block) => block.split_whitespace().nth(1),
        None => Some(inside),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_tags() {
        assert_eq!(variable("name"), Some("name"));
        assert_eq!(variable("#if company"), Some("company"));
        assert_eq!(variable("/if"), None);
        assert_eq!(variable("else"), None);
        assert_eq!(variable("! a note"), None);
    }
}
