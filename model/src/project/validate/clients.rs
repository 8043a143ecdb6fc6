//! Clients and the pages they send users to: URLs, scopes, token lifetimes, attribute access.

use std::collections::{BTreeMap, BTreeSet};

use super::{Report, access, hosts, naming, repeats, urls};
use crate::project::stage::{Client, ClientKind, HostedUi, Lifetime, SignIn, Tokens};
use crate::project::tree::{At, Name};
use crate::project::words;

/// Cognito's limit for a client's scopes.
const MAX_SCOPES: usize = 50;

/// Cognito's limit for a resource server's scopes.
const MAX_SERVER_SCOPES: usize = 100;

/// Scopes of clients that act for a user.
const OPENID_SCOPES: [&str; 5] = [
    "openid",
    "email",
    "phone",
    "profile",
    "aws.cognito.signin.user.admin",
];

/// Scopes of a client that says nothing of them.
const DEFAULT_SCOPES: [&str; 3] = ["openid", "email", "profile"];

pub(super) fn clients(
    clients: &mut BTreeMap<Name, Client>,
    has_hosted_ui: bool,
    sign_in: &SignIn,
    report: &mut Report<'_>,
) {
    if clients.is_empty() {
        report.add(
            None,
            "there is no client, so no application could sign users in",
            "add `clients: { web: { kind: spa } }`",
        );
    }
    check_machine_scopes(clients, report);
    check_renamed(clients, report);
    for (name, client) in clients {
        if !naming::is_name(name) || name.len() > 32 {
            report.add(
                name.span(),
                format!("`{name}` can't name a client"),
                "use a to z, 0 to 9 and single `-`, starting with a letter, 32 at most",
            );
        }
        if client.kind.span().is_none() {
            report.add(
                name.span(),
                format!("the client `{name}` has no `kind`"),
                "add `kind: spa`, `server`, `native` or `machine`",
            );
        } else if client.kind == ClientKind::Machine {
            machine(name, client, has_hosted_ui, report);
        } else {
            for_users(name, client, has_hosted_ui, sign_in, report);
        }
    }
}

/// A client keeps what it was before, so nobody else may be called that.
fn check_renamed(clients: &BTreeMap<Name, Client>, report: &mut Report<'_>) {
    let part = words::letters_and_digits;
    for (name, client) in clients {
        let Some(before) = &client.renamed_from else {
            continue;
        };
        let taken = clients.iter().find(|(other, another)| {
            other.value != name.value && part(another.first_name(other)) == part(before)
        });
        if !naming::is_name(before) {
            report.add(
                before.span(),
                format!("no client was ever called `{}`", before.value),
                "write the name it had in this file",
            );
        } else if let Some((other, _)) = taken {
            report.add(
                before.span(),
                format!(
                    "`{name}` can't be what `{}` was: `{other}` is",
                    before.value
                ),
                "remove `renamed_from` from one, or give the other another name",
            );
        }
    }
}

/// The permissions that machines may ask for are the scopes of one resource server.
fn check_machine_scopes(clients: &BTreeMap<Name, Client>, report: &mut Report<'_>) {
    let machines = clients
        .values()
        .filter(|client| client.kind == ClientKind::Machine);
    let mut distinct = BTreeSet::new();
    for scope in machines.flat_map(|client| client.scopes.iter()) {
        if distinct.insert(scope.as_str()) && distinct.len() == MAX_SERVER_SCOPES + 1 {
            report.add(
                scope.span(),
                format!("the machines have more than {MAX_SERVER_SCOPES} different scopes"),
                "Cognito allows no more for a resource server; group some into one permission",
            );
        }
    }
}

/// An application that people use.
fn for_users(
    name: &Name,
    client: &mut Client,
    has_hosted_ui: bool,
    sign_in: &SignIn,
    report: &mut Report<'_>,
) {
    let Client {
        kind,
        callback_urls,
        logout_urls,
        tokens,
        scopes,
        read,
        write,
        providers: _,
        renamed_from: _,
    } = client;
    if has_hosted_ui && callback_urls.is_empty() {
        report.add(
            name.span(),
            format!("the client `{name}` has no `callback_urls`"),
            "the hosted UI must know where to return to: add one, such as `http://localhost:3000/callback`",
        );
    }
    urls::check(callback_urls, "callback", **kind, report);
    urls::check(logout_urls, "logout", **kind, report);
    check_tokens(tokens, report);
    check_rotation(**kind, tokens, report);
    if scopes.span().is_some() {
        check_user_scopes(scopes, report);
    } else {
        scopes.complete(
            DEFAULT_SCOPES
                .map(|scope| At::from(scope.to_owned()))
                .into(),
        );
    }
    if write.span().is_none() {
        warn_of_entitlements(name, sign_in, report);
    }
    for names in [&mut *read, &mut *write] {
        if names.span().is_some() {
            check_attributes(names, sign_in, report);
        } else {
            let all = sign_in.attributes.keys();
            names.complete(all.map(|name| At::from(name.value.clone())).collect());
        }
    }
    check_writable(write, sign_in, report);
}

/// A program without a user: nothing of a user's journey applies.
fn machine(name: &Name, client: &Client, has_hosted_ui: bool, report: &mut Report<'_>) {
    let Client {
        kind: _,
        callback_urls,
        logout_urls,
        tokens,
        scopes,
        read,
        write,
        providers: _,
        renamed_from: _,
    } = client;
    for (key, span) in [
        ("callback_urls", callback_urls.span()),
        ("logout_urls", logout_urls.span()),
        ("read", read.span()),
        ("write", write.span()),
    ] {
        if span.is_some() {
            report.add(
                span,
                format!("a `machine` has no `{key}`"),
                "remove it: no user takes part in client credentials",
            );
        }
    }
    for (key, span) in [("id", tokens.id.span()), ("refresh", tokens.refresh.span())] {
        if span.is_some() {
            report.add(
                span,
                format!("a `machine` gets no {key} token"),
                "remove it: client credentials give an access token alone",
            );
        }
    }
    check_tokens(tokens, report);
    let rotate = tokens.rotate.as_ref().and_then(At::span);
    let retry_grace = tokens.retry_grace.as_ref().and_then(At::span);
    for (key, span) in [("rotate", rotate), ("retry_grace", retry_grace)] {
        if span.is_some() {
            report.add(
                span,
                format!("a `machine` has no refresh token to `{key}`"),
                "remove it: client credentials give an access token alone",
            );
        }
    }
    if !has_hosted_ui {
        report.add(
            name.span(),
            format!("the machine `{name}` has nowhere to ask for tokens"),
            "add `hosted_ui: { prefix: … }`: the token endpoint lives on that domain",
        );
    }
    if scopes.is_empty() {
        report.add(
            name.span(),
            format!("the machine `{name}` has no `scopes`"),
            "add what it may do, such as `scopes: [\"projects:read\"]`",
        );
    }
    for scope in &**scopes {
        if !access::is_permission(scope) || scope.contains('*') {
            report.add(
                scope.span(),
                format!("`{scope}` can't be a machine's scope"),
                "write a permission without `*`, such as `projects:read`",
            );
        }
    }
    check_scope_list(scopes, report);
}

fn check_scope_list(scopes: &At<Vec<At<String>>>, report: &mut Report<'_>) {
    repeats(scopes, report);
    if scopes.len() > MAX_SCOPES {
        report.add(
            scopes.span(),
            format!("{} entries", scopes.len()),
            format!("Cognito allows {MAX_SCOPES}; remove some"),
        );
    }
}

fn check_user_scopes(scopes: &At<Vec<At<String>>>, report: &mut Report<'_>) {
    let is_known = |scope: &At<String>| OPENID_SCOPES.contains(&scope.as_str());
    for scope in scopes.iter().filter(|scope| !is_known(scope)) {
        let hint = if access::is_permission(scope) {
            "a user's permissions come from the role, in the token; only machines have them as scopes".to_owned()
        } else {
            words::hint(scope, OPENID_SCOPES)
        };
        report.add(scope.span(), format!("there is no scope `{scope}`"), hint);
    }
    if scopes.is_empty() {
        report.add(
            scopes.span(),
            "`scopes` is empty",
            "add `openid`, or remove the key",
        );
    } else if scopes
        .iter()
        .all(|scope| is_known(scope) && *scope != "openid")
        && let Some(scope) = scopes
            .iter()
            .find(|scope| ["email", "phone", "profile"].contains(&scope.as_str()))
    {
        report.add(
            scope.span(),
            format!("the scope `{scope}` needs `openid`"),
            "add `openid` to the list",
        );
    }
    check_scope_list(scopes, report);
}

fn check_attributes(names: &BTreeSet<At<String>>, sign_in: &SignIn, report: &mut Report<'_>) {
    for name in names {
        if !sign_in.attributes.contains_key(name) {
            report.add(
                name.span(),
                format!("there is no attribute `{name}`"),
                words::hint(name, sign_in.attributes.keys().map(|name| name.as_str())),
            );
        }
    }
}

/// Cognito refuses a client that can't write a required attribute.
fn check_writable(write: &At<BTreeSet<At<String>>>, sign_in: &SignIn, report: &mut Report<'_>) {
    for (name, attribute) in &sign_in.attributes {
        if *attribute.required && !write.contains(name) {
            report.add(
                write.span(),
                format!("the client can't write `{name}`, which sign-up requires"),
                format!("add `{name}` to `write`"),
            );
        }
    }
}

/// What attributes are called that say what their user may do or has paid for.
const ENTITLEMENTS: [&str; 24] = [
    "account_id",
    "admin",
    "balance",
    "credits",
    "entitlement",
    "entitlements",
    "is_admin",
    "is_staff",
    "org_id",
    "organisation_id",
    "organization_id",
    "permission",
    "permissions",
    "plan",
    "quota",
    "role",
    "roles",
    "status",
    "subscription",
    "superuser",
    "tenant",
    "tenant_id",
    "tier",
    "verified",
];

/// A client that doesn't say what it writes writes everything, and so does whoever holds a token of its users.
fn warn_of_entitlements(name: &str, sign_in: &SignIn, report: &mut Report<'_>) {
    for attribute in sign_in.attributes.keys() {
        let plain = attribute.to_ascii_lowercase();
        if ENTITLEMENTS.contains(&plain.as_str()) {
            report.warn(
                attribute.span(),
                format!("users of the client `{name}` can change their own `{attribute}`"),
                format!("list what the client may `write`, without `{attribute}`; what a user may do belongs into `access.roles`"),
            );
        }
    }
}

/// Cognito's own range of the grace period (API reference, RefreshTokenRotationType).
fn check_rotation(kind: ClientKind, tokens: &Tokens, report: &mut Report<'_>) {
    let Some(grace) = &tokens.retry_grace else {
        return;
    };
    if grace.seconds() > 60 {
        report.add(
            grace.span(),
            format!(
                "a rotated refresh token can't be good for another `{}`",
                **grace
            ),
            "Cognito allows 0s to 60s",
        );
    }
    let rotates = tokens.rotate.as_ref().map(|rotate| **rotate);
    if !rotates.unwrap_or(kind == ClientKind::Spa) {
        report.add(
            grace.span(),
            "`retry_grace` says how long a rotated refresh token stays good, and none is rotated",
            "remove it, or add `rotate: true`",
        );
    }
}

fn check_tokens(tokens: &Tokens, report: &mut Report<'_>) {
    let Tokens {
        access,
        id,
        refresh,
        rotate: _,
        retry_grace: _,
    } = tokens;
    let short = Lifetime::of_minutes(5)..=Lifetime::of_days(1);
    let long = Lifetime::HOUR..=Lifetime::of_days(3650);
    for (token, lifetime, range, words) in [
        ("access", access, &short, "5m to 1d"),
        ("id", id, &short, "5m to 1d"),
        ("refresh", refresh, &long, "1h to 3650d"),
    ] {
        if lifetime.written().is_some() && !range.contains(&**lifetime) {
            report.add(
                lifetime.span(),
                format!("the {token} token can't last `{lifetime}`"),
                format!("Cognito allows {words}"),
            );
        }
    }
    let in_range =
        long.contains(&**refresh) && [access, id].iter().all(|at| short.contains(&***at));
    if in_range && refresh.written().is_some() && **refresh < **access.max(id) {
        report.add(
            refresh.span(),
            "the refresh token lasts shorter than the tokens it renews",
            "make `refresh` longer, or `access` and `id` shorter",
        );
    }
}

pub(super) fn hosted_ui(at: &At<HostedUi>, report: &mut Report<'_>) {
    let HostedUi {
        prefix,
        domain,
        certificate_arn,
    } = &**at;
    match (prefix, domain) {
        (Some(_), Some(domain)) => report.add(
            domain.span(),
            "`hosted_ui` has both a `prefix` and a `domain`",
            "keep `prefix` for AWS's domain, or `domain` with `certificate_arn` for yours",
        ),
        (None, None) => report.add(
            at.span(),
            "`hosted_ui` has neither a `prefix` nor a `domain`",
            "add `prefix: NAME`, or remove `hosted_ui`",
        ),
        (Some(prefix), None) => {
            if let Some(arn) = certificate_arn {
                report.add(
                    arn.span(),
                    "a `prefix` needs no certificate",
                    "remove `certificate_arn`, or use `domain`",
                );
            }
            check_prefix(prefix, report);
        }
        (None, Some(domain)) => {
            if !hosts::is_domain(domain) {
                let hint =
                    "write one such as `auth.acme.com`, in lower case and without `https://`";
                report.add(
                    domain.span(),
                    format!("`{domain}` is not a host name"),
                    hosts::ascii_hint(domain).unwrap_or(hint),
                );
            }
            let hint = "add the ACM certificate's ARN: `certificate_arn: arn:aws:acm:us-east-1:…`";
            let arn = certificate_arn.clone().unwrap_or_default();
            if report.required(&arn, "certificate_arn", domain.span(), hint) {
                check_certificate(&arn, report);
            }
        }
    }
}

fn check_prefix(prefix: &At<String>, report: &mut Report<'_>) {
    let text = prefix.as_str();
    let length = text.len();
    if let Some(reserved) = ["aws", "amazon", "cognito"]
        .iter()
        .find(|word| text.contains(*word))
    {
        report.add(
            prefix.span(),
            format!("the prefix `{text}` holds `{reserved}`"),
            "Cognito reserves `aws`, `amazon` and `cognito`; pick another",
        );
    } else if length > 63 {
        report.add(
            prefix.span(),
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
            prefix.span(),
            format!("`{text}` can't be a domain prefix"),
            hint,
        );
    }
}

fn check_certificate(arn: &At<String>, report: &mut Report<'_>) {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", _, "acm", "us-east-1", account, id]
            if account.len() == 12
                && account.chars().all(|c| c.is_ascii_digit())
                && id
                    .strip_prefix("certificate/")
                    .is_some_and(|id| !id.is_empty()) => {}
        ["arn", _, "acm", region, _, _] if *region != "us-east-1" => report.add(
            arn.span(),
            format!("the certificate is in `{region}`"),
            "Cognito takes certificates from us-east-1 only; request one there",
        ),
        _ => report.add(
            arn.span(),
            format!("`{arn}` is not a certificate's ARN"),
            "it reads `arn:aws:acm:us-east-1:123456789012:certificate/…`",
        ),
    }
}
