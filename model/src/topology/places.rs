//! From a resource back to the file.

use super::cognito::{HOSTED_UI, PROVIDER, USER_POOL, client_id};
use super::id;
use crate::error::Place;
use crate::project::stage::Stage;

/// Where the file says what a property of a resource comes from: the nearest that has a name. Of what left the file, where it
/// would stand.
pub fn place_of(stage: &Stage, resource: &str, property: &str) -> Option<Place> {
    let name = property.split(['.', '[']).next().unwrap_or_default();
    if resource == USER_POOL {
        let attribute = property.strip_prefix("Schema[");
        let attribute = attribute.and_then(|rest| rest.split(']').next());
        let path = match (attribute, name) {
            (Some(attribute), _) => format!("sign_in/attributes/{attribute}"),
            (None, "UsernameAttributes" | "AliasAttributes") => "sign_in/with".to_owned(),
            (None, "Policies") => "sign_in/password".to_owned(),
            (None, "MfaConfiguration" | "EnabledMfas") => "sign_in/mfa".to_owned(),
            (None, "AccountRecoverySetting") => "sign_in/recovery".to_owned(),
            (None, "UserPoolTier") => "sign_in/plan".to_owned(),
            (None, "EmailConfiguration") => "email".to_owned(),
            _ => "sign_in".to_owned(),
        };
        return stage.place(&path).or_else(|| stage.place("sign_in"));
    }
    if resource == HOSTED_UI {
        return stage.place("hosted_ui");
    }
    let client = stage.clients.iter();
    let mut client = client.filter(|(name, client)| client_id(name, client) == resource);
    if let Some((name, _)) = client.next() {
        return stage.place(&format!("clients/{name}"));
    }
    let named = |prefix: &str, section: &str, names: &mut dyn Iterator<Item = &str>| {
        let mut names = names.filter(|name| id(prefix, name) == resource);
        let found = names.next().map(|name| format!("{section}/{name}"));
        let is_of_it = resource.starts_with(prefix);
        found
            .or(is_of_it.then(|| section.to_owned()))
            .and_then(|path| stage.place(&path))
    };
    let roles = || stage.access.roles.keys().map(|name| name.as_str());
    let domains = || stage.domains.keys().map(|name| name.as_str());
    let providers = || stage.sign_in.providers.keys().map(|name| name.as_str());
    named("Group", "access/roles", &mut roles())
        .or_else(|| named("AccessRole", "access/roles", &mut roles()))
        .or_else(|| named("CompanyDomain", "domains", &mut domains()))
        .or_else(|| named(PROVIDER, "sign_in/providers", &mut providers()))
        .or_else(|| named("Client", "clients", &mut std::iter::empty()))
}
