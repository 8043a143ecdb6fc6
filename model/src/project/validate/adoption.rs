//! What a stage takes over, and what it leaves as it is.

use std::collections::BTreeMap;

use super::Report;
use crate::project::stage::{Adopt, Adopted};
use crate::project::tree::{At, Name};
use crate::project::words;

/// What the file declares, to which `adopt` refers.
pub(super) struct Declared<'a> {
    pub(super) clients: Vec<&'a Name>,
    pub(super) providers: Vec<&'a Name>,
    pub(super) roles: Vec<&'a Name>,
    pub(super) has_hosted_ui: bool,
}

/// Properties that may be left as they are, by what they belong to: all that a declaration of it has, but for what it is
/// found by and for its tags, which say whose it is. A test holds these lists against the types.
pub(crate) const KEPT: [(&str, &[&str]); 6] = [
    (
        "AWS::Cognito::UserPool",
        &[
            "UserPoolName",
            "UserPoolTier",
            "DeletionProtection",
            "UsernameAttributes",
            "AliasAttributes",
            "UsernameConfiguration",
            "AutoVerifiedAttributes",
            "Schema",
            "Policies",
            "VerificationMessageTemplate",
            "MfaConfiguration",
            "EnabledMfas",
            "AccountRecoverySetting",
            "AdminCreateUserConfig",
            "UserAttributeUpdateSettings",
            "EmailConfiguration",
            "SmsConfiguration",
            "UserPoolAddOns",
            "LambdaConfig",
        ],
    ),
    (
        "AWS::Cognito::UserPoolClient",
        &[
            "ClientName",
            "ExplicitAuthFlows",
            "AllowedOAuthFlowsUserPoolClient",
            "AllowedOAuthFlows",
            "AllowedOAuthScopes",
            "CallbackURLs",
            "LogoutURLs",
            "SupportedIdentityProviders",
            "ReadAttributes",
            "WriteAttributes",
            "AccessTokenValidity",
            "IdTokenValidity",
            "RefreshTokenValidity",
            "TokenValidityUnits",
            "RefreshTokenRotation",
            "PreventUserExistenceErrors",
            "EnableTokenRevocation",
        ],
    ),
    (
        "AWS::DynamoDB::Table",
        &[
            "BillingMode",
            "PointInTimeRecoverySpecification",
            "SSESpecification",
            "DeletionProtectionEnabled",
        ],
    ),
    (
        "AWS::Cognito::UserPoolDomain",
        &["ManagedLoginVersion", "CustomDomainConfig"],
    ),
    (
        "AWS::Cognito::UserPoolIdentityProvider",
        &["ProviderDetails", "AttributeMapping", "IdpIdentifiers"],
    ),
    ("AWS::Cognito::UserPoolGroup", &["Description"]),
];

const POOL: usize = 0;
const CLIENT: usize = 1;
const TABLE: usize = 2;
const DOMAIN: usize = 3;
const PROVIDER: usize = 4;
const GROUP: usize = 5;

/// Where to find the ID of a pool or a client.
const IDS: &str = "the Cognito console shows it, and `saasauth adopt` writes it";

pub(super) fn adopt(
    adopt: &At<Adopt>,
    declared: &Declared<'_>,
    region: Option<&At<String>>,
    report: &mut Report<'_>,
) {
    let whole = adopt.span();
    let Adopt {
        user_pool,
        clients,
        permissions_table,
        hosted_ui,
        providers,
        roles,
    } = &adopt.value;
    if report.required(&user_pool.id, "adopt.user_pool.id", whole, IDS) {
        check_pool(&user_pool.id, region, report);
    }
    keep(&user_pool.keep, POOL, report);
    let mut seen: BTreeMap<&str, &Name> = BTreeMap::new();
    for (name, Adopted { id, keep: kept }) in clients {
        known(name, &declared.clients, "client", report);
        if report.required(id, "id", name.span(), IDS) {
            if let Some(other) = seen.insert(id.as_str(), name) {
                report.add(
                    id.span(),
                    format!("`{name}` and `{other}` are one client"),
                    "remove one of them",
                );
            }
            if !is_id(id) {
                report.add(id.span(), format!("`{id}` is no client ID"), IDS);
            }
        }
        keep(kept, CLIENT, report);
    }
    if let Some(table) = permissions_table {
        let hint = "write the table's name";
        report.required(&table.name, "name", table.span(), hint);
        keep(&table.keep, TABLE, report);
    }
    if !hosted_ui.keep.is_empty() && !declared.has_hosted_ui {
        report.add(
            hosted_ui.keep.first().and_then(At::span),
            "there is no `hosted_ui` to keep anything of",
            "add `hosted_ui` with the domain that is there, or remove this",
        );
    }
    keep(&hosted_ui.keep, DOMAIN, report);
    for (name, provider) in providers {
        known(name, &declared.providers, "provider", report);
        keep(&provider.keep, PROVIDER, report);
    }
    for (name, role) in roles {
        known(name, &declared.roles, "role", report);
        keep(&role.keep, GROUP, report);
    }
}

/// `REGION_ID`, of the stage's own region.
fn check_pool(id: &At<String>, region: Option<&At<String>>, report: &mut Report<'_>) {
    match id.rsplit_once('_') {
        Some((there, own)) if !there.is_empty() && is_id(own) => {
            if let Some(region) = region.filter(|region| region.as_str() != there) {
                report.add(
                    id.span(),
                    format!("the user pool `{id}` is not in `{region}`"),
                    format!("set `region: {there}`"),
                );
            }
        }
        _ => report.add(
            id.span(),
            format!("`{id}` is no ID of a user pool"),
            "it reads like `eu-west-1_Ab12Cd34E`",
        ),
    }
}

fn is_id(id: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '+';
    !id.is_empty() && id.chars().all(is_part)
}

fn known(name: &Name, declared: &[&Name], what: &str, report: &mut Report<'_>) {
    if !declared.contains(&name) {
        let names = declared.iter().map(|name| name.as_str());
        let hint = match declared.is_empty() {
            true => format!("add the {what} to the file, or remove this"),
            false => words::hint(name, names),
        };
        let message = format!("`adopt` has no {what} `{name}` of this file to take over");
        report.add(name.span(), message, hint);
    }
}

fn keep(kept: &[At<String>], of: usize, report: &mut Report<'_>) {
    let (type_name, properties) = KEPT[of];
    super::repeats(kept, report);
    for path in kept {
        let name = path.split(['.', '[']).next().unwrap_or_default();
        if !properties.contains(&name) {
            report.add(
                path.span(),
                format!("`{path}` of {type_name} can't be kept as it is"),
                words::hint(name, properties.iter().copied()),
            );
        } else if path.chars().any(char::is_control) || path.ends_with('.') {
            report.add(
                path.span(),
                format!("`{}` is no path of a property", path.escape_debug()),
                "write names with dots between: `LambdaConfig.PostConfirmation`",
            );
        }
    }
}
