//! Where an application's users may be sent back to: URIs as RFC 3986 writes them, of the kinds that RFC 8252
//! and Cognito allow.

use super::hosts::{self, Url};
use super::{Report, repeats, shown};
use crate::project::stage::ClientKind;
use crate::project::tree::At;

/// Cognito's limits for a client's URLs.
const MAX_URLS: usize = 100;
const MAX_URL: usize = 1024;

/// Schemes that never lead to an application of one's own: what stands behind them is run or shown as it is.
const NEVER: [&str; 10] = [
    "about",
    "blob",
    "data",
    "file",
    "ftp",
    "javascript",
    "mailto",
    "vbscript",
    "ws",
    "wss",
];

pub(super) fn check(
    urls: &At<Vec<At<String>>>,
    what: &str,
    kind: ClientKind,
    report: &mut Report<'_>,
) {
    for url in &**urls {
        if let Some((message, hint)) = flaw(url, what, kind) {
            report.add(url.span(), message, hint);
        }
    }
    repeats(urls, report);
    if urls.len() > MAX_URLS {
        report.add(
            urls.span(),
            format!("{} {what} URLs", urls.len()),
            format!("Cognito allows {MAX_URLS}; remove some"),
        );
    }
}

/// What is wrong with a URL and what to write instead.
fn flaw(text: &str, what: &str, kind: ClientKind) -> Option<(String, String)> {
    let Some(url) = hosts::url(text) else {
        return Some((
            format!("`{text}` is not a URL"),
            "write it whole, such as `https://app.acme.com/callback`".to_owned(),
        ));
    };
    if text.contains('*') {
        return Some((
            format!("the {what} URL `{text}` has a wildcard"),
            "Cognito compares URLs exactly; name each one".to_owned(),
        ));
    }
    let Some(wrong) = hosts::wrong_in_url(text) else {
        return flaw_of_parts(text, &url, what, kind);
    };
    let hint = match wrong {
        '%' => "write `%25` for a percent sign; otherwise two hexadecimal digits follow".to_owned(),
        _ if url.host.contains(wrong) => hosts::ascii_hint(url.host)
            .unwrap_or("write a host such as `app.acme.com`")
            .to_owned(),
        _ => format!(
            "write `{}`: browsers send it so, and Cognito compares URLs exactly",
            hosts::percent_encoded(wrong)
        ),
    };
    Some((
        format!("the {what} URL `{text}` holds `{}`", shown(wrong)),
        hint,
    ))
}

fn flaw_of_parts(
    text: &str,
    url: &Url<'_>,
    what: &str,
    kind: ClientKind,
) -> Option<(String, String)> {
    let on_the_web = ["http", "https"].contains(&url.scheme);
    let (message, hint) = if text.len() > MAX_URL {
        (
            format!("a {what} URL of {} characters", text.len()),
            format!("Cognito allows {MAX_URL}"),
        )
    } else if text.contains('#') {
        (
            format!("the {what} URL `{text}` has a fragment"),
            "remove the `#` and what follows".to_owned(),
        )
    } else if url.scheme.contains(|c: char| c.is_ascii_uppercase()) {
        (
            format!("the {what} URL `{text}` has a scheme in capitals"),
            format!(
                "write `{}{}`",
                url.scheme.to_lowercase(),
                &text[url.scheme.len()..]
            ),
        )
    } else if NEVER.contains(&url.scheme) {
        (
            format!("the {what} URL `{text}` leads to no application"),
            "write one that starts with `https://`, or with your application's own scheme"
                .to_owned(),
        )
    } else if on_the_web && url.host.is_empty() {
        (
            format!("the {what} URL `{text}` has no host"),
            "write it whole, such as `https://app.acme.com/callback`".to_owned(),
        )
    } else if on_the_web && url.has_user {
        (
            format!("the {what} URL `{text}` has a user's name"),
            "remove what stands before the `@`".to_owned(),
        )
    } else if on_the_web && !url.has_right_host() {
        (
            format!("the {what} URL `{text}` has no host that can be reached"),
            "write a name such as `app.acme.com` in lower case, and possibly a port up to 65535"
                .to_owned(),
        )
    } else if url.scheme == "http" && !url.is_loopback() {
        (
            format!("the {what} URL `{text}` has no TLS"),
            format!(
                "write `{}`; plain http is for localhost only",
                text.replacen("http:", "https:", 1)
            ),
        )
    } else if !on_the_web && kind != ClientKind::Native {
        (
            format!("the {what} URL `{text}` has a scheme of its own"),
            "only a client of `kind: native` may; use https".to_owned(),
        )
    } else {
        return None;
    };
    Some((message, hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_users_may_be_sent_back_to() {
        for (url, kind) in [
            ("https://app.acme.com/callback", ClientKind::Spa),
            (
                "https://app.acme.com:8443/a%20b?c=d&e=~f",
                ClientKind::Server,
            ),
            ("https://192.0.2.1/cb", ClientKind::Spa),
            // For these three Cognito takes plain http, with any port (its service model, CallbackURLs).
            ("http://localhost:3000/callback", ClientKind::Spa),
            ("http://127.0.0.1:49152/", ClientKind::Native),
            ("http://[::1]:49152/", ClientKind::Native),
            // RFC 8252, section 7.1: a scheme of one's own has one slash behind it, or two.
            ("com.acme.app:/callback", ClientKind::Native),
            ("acme://callback", ClientKind::Native),
        ] {
            assert_eq!(flaw(url, "callback", kind), None, "{url}");
        }
        for (url, kind, part) in [
            ("app.acme.com/callback", ClientKind::Spa, "not a URL"),
            ("/callback", ClientKind::Spa, "not a URL"),
            ("localhost:3000", ClientKind::Spa, "not a URL"),
            ("https://app.acme.com/#done", ClientKind::Spa, "fragment"),
            ("https://*.acme.com/", ClientKind::Spa, "wildcard"),
            ("https://app.acme.com/ü", ClientKind::Spa, "holds"),
            ("https://app.acme.com/a b", ClientKind::Spa, "not a URL"),
            ("https://app.acme.com/{id}", ClientKind::Spa, "holds `{`"),
            ("https://app.acme.com/100%", ClientKind::Spa, "holds `%`"),
            ("https://ada@app.acme.com/", ClientKind::Spa, "user's name"),
            ("https://App.acme.com/", ClientKind::Spa, "can be reached"),
            (
                "https://app.acme.com:99999/",
                ClientKind::Spa,
                "can be reached",
            ),
            ("https://app.acme.com:/", ClientKind::Spa, "can be reached"),
            ("https:///callback", ClientKind::Spa, "no host"),
            ("HTTP://app.acme.com/", ClientKind::Native, "capitals"),
            ("http://app.acme.com/", ClientKind::Spa, "no TLS"),
            ("http://localhost.acme.com/", ClientKind::Native, "no TLS"),
            ("acme://callback", ClientKind::Spa, "scheme of its own"),
            (
                "com.acme.app:/callback",
                ClientKind::Server,
                "scheme of its own",
            ),
            ("javascript://alert/", ClientKind::Native, "no application"),
            ("data:/text", ClientKind::Native, "no application"),
        ] {
            let (message, _) = flaw(url, "callback", kind).expect(url);
            assert!(message.contains(part), "{url}: {message}");
        }
    }
}
