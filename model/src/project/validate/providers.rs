//! Who else signs users in: what each kind of identity provider needs, and what it tells of a user.
//!
//! From the developer guide's pages on identity providers and attribute mapping, and the API reference of
//! CreateIdentityProvider.

use std::collections::{BTreeMap, BTreeSet};

use saasauth_contract::environment::LONGEST_PROVIDER_DOMAINS;

use super::{Report, files, hosts, naming};
use crate::project::source::Span;
use crate::project::stage::{
    Attribute, Client, ClientKind, EMAIL_VERIFIED, POOL_ITSELF, Provider, ProviderKind, SignIn,
};
use crate::project::tree::{At, Name};
use crate::project::words;

/// Cognito's limits for the name of a provider, and for the names it may be asked for by.
const NAME_LENGTH: std::ops::RangeInclusive<usize> = 3..=32;
const MAX_IDENTIFIERS: usize = 50;
const MAX_IDENTIFIER: usize = 40;
/// A SAML metadata document, in a request.
const MAX_METADATA: u64 = 131_072;

pub(super) fn providers(
    sign_in: &mut SignIn,
    hosted_ui: bool,
    local: bool,
    report: &mut Report<'_>,
) {
    let attributes = &sign_in.attributes;
    let mut identifiers = BTreeSet::new();
    if let Some(first) = sign_in.providers.keys().next()
        && !hosted_ui
    {
        report.add(
            first.span(),
            "identity providers need Cognito's sign-in pages, and there are none",
            "add `hosted_ui: { prefix: … }`: providers send users back to that domain",
        );
    }
    for (name, provider) in &mut sign_in.providers {
        if !check_kind(name, provider, report) {
            continue;
        }
        check_keys(name, provider, local, report);
        complete(provider, attributes);
        check_mapping(name, provider, attributes, report);
        check_identifiers(provider, &mut identifiers, report);
    }
    let size = sign_in.provider_domains().to_string().len();
    if size > LONGEST_PROVIDER_DOMAINS {
        let last = sign_in.providers.keys().last();
        report.add(
            last.and_then(At::span),
            format!("the providers and their identifiers take {size} bytes"),
            format!(
                "a function's environment has room for {LONGEST_PROVIDER_DOMAINS}; name fewer domains"
            ),
        );
    }
}

/// Finds out what it is, by its name or its `kind`. Whether that could be told.
fn check_kind(name: &Name, provider: &mut Provider, report: &mut Report<'_>) -> bool {
    let by_name = ProviderKind::SOCIAL
        .into_iter()
        .find(|kind| kind.word() == name.as_str());
    match by_name {
        Some(kind) if provider.kind.span().is_none() => {
            provider.kind.complete(kind);
            return true;
        }
        Some(kind) if *provider.kind == kind => return true,
        Some(kind) => {
            report.add(
                provider.kind.span(),
                format!("`{name}` is another kind of provider"),
                format!("write `kind: {}`, or pick another name", kind.word()),
            );
            return false;
        }
        None => {}
    }
    if provider.kind.span().is_none() {
        let social = ProviderKind::SOCIAL.map(ProviderKind::word);
        let hint = match words::nearest(name, social) {
            Some(near) => {
                format!("did you mean `{near}`? Others need `kind: oidc` or `kind: saml`")
            }
            None => "add `kind: oidc` or `kind: saml`".to_owned(),
        };
        report.add(
            name.span(),
            format!("the provider `{name}` has no `kind`"),
            hint,
        );
        return false;
    }
    if ProviderKind::SOCIAL.contains(&provider.kind) {
        let word = provider.kind.word();
        report.add(
            name.span(),
            format!("a provider of `kind: {word}` is called `{word}`"),
            format!("write `{word}:` in place of `{name}:`; Cognito knows it by one name alone"),
        );
        return false;
    }
    if !naming::is_name(name) || !NAME_LENGTH.contains(&name.len()) || name == POOL_ITSELF {
        report.add(
            name.span(),
            format!("`{name}` can't name a provider"),
            "use 3 to 32 of a to z, 0 to 9 and single `-`, starting with a letter, and not `cognito`",
        );
        return false;
    }
    true
}

/// Reports what is missing for its kind, and what no provider of its kind has.
fn check_keys(name: &Name, provider: &mut Provider, local: bool, report: &mut Report<'_>) {
    let kind = *provider.kind;
    let Provider {
        kind: _,
        client_id,
        client_secret,
        team_id,
        key_id,
        private_key,
        issuer,
        metadata_url,
        metadata_file,
        scopes,
        attributes: _,
        identifiers: _,
    } = provider;
    let (apple, saml) = (kind == ProviderKind::Apple, kind == ProviderKind::Saml);
    let oidc = kind == ProviderKind::Oidc;
    let given = [
        ("client_id", client_id.span(), !saml),
        ("client_secret", client_secret.span(), !saml && !apple),
        ("team_id", team_id.span(), apple),
        ("key_id", key_id.span(), apple),
        ("private_key", private_key.span(), apple),
        ("issuer", issuer.span(), oidc),
        ("metadata_url", metadata_url.span(), saml),
        ("metadata_file", metadata_file.span(), saml),
        ("scopes", scopes.span(), !saml),
    ];
    let allowed: Vec<&str> = given
        .iter()
        .filter(|(_, _, fits)| *fits)
        .map(|(key, ..)| *key)
        .collect();
    for (key, span, fits) in given {
        if span.is_some() && !fits {
            report.add(
                span,
                format!("a provider of `kind: {}` has no `{key}`", kind.word()),
                format!(
                    "remove it; it takes {}",
                    words::all_of(allowed.iter().copied())
                ),
            );
        }
    }
    for scope in scopes.iter() {
        if scope.is_empty() || scope.contains(char::is_whitespace) {
            report.add(
                scope.span(),
                format!("`{scope}` is no scope"),
                "write each scope by itself: `[openid, email]`",
            );
        }
    }
    if oidc && scopes.span().is_some() && !scopes.iter().any(|scope| *scope == "openid") {
        report.add(
            scopes.span(),
            "without the scope `openid` the provider says nothing of the user",
            "add `openid` to the list",
        );
    }
    let owner = name.span();
    let hint = "add what the provider calls your application's client ID";
    if !saml {
        report.required(client_id, "client_id", owner, hint);
    }
    if !saml && !apple {
        let hint =
            "add `client_secret: \"ssm:/NAME\"`, and set it with `saasauth secret set /NAME`";
        report.required(client_secret, "client_secret", owner, hint);
    }
    if apple {
        let hint = "add the 10 characters that Apple shows beside your team's name";
        report.required(team_id, "team_id", owner, hint);
        let hint = "add the ID of the key that you made for Sign in with Apple";
        report.required(key_id, "key_id", owner, hint);
        let hint = "add `private_key: \"ssm:/NAME\"`, and set it with `saasauth secret set /NAME`";
        report.required(private_key, "private_key", owner, hint);
    }
    if oidc {
        let hint = "add its address, such as `https://acme.okta.com`: what its tokens say in `iss`";
        if report.required(issuer, "issuer", owner, hint) {
            check_address(issuer, "issuer", local, report);
            if issuer.ends_with('/') {
                report.warn(
                    issuer.span(),
                    format!("`{issuer}` ends with a slash"),
                    "write it as the provider's tokens say it in `iss`, to the letter",
                );
            }
        }
    }
    if saml {
        check_metadata(owner, metadata_url, metadata_file, local, report);
    }
}

/// Either an address or a file.
fn check_metadata(
    owner: Option<Span>,
    url: &At<String>,
    file: &mut At<crate::project::stage::Body>,
    local: bool,
    report: &mut Report<'_>,
) {
    match (url.span(), file.span()) {
        (None, None) => report.add(
            owner,
            "nothing says what this SAML provider is",
            "add `metadata_url`, or `metadata_file` with the file it gave you",
        ),
        (Some(_), Some(span)) => report.add(
            Some(span),
            "`metadata_url` and `metadata_file` say the same",
            "remove one; with the address Cognito follows the provider's new certificates by itself",
        ),
        (Some(_), None) => check_address(url, "metadata_url", local, report),
        (None, Some(span)) => {
            match files::read(report.directory, &file.path, MAX_METADATA) {
                Ok(text) if text.contains("EntityDescriptor") => file.value.contents = text,
                // Nothing of it is shown: it may be any file of this machine.
                Ok(_) => report.add(
                    Some(span),
                    format!("`{}` is no SAML metadata: it has no `EntityDescriptor`", file.path),
                    "take the file that the provider calls its metadata, or federation metadata XML",
                ),
                Err((message, hint)) => report.add(Some(span), message, hint),
            }
        }
    }
}

/// An https URL; plain http to this machine, for tests against a provider of one's own.
fn check_address(at: &At<String>, key: &str, local: bool, report: &mut Report<'_>) {
    let fine = hosts::url(at).is_some_and(|url| {
        let safe = url.scheme == "https" || (local && url.scheme == "http" && url.is_loopback());
        safe && !url.host.is_empty()
    });
    if !fine {
        report.add(
            at.span(),
            format!("`{at}` can't be the `{key}`"),
            "write it whole, with `https://`: users are believed on its word",
        );
    }
}

/// What stands in where the file is silent: the provider's usual scopes, and the attributes whose names it
/// is known to use.
fn complete(provider: &mut Provider, attributes: &BTreeMap<Name, Attribute>) {
    let kind = *provider.kind;
    if provider.scopes.span().is_none() {
        let scopes = kind.usual_scopes().iter();
        let scopes = scopes.map(|&scope| At::from(scope.to_owned()));
        provider.scopes.complete(scopes.collect());
    }
    for &(ours, theirs) in kind.known_attributes() {
        let writable = |attribute: &Attribute| attribute.mutable;
        // What the provider verified is the address it calls `email`, whatever else is taken for one.
        let its_own = |theirs: &At<String>| *theirs == "email";
        let there = if ours == EMAIL_VERIFIED {
            provider.attributes.get("email").is_some_and(its_own)
        } else {
            attributes.get(ours).is_some_and(writable)
        };
        if there && !provider.attributes.contains_key(ours) {
            let (ours, theirs) = (At::from(ours.to_owned()), At::from(theirs.to_owned()));
            provider.attributes.insert(ours, theirs);
        }
    }
}

fn check_mapping(
    name: &Name,
    provider: &Provider,
    attributes: &BTreeMap<Name, Attribute>,
    report: &mut Report<'_>,
) {
    for (ours, theirs) in &provider.attributes {
        if theirs.trim().is_empty() {
            report.add(
                theirs.span(),
                format!("nothing fills `{ours}`"),
                "write what the provider calls it, such as `email`",
            );
        }
        let Some(attribute) = attributes.get(ours) else {
            if ours != EMAIL_VERIFIED {
                let known = attributes.keys().map(|name| name.as_str());
                report.add(
                    ours.span(),
                    format!("there is no attribute `{ours}`"),
                    words::hint(ours, known),
                );
            }
            continue;
        };
        if !attribute.mutable {
            report.add(
                ours.span().or(name.span()),
                format!("`{ours}` is not mutable, and `{name}` writes it at every sign-in"),
                format!("set `mutable: true` under `sign_in.attributes.{ours}`, or don't map it"),
            );
        }
    }
    for (needed, attribute) in attributes {
        if *attribute.required && !provider.attributes.contains_key(needed) {
            report.add(
                name.span(),
                format!("nothing of `{name}` fills `{needed}`, which every user must have"),
                format!("add `attributes: {{ {needed}: … }}` with the provider's name of it"),
            );
        }
    }
}

fn check_identifiers(provider: &Provider, seen: &mut BTreeSet<String>, report: &mut Report<'_>) {
    if let Some(first_too_many) = provider.identifiers.get(MAX_IDENTIFIERS) {
        report.add(
            first_too_many.span(),
            format!("more than {MAX_IDENTIFIERS} identifiers"),
            "Cognito allows no more",
        );
    }
    for identifier in &provider.identifiers {
        let fine = (1..=MAX_IDENTIFIER).contains(&identifier.chars().count())
            && identifier
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_ +=.@-".contains(c));
        if !fine {
            report.add(
                identifier.span(),
                format!("`{identifier}` can't be an identifier"),
                hosts::ascii_hint(identifier).unwrap_or(
                    "write a company's mail domain such as `acme.com`, in 40 characters",
                ),
            );
        } else if !seen.insert(identifier.to_lowercase()) {
            report.add(
                identifier.span(),
                format!("`{identifier}` picks a provider already"),
                "an identifier leads to one provider; remove it here or there",
            );
        }
    }
}

/// Which providers a client offers, once both are known.
pub(super) fn of_clients(
    clients: &mut BTreeMap<Name, Client>,
    sign_in: &SignIn,
    report: &mut Report<'_>,
) {
    let known = || {
        let names = sign_in.providers.keys().map(|name| name.as_str());
        std::iter::once(POOL_ITSELF).chain(names)
    };
    for (name, client) in clients {
        if client.kind == ClientKind::Machine {
            if client.providers.span().is_some() {
                report.add(
                    client.providers.span(),
                    "a `machine` has no `providers`",
                    "remove it: no user takes part in client credentials",
                );
            }
            continue;
        }
        if client.providers.span().is_none() {
            let all = known().map(|name| At::from(name.to_owned()));
            client.providers.complete(all.collect());
        } else if client.providers.is_empty() {
            report.add(
                client.providers.span(),
                format!("nobody can sign in to `{name}`"),
                format!("name at least one of {}", words::one_of(known())),
            );
        }
        for provider in &*client.providers {
            if !known().any(|name| provider == name) {
                report.add(
                    provider.span(),
                    format!("there is no provider `{provider}`"),
                    words::hint(provider, known().collect::<Vec<_>>()),
                );
            }
            let Some(settings) = sign_in.providers.get(provider) else {
                continue;
            };
            // Cognito writes what is mapped with the client's own rights.
            let unwritable = settings
                .attributes
                .keys()
                .find(|mapped| *mapped != EMAIL_VERIFIED && !client.write.contains(*mapped));
            if let Some(mapped) = unwritable {
                report.add(
                    client.write.span().or(name.span()),
                    format!("the client `{name}` can't write `{mapped}`, which `{provider}` fills"),
                    format!("add `{mapped}` to `write`"),
                );
            }
        }
    }
}
