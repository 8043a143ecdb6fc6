//! The mail sender and the welcome email, down to the variables its template uses.

use std::path::Path;

use super::{Report, files, hosts};
use crate::project::source::{Source, Span};
use crate::project::stage::{Body, Email, LocalWelcome, SignIn, Welcome};
use crate::project::template::{self, Flaw, Template};
use crate::project::tree::{At, Name};
use crate::project::words;

/// SES's limit for a template, subject and both bodies together.
const MAX_TEMPLATE: usize = 500 * 1024;

/// A line of a mail header (RFC 5322, section 2.1.1).
const MAX_SUBJECT: usize = 998;

/// A template is called `PROJECT-STAGE-welcome-LOCALE`, in 64 characters.
const MAX_LOCALE: usize = 11;

pub(super) fn email(email: &mut At<Email>, sign_in: &SignIn, report: &mut Report<'_>) {
    let owner = email.span();
    let Email {
        from,
        identity,
        welcome,
    } = &mut email.value;
    let hint = "add `from: \"Acme <hello@acme.com>\"`";
    let has_sender = report.required(from, "from", owner, hint);
    let hint = "add `identity`, the domain or address that SES verifies, such as `acme.com`";
    if report.required(identity, "identity", owner, hint) {
        let address = has_sender.then(|| from.address());
        check_identity(identity, address, report);
    }
    if let Some(welcome) = welcome {
        self::welcome(welcome, sign_in, report);
    }
}

fn check_identity(identity: &At<String>, from: Option<&str>, report: &mut Report<'_>) {
    let text = identity.as_str();
    if text.contains('*') {
        report.add(
            identity.span(),
            format!("the identity `{text}` has a wildcard"),
            "name the domain alone; its subdomains belong to it",
        );
        return;
    }
    if text.contains('@') {
        if hosts::domain_of(text).is_none() {
            report.add(
                identity.span(),
                format!("`{text}` is not an address"),
                hosts::ascii_hint(text)
                    .unwrap_or("write an address such as `hello@acme.com`, or a domain"),
            );
        } else if let Some(from) = from.filter(|from| !from.eq_ignore_ascii_case(text)) {
            report.add(
                identity.span(),
                format!("`{from}` doesn't belong to the identity `{text}`"),
                format!("write `identity: {from}`, or its domain"),
            );
        }
        return;
    }
    if !hosts::is_domain(text) {
        report.add(
            identity.span(),
            format!("`{text}` is neither a domain nor an address"),
            hosts::ascii_hint(text).unwrap_or("write a domain such as `acme.com`, in lower case"),
        );
        return;
    }
    if hosts::is_public_mail(text) {
        report.add(
            identity.span(),
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
            identity.span(),
            format!("`{from}` doesn't belong to the identity `{text}`"),
            format!("write `identity: {domain}`, or send from `{text}`"),
        );
    }
}

fn welcome(at: &mut At<Welcome>, sign_in: &SignIn, report: &mut Report<'_>) {
    let owner = at.span();
    let Welcome {
        subject,
        html,
        text,
        locales,
    } = &mut at.value;
    mail((subject, html, text.as_mut()), owner, sign_in, report);
    if let Some(first) = locales.keys().next()
        && !sign_in.attributes.contains_key("locale")
    {
        report.add(
            first.span(),
            "no attribute says which language a user reads",
            "add `locale: {}` under `sign_in.attributes`",
        );
    }
    for (locale, at) in locales {
        check_locale(locale, report);
        let owner = at.span();
        let LocalWelcome {
            subject,
            html,
            text,
        } = &mut at.value;
        mail((subject, html, text.as_mut()), owner, sign_in, report);
    }
}

/// Reports what is no language tag in its usual spelling (BCP 47): a language, and possibly a script and
/// a region. Longer ones would not fit into the template's name.
fn check_locale(locale: &Name, report: &mut Report<'_>) {
    let usual = usual_tag(locale);
    if usual.as_ref() == Some(&locale.value) {
        return;
    }
    let hint = match usual {
        Some(usual) => format!("write `{usual}`"),
        None => {
            "write a language such as `de`, or a language and a region such as `pt-BR`".to_owned()
        }
    };
    let message = format!("`{locale}` is no language tag");
    report.add(locale.span(), message, hint);
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

/// Checks one template, and reads the files of its bodies.
fn mail(
    (subject, html, text): (&At<String>, &mut At<Body>, Option<&mut At<Body>>),
    owner: Option<Span>,
    sign_in: &SignIn,
    report: &mut Report<'_>,
) {
    report.required(
        subject,
        "subject",
        owner,
        "add `subject: \"Welcome, {{name}}\"`",
    );
    if subject.contains(['\n', '\r']) || subject.chars().count() > MAX_SUBJECT {
        report.add(
            subject.span(),
            "the subject is longer than a line",
            format!("use one line of {MAX_SUBJECT} characters at most"),
        );
    }
    for flaw in flaws(subject, sign_in) {
        // Escapes in quoted YAML move columns, so the whole subject is marked.
        report.add(subject.span(), flaw.message, flaw.hint);
    }
    let hint = "add `html: emails/welcome.html`, the file with the body";
    if report.required(html, "html", owner, hint) {
        read(html, true, sign_in, report);
    }
    let mut size = subject.len() + html.contents.len();
    if let Some(text) = text {
        read(text, false, sign_in, report);
        size += text.contents.len();
    }
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
}

/// Reads a body and checks its variables, at their places in that file.
fn read(body: &mut At<Body>, is_html: bool, sign_in: &SignIn, report: &mut Report<'_>) {
    let span = body.span();
    let path = &body.path;
    let text = match files::read(report.directory, path, MAX_TEMPLATE as u64) {
        Ok(text) => text,
        Err((message, hint)) => {
            report.add(span, message, hint);
            return;
        }
    };
    if text.trim().is_empty() {
        report.add(span, format!("`{path}` is empty"), "write the email in it");
    }
    let folder = report.source.path.parent().unwrap_or(Path::new(""));
    let source = Source::new(&folder.join(path), text);
    let mut found = flaws(&source.text, sign_in);
    if is_html {
        found.extend(template::for_html(&source.text).1);
        found.sort_by_key(|flaw| flaw.span.start);
    }
    for flaw in found {
        report.add_in(&source, flaw.span, flaw.message, flaw.hint);
    }
    body.value.contents = source.text;
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
        hint: words::hint(
            variable,
            sign_in.attributes.keys().map(|name| name.as_str()),
        ),
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
