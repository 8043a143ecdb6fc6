//! The mail sender and the welcome email, down to the variables its template uses.

use std::path::Path;

use super::{Report, hosts};
use crate::project::file::{self, LocalWelcome};
use crate::project::source::{Source, Span};
use crate::project::stage::{Email, Mail, SignIn, Welcome};
use crate::project::template::{self, Flaw, Template};
use crate::project::tree::At;
use crate::project::words;

/// SES's limit for a template, subject and both bodies together.
const MAX_TEMPLATE: usize = 500 * 1024;

/// A line of a mail header (RFC 5322, section 2.1.1).
const MAX_SUBJECT: usize = 998;

/// A template is called `PROJECT-STAGE-welcome-LOCALE`, in 64 characters.
const MAX_LOCALE: usize = 11;

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
    let standard = mail(
        [&welcome.subject, &welcome.html, &welcome.text],
        at.span,
        sign_in,
        report,
    );
    let locales = welcome.locales.as_ref();
    if let Some(first) = locales.and_then(|locales| locales.keys().next())
        && !sign_in.attributes.contains_key("locale")
    {
        report.add(
            first.span,
            "no attribute says which language a user reads",
            "add `locale: {}` under `sign_in.attributes`",
        );
    }
    let variants = locales.into_iter().flatten().map(|(locale, at)| {
        check_locale(locale, report);
        let LocalWelcome {
            subject,
            html,
            text,
        } = &at.value;
        let mail = mail([subject, html, text], at.span, sign_in, report);
        (locale.value.clone(), mail)
    });
    Welcome {
        standard,
        locales: variants.collect(),
    }
}

/// Reports what is no language tag in its usual spelling (BCP 47): a language, and possibly a script and
/// a region. Longer ones would not fit into the template's name.
fn check_locale(locale: &At<String>, report: &mut Report<'_>) {
    let usual = usual_tag(&locale.value);
    if usual.as_ref() == Some(&locale.value) {
        return;
    }
    let hint = match usual {
        Some(usual) => format!("write `{usual}`"),
        None => {
            "write a language such as `de`, or a language and a region such as `pt-BR`".to_owned()
        }
    };
    let message = format!("`{}` is no language tag", locale.value);
    report.add(locale.span, message, hint);
}

/// A language tag in its usual spelling: `pt-BR`, `zh-Hant-TW`. `None` when it is none.
fn usual_tag(text: &str) -> Option<String> {
    let spelled = |part: &str, upper: bool| {
        if upper {
            part.to_ascii_uppercase()
        } else {
            part.to_ascii_lowercase()
        }
    };
    let letters = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.replace('_', "-");
    let mut parts = text.split('-').peekable();
    let language = parts.next()?;
    if !((2..=3).contains(&language.len()) && letters(language)) {
        return None;
    }
    let mut tag = spelled(language, false);
    if let Some(script) = parts.next_if(|part| part.len() == 4 && letters(part)) {
        let (first, rest) = script.split_at(1);
        tag.push('-');
        tag.push_str(&spelled(first, true));
        tag.push_str(&spelled(rest, false));
    }
    let is_region =
        |part: &&str| part.len() == 2 && letters(part) || part.len() == 3 && digits(part);
    if let Some(region) = parts.next_if(is_region) {
        tag.push('-');
        tag.push_str(&spelled(region, true));
    }
    (parts.next().is_none() && tag.len() <= MAX_LOCALE).then_some(tag)
}

/// One template, from its subject and the files of its bodies.
fn mail(
    [subject, html, text]: [&Option<At<String>>; 3],
    owner: Span,
    sign_in: &SignIn,
    report: &mut Report<'_>,
) -> Mail {
    let hint = "add `subject: \"Welcome, {{name}}\"`";
    let subject = report.required(subject.as_ref(), "subject", owner, hint);
    if subject.value.contains(['\n', '\r']) || subject.value.chars().count() > MAX_SUBJECT {
        report.add(
            subject.span,
            "the subject is longer than a line",
            format!("use one line of {MAX_SUBJECT} characters at most"),
        );
    }
    for flaw in flaws(&subject.value, sign_in) {
        // Escapes in quoted YAML move columns, so the whole subject is marked.
        report.add(subject.span, flaw.message, flaw.hint);
    }
    let hint = "add `html: emails/welcome.html`, the file with the body";
    let html = report.required(html.as_ref(), "html", owner, hint);
    let html = body(&html, sign_in, report);
    let text = text.as_ref().map(|text| body(text, sign_in, report));
    let size = subject.value.len() + html.len() + text.as_ref().map_or(0, String::len);
    if size > MAX_TEMPLATE {
        report.add(
            owner,
            format!("the welcome email has {} KB", size / 1024),
            format!(
                "SES allows {} KB; link to images instead",
                MAX_TEMPLATE / 1024
            ),
        );
    }
    Mail {
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
    for flaw in flaws(&source.text, sign_in) {
        report.add_in(&source, flaw.span, flaw.message, flaw.hint);
    }
    source.text
}

/// What is wrong with a template. A variable SES isn't given at sending makes it drop the email, silently
/// for the user, so every one must be an attribute.
fn flaws(text: &str, sign_in: &SignIn) -> Vec<Flaw> {
    let Template {
        variables,
        mut flaws,
        ..
    } = template::parse(text);
    let unknown = variables
        .into_iter()
        .filter(|(_, variable)| !sign_in.attributes.contains_key(*variable));
    flaws.extend(unknown.map(|(span, variable)| Flaw {
        span,
        message: format!("the welcome email uses `{{{{{variable}}}}}`, which is no attribute"),
        hint: words::hint(variable, sign_in.attributes.keys().map(String::as_str)),
    }));
    flaws.sort_by_key(|flaw| flaw.span.start);
    flaws
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_tags_have_one_spelling() {
        for (text, usual) in [
            ("de", Some("de")),
            ("DE", Some("de")),
            ("pt_br", Some("pt-BR")),
            ("zh-hant-tw", Some("zh-Hant-TW")),
            ("es-419", Some("es-419")),
            ("german", None),
            ("de-DE-1996", None),
            ("d", None),
            ("", None),
            ("de-", None),
            ("yue-Hant-419", None),
        ] {
            assert_eq!(usual_tag(text).as_deref(), usual, "{text}");
        }
    }
}
