//! Clients and the pages they send users to: URLs, scopes, token lifetimes, attribute access.

use std::collections::{BTreeMap, BTreeSet};

use super::{Report, access, hosts, naming};
use crate::project::file::{self, Name};
use crate::project::source::Span;
use crate::project::stage::{Client, ClientKind, HostedUi, SignIn, Tokens};
use crate::project::tree::At;
use crate::project::words;

/// Cognito's limits for a client's URLs.
const MAX_URLS: usize = 100;
const MAX_URL: usize = 1024;
/// Cognito's limit for a client's scopes.
const MAX_SCOPES: usize = 50;

/// Scopes of clients that act for a user.
const OPENID_SCOPES: [&str; 5] = [
    "openid",
    "email",
    "phone",
    "profile",
    "aws.cognito.signin.user.admin",
];

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;

pub(super) fn clients(
    file: &file::Stage,
    owner: Span,
    sign_in: &SignIn,
    report: &mut Report<'_>,
) -> BTreeMap<String, Client> {
    let declared = file.clients.as_ref();
    if declared.is_none_or(BTreeMap::is_empty) {
        report.add(
            owner,
            "there is no client, so no application could sign users in",
            "add `clients: { web: { kind: spa } }`",
        );
    }
    declared
        .into_iter()
        .flatten()
        .map(|(name, client)| {
            (
                name.value.clone(),
                self::client(name, client, file, sign_in, report),
            )
        })
        .collect()
}

fn client(
    name: &Name,
    client: &file::Client,
    stage: &file::Stage,
    sign_in: &SignIn,
    report: &mut Report<'_>,
) -> Client {
    if !naming::is_name(&name.value) || name.value.len() > 32 {
        report.add(
            name.span,
            format!("`{}` can't name a client", name.value),
            "use a to z, 0 to 9 and single `-`, starting with a letter, 32 at most",
        );
    }
    let Some(kind) = client.kind.as_ref().map(|kind| kind.value) else {
        report.add(
            name.span,
            format!("the client `{}` has no `kind`", name.value),
            "add `kind: spa`, `server`, `native` or `machine`",
        );
        return empty_client();
    };
    if kind == ClientKind::Machine {
        return machine(name, client, stage, report);
    }
    if stage.hosted_ui.is_some()
        && client
            .callback_urls
            .as_ref()
            .is_none_or(|urls| urls.value.is_empty())
    {
        report.add(
            name.span,
            format!("the client `{}` has no `callback_urls`", name.value),
            "the hosted UI must know where to return to: add one, such as `http://localhost:3000/callback`",
        );
    }
    let tokens = tokens(client.tokens.as_ref(), report);
    Client {
        kind,
        callback_urls: urls(client.callback_urls.as_ref(), "callback", kind, report),
        logout_urls: urls(client.logout_urls.as_ref(), "logout", kind, report),
        tokens,
        scopes: user_scopes(client.scopes.as_ref(), report),
        read: attribute_names(client.read.as_ref(), sign_in, report),
        write: writable(client.write.as_ref(), sign_in, report),
    }
}

fn empty_client() -> Client {
    Client {
        kind: ClientKind::Spa,
        callback_urls: Vec::new(),
        logout_urls: Vec::new(),
        tokens: Tokens {
            access_seconds: HOUR,
            id_seconds: HOUR,
            refresh_seconds: 30 * DAY,
        },
        scopes: Vec::new(),
        read: BTreeSet::new(),
        write: BTreeSet::new(),
    }
}

/// A program without a user: nothing of a user's journey applies.
fn machine(
    name: &Name,
    client: &file::Client,
    stage: &file::Stage,
    report: &mut Report<'_>,
) -> Client {
    let no_user = [
        (
            "callback_urls",
            client.callback_urls.as_ref().map(|at| at.span),
        ),
        ("logout_urls", client.logout_urls.as_ref().map(|at| at.span)),
        ("read", client.read.as_ref().map(|at| at.span)),
        ("write", client.write.as_ref().map(|at| at.span)),
    ];
    for (key, span) in no_user {
        if let Some(span) = span {
            report.add(
                span,
                format!("a `machine` has no `{key}`"),
                "remove it: no user takes part in client credentials",
            );
        }
    }
    let none = file::Tokens::default();
    let given = client.tokens.as_ref().map_or(&none, |tokens| &tokens.value);
    for (key, at) in [("id", &given.id), ("refresh", &given.refresh)] {
        if let Some(at) = at {
            report.add(
                at.span,
                format!("a `machine` gets no {key} token"),
                "remove it: client credentials give an access token alone",
            );
        }
    }
    if stage.hosted_ui.is_none() {
        report.add(
            name.span,
            format!("the machine `{}` has nowhere to ask for tokens", name.value),
            "add `hosted_ui: { prefix: … }`: the token endpoint lives on that domain",
        );
    }
    let scopes = client.scopes.as_ref();
    if scopes.is_none_or(|scopes| scopes.value.is_empty()) {
        report.add(
            name.span,
            format!("the machine `{}` has no `scopes`", name.value),
            "add what it may do, such as `scopes: [\"projects:read\"]`",
        );
    }
    for scope in scopes.into_iter().flat_map(|scopes| &scopes.value) {
        if !access::is_permission(&scope.value) || scope.value.contains('*') {
            report.add(
                scope.span,
                format!("`{}` can't be a machine's scope", scope.value),
                "write a permission without `*`, such as `projects:read`",
            );
        }
    }
    Client {
        kind: ClientKind::Machine,
        scopes: unique(scopes, report),
        tokens: tokens(client.tokens.as_ref(), report),
        ..empty_client()
    }
}

fn unique(list: Option<&At<Vec<At<String>>>>, report: &mut Report<'_>) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for item in list.into_iter().flat_map(|list| &list.value) {
        if seen.contains(&item.value) {
            report.add(
                item.span,
                format!("`{}` stands here twice", item.value),
                "remove one",
            );
        } else {
            seen.push(item.value.clone());
        }
    }
    if seen.len() > MAX_SCOPES
        && let Some(list) = list
    {
        report.add(
            list.span,
            format!("{} entries", seen.len()),
            format!("Cognito allows {MAX_SCOPES}; remove some"),
        );
    }
    seen
}

fn user_scopes(scopes: Option<&At<Vec<At<String>>>>, report: &mut Report<'_>) -> Vec<String> {
    let Some(list) = scopes else {
        return ["openid", "email", "profile"].map(str::to_owned).to_vec();
    };
    for scope in &list.value {
        if !OPENID_SCOPES.contains(&scope.value.as_str()) {
            let hint = if access::is_permission(&scope.value) {
                "a user's permissions come from the role, in the token; only machines have them as scopes".to_owned()
            } else {
                words::hint(&scope.value, OPENID_SCOPES)
            };
            report.add(
                scope.span,
                format!("there is no scope `{}`", scope.value),
                hint,
            );
        }
    }
    let has = |name: &str| list.value.iter().any(|scope| scope.value == name);
    if list.value.is_empty() {
        report.add(
            list.span,
            "`scopes` is empty",
            "add `openid`, or remove the key",
        );
    } else if !has("openid")
        && list
            .value
            .iter()
            .all(|scope| OPENID_SCOPES.contains(&scope.value.as_str()))
        && let Some(scope) = list
            .value
            .iter()
            .find(|s| ["email", "phone", "profile"].contains(&s.value.as_str()))
    {
        report.add(
            scope.span,
            format!("the scope `{}` needs `openid`", scope.value),
            "add `openid` to the list",
        );
    }
    unique(scopes, report)
}

fn attribute_names(
    names: Option<&At<Vec<At<String>>>>,
    sign_in: &SignIn,
    report: &mut Report<'_>,
) -> BTreeSet<String> {
    let Some(names) = names else {
        return sign_in.attributes.keys().cloned().collect();
    };
    for name in &names.value {
        if !sign_in.attributes.contains_key(&name.value) {
            report.add(
                name.span,
                format!("there is no attribute `{}`", name.value),
                words::hint(&name.value, sign_in.attributes.keys().map(String::as_str)),
            );
        }
    }
    names.value.iter().map(|name| name.value.clone()).collect()
}

/// What a client may write. Cognito refuses a client that can't write a required attribute.
fn writable(
    names: Option<&At<Vec<At<String>>>>,
    sign_in: &SignIn,
    report: &mut Report<'_>,
) -> BTreeSet<String> {
    let writable = attribute_names(names, sign_in, report);
    if let Some(names) = names {
        for (name, _) in sign_in
            .attributes
            .iter()
            .filter(|(_, attribute)| attribute.required)
        {
            if !writable.contains(name) {
                report.add(
                    names.span,
                    format!("the client can't write `{name}`, which sign-up requires"),
                    format!("add `{name}` to `write`"),
                );
            }
        }
    }
    writable
}

fn urls(
    list: Option<&At<Vec<At<String>>>>,
    what: &str,
    kind: ClientKind,
    report: &mut Report<'_>,
) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for url in list.into_iter().flat_map(|list| &list.value) {
        check_url(url, what, kind, report);
        if seen.contains(&url.value) {
            report.add(
                url.span,
                format!("`{}` stands here twice", url.value),
                "remove one",
            );
        }
        seen.push(url.value.clone());
    }
    if let Some(list) = list.filter(|list| list.value.len() > MAX_URLS) {
        report.add(
            list.span,
            format!("{} {what} URLs", list.value.len()),
            format!("Cognito allows {MAX_URLS}; remove some"),
        );
    }
    seen
}

fn check_url(at: &At<String>, what: &str, kind: ClientKind, report: &mut Report<'_>) {
    let text = at.value.as_str();
    let Some(url) = hosts::url(text) else {
        report.add(
            at.span,
            format!("`{text}` is not a URL"),
            "write it whole, such as `https://app.acme.com/callback`",
        );
        return;
    };
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
    } else if text.contains('*') {
        (
            format!("the {what} URL `{text}` has a wildcard"),
            "Cognito compares URLs exactly; name each one".to_owned(),
        )
    } else if url.scheme == "http" && !url.is_loopback() {
        (
            format!("the {what} URL `{text}` has no TLS"),
            format!(
                "write `{}`; plain http is for localhost only",
                text.replacen("http:", "https:", 1)
            ),
        )
    } else if !["http", "https"].contains(&url.scheme) && kind != ClientKind::Native {
        (
            format!("the {what} URL `{text}` has a scheme of its own"),
            "only a client of `kind: native` may; use https".to_owned(),
        )
    } else if url.host.is_empty() && ["http", "https"].contains(&url.scheme) {
        (
            format!("the {what} URL `{text}` has no host"),
            "write it whole".to_owned(),
        )
    } else {
        return;
    };
    report.add(at.span, message, hint);
}

fn tokens(given: Option<&At<file::Tokens>>, report: &mut Report<'_>) -> Tokens {
    let none = file::Tokens::default();
    let given = given.map_or(&none, |tokens| &tokens.value);
    let short = (5 * MINUTE, DAY, "5m to 1d");
    let access = duration(given.access.as_ref(), "access", HOUR, short, report);
    let id = duration(given.id.as_ref(), "id", HOUR, short, report);
    let long = (HOUR, 3650 * DAY, "1h to 3650d");
    let refresh = duration(given.refresh.as_ref(), "refresh", 30 * DAY, long, report);
    if let Some(at) = given.refresh.as_ref().filter(|_| refresh < access.max(id)) {
        report.add(
            at.span,
            "the refresh token lasts shorter than the tokens it renews",
            "make `refresh` longer, or `access` and `id` shorter",
        );
    }
    Tokens {
        access_seconds: access,
        id_seconds: id,
        refresh_seconds: refresh,
    }
}

fn duration(
    at: Option<&At<String>>,
    token: &str,
    default: u32,
    (shortest, longest, range): (u32, u32, &str),
    report: &mut Report<'_>,
) -> u32 {
    let Some(at) = at else {
        return default;
    };
    match seconds(&at.value) {
        None => {
            report.add(
                at.span,
                format!("`{}` is not a duration", at.value),
                "write a number and a unit: `90s`, `15m`, `1h` or `30d`",
            );
            default
        }
        Some(seconds) if seconds < u64::from(shortest) || seconds > u64::from(longest) => {
            report.add(
                at.span,
                format!("the {token} token can't last `{}`", at.value),
                format!("Cognito allows {range}"),
            );
            default
        }
        Some(seconds) => u32::try_from(seconds).unwrap_or(default),
    }
}

/// `90s`, `15m`, `1h`, `30d` in seconds.
fn seconds(text: &str) -> Option<u64> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => MINUTE,
        'h' => HOUR,
        'd' => DAY,
        _ => return None,
    };
    let number = &text[..text.len() - 1];
    if number.is_empty() || !number.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(u64::from(unit))
}

pub(super) fn hosted_ui(file: &file::Stage, report: &mut Report<'_>) -> Option<HostedUi> {
    let at = file.hosted_ui.as_ref()?;
    let hosted_ui = &at.value;
    match (&hosted_ui.prefix, &hosted_ui.domain) {
        (Some(_), Some(domain)) => {
            report.add(
                domain.span,
                "`hosted_ui` has both a `prefix` and a `domain`",
                "keep `prefix` for AWS's domain, or `domain` with `certificate_arn` for yours",
            );
            None
        }
        (None, None) => {
            report.add(
                at.span,
                "`hosted_ui` has neither a `prefix` nor a `domain`",
                "add `prefix: NAME`, or remove `hosted_ui`",
            );
            None
        }
        (Some(prefix), None) => {
            if let Some(arn) = &hosted_ui.certificate_arn {
                report.add(
                    arn.span,
                    "a `prefix` needs no certificate",
                    "remove `certificate_arn`, or use `domain`",
                );
            }
            check_prefix(prefix, report);
            Some(HostedUi::Prefix(prefix.value.clone()))
        }
        (None, Some(domain)) => {
            if !hosts::is_domain(&domain.value) {
                report.add(
                    domain.span,
                    format!("`{}` is not a host name", domain.value),
                    "write one such as `auth.acme.com`, without `https://`",
                );
            }
            let hint = "add the ACM certificate's ARN: `certificate_arn: arn:aws:acm:us-east-1:…`";
            let arn = report.required(
                hosted_ui.certificate_arn.as_ref(),
                "certificate_arn",
                domain.span,
                hint,
            );
            check_certificate(&arn, report);
            Some(HostedUi::Domain {
                domain: domain.value.clone(),
                certificate_arn: arn.value,
            })
        }
    }
}

fn check_prefix(prefix: &At<String>, report: &mut Report<'_>) {
    let text = prefix.value.as_str();
    let length = text.len();
    if let Some(reserved) = ["aws", "amazon", "cognito"]
        .iter()
        .find(|word| text.contains(*word))
    {
        report.add(
            prefix.span,
            format!("the prefix `{text}` holds `{reserved}`"),
            "Cognito reserves `aws`, `amazon` and `cognito`; pick another",
        );
    } else if length > 63 {
        report.add(
            prefix.span,
            format!("the prefix has {length} characters"),
            "use 63 at most",
        );
    } else if text.is_empty()
        || text.starts_with('-')
        || text.ends_with('-')
        || !text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    {
        let hint = if text.contains('.') {
            "for a domain of your own, write `domain` and `certificate_arn` instead"
        } else {
            "use a to z, 0 to 9 and `-` inside"
        };
        report.add(
            prefix.span,
            format!("`{text}` can't be a domain prefix"),
            hint,
        );
    }
}

fn check_certificate(arn: &At<String>, report: &mut Report<'_>) {
    let parts: Vec<&str> = arn.value.splitn(6, ':').collect();
    match parts.as_slice() {
        [""] => {} // Reported as missing.
        ["arn", _, "acm", "us-east-1", account, id]
            if account.len() == 12 && id.starts_with("certificate/") => {}
        ["arn", _, "acm", region, _, _] if *region != "us-east-1" => report.add(
            arn.span,
            format!("the certificate is in `{region}`"),
            "Cognito takes certificates from us-east-1 only; request one there",
        ),
        _ => report.add(
            arn.span,
            format!("`{}` is not a certificate's ARN", arn.value),
            "it reads `arn:aws:acm:us-east-1:123456789012:certificate/…`",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(seconds("90s"), Some(90));
        assert_eq!(seconds("15m"), Some(900));
        assert_eq!(seconds("1h"), Some(3600));
        assert_eq!(seconds("30d"), Some(2_592_000));
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
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
