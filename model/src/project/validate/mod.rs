//! The rules, one file per subject. Each checks its part of a stage's settings where it stands, and
//! completes what the file leaves to others to say. Only here settings become a stage, and a stage with
//! a reported mistake is thrown away; so nobody outside meets a value that is wrong or missing.

mod access;
mod adoption;
mod alarms;
mod clients;
mod email;
mod encryption;
mod factors;
mod files;
mod hosts;
mod marketing;
mod naming;
mod providers;
mod secrets;
mod sign_in;
mod tokens;
mod triggers;
mod urls;

use std::collections::BTreeSet;
use std::path::Path;

use super::source::{Source, Span};
use super::stage::{Architecture, Body, Engine, Secret, Sender, Settings, Stage, Target};
use super::tree::{At, Origin};
use crate::error::{Error, ErrorKind};

pub use access::is_permission;
#[cfg(test)]
pub(crate) use adoption::KEPT;
pub(super) use hosts::{ascii_hint, is_address};
#[cfg(test)]
pub(crate) use naming::REGIONS;
pub(super) use naming::{check_region, header};
pub use secrets::{WrongName, parameter_name};

/// The stage on this machine; there in every project.
pub const LOCAL: &str = "local";

/// Mistakes of one pass over the rules.
pub(super) struct Report<'a> {
    source: &'a Source,
    directory: &'a Path,
    /// Where to tell what is wrong with something the file is silent about.
    owner: Span,
    pub(super) errors: Vec<Error>,
    pub(super) warnings: Vec<Error>,
}

impl<'a> Report<'a> {
    pub(super) fn new(source: &'a Source, directory: &'a Path, owner: Span) -> Self {
        Self {
            source,
            directory,
            owner,
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Notes a mistake, where it stands and what to do about it.
    fn add(
        &mut self,
        span: impl Into<Option<Span>>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let error = Error::new(ErrorKind::Project, message)
            .at(self.source.place(span.into().unwrap_or(self.owner)))
            .with_hint(hint);
        self.errors.push(error);
    }

    /// Notes what is allowed and probably not meant.
    fn warn(
        &mut self,
        span: impl Into<Option<Span>>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let warning = Error::new(ErrorKind::Project, message)
            .at(self.source.place(span.into().unwrap_or(self.owner)))
            .with_hint(hint);
        self.warnings.push(warning);
    }

    /// Notes a mistake in another file, which the project file names.
    fn add_in(
        &mut self,
        other: &Source,
        span: Span,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let error = Error::new(ErrorKind::Project, message)
            .at(other.place(span))
            .with_hint(hint);
        self.errors.push(error);
    }

    /// Reports a key that must be there and isn't, or is empty; `owner` is what it is missing from.
    /// True when it is there.
    fn required<T: Blank>(
        &mut self,
        at: &At<T>,
        key: &str,
        owner: impl Into<Option<Span>>,
        hint: &str,
    ) -> bool {
        match at.origin {
            Origin::Nowhere => self.add(owner, format!("`{key}` is missing"), hint),
            Origin::Written(span) if at.is_blank() => {
                self.add(span, format!("`{key}` is empty"), hint);
            }
            Origin::Mistaken(_) => {}
            Origin::Written(_) | Origin::Default => return true,
        }
        false
    }
}

/// A character as a message shows it: what can't be seen, by its number.
fn shown(c: char) -> String {
    if c.is_control() || c.is_whitespace() {
        c.escape_default().to_string()
    } else {
        c.to_string()
    }
}

/// Reports what stands in a list twice.
fn repeats(list: &[At<String>], report: &mut Report<'_>) {
    let mut seen = BTreeSet::new();
    for item in list {
        if !seen.insert(item.as_str()) {
            report.add(
                item.span(),
                format!("`{item}` stands here twice"),
                "remove one",
            );
        }
    }
}

/// What can be written and still say nothing.
trait Blank {
    fn is_blank(&self) -> bool;
}

impl Blank for String {
    fn is_blank(&self) -> bool {
        self.trim().is_empty()
    }
}

impl Blank for Body {
    fn is_blank(&self) -> bool {
        self.path.trim().is_empty()
    }
}

impl Blank for Secret {
    fn is_blank(&self) -> bool {
        self.name().is_empty()
    }
}

impl Blank for Sender {
    fn is_blank(&self) -> bool {
        self.address().is_empty()
    }
}

/// Checks the settings of one stage and completes them. With a mistake in the report, the stage is
/// thrown away.
pub(super) fn stage(
    project: &str,
    name: &str,
    mut settings: Settings,
    report: &mut Report<'_>,
) -> Stage {
    let Settings {
        target,
        region,
        account,
        engine,
        protect,
        sign_in,
        clients,
        hosted_ui,
        access,
        tokens,
        domains,
        email,
        marketing,
        alarms,
        triggers,
        architecture,
        tags,
        kms_key_arn,
        adopt,
    } = &mut settings;
    naming::target(name, target, report);
    naming::region(region, report);
    naming::account(account.as_ref(), report);
    naming::tags(tags, report);
    let beside = sign_in::Beside {
        has_sender: email.is_some(),
        has_hosted_ui: hosted_ui.is_some(),
        has_domains: !domains.is_empty(),
    };
    sign_in::sign_in(sign_in, &beside, report);
    access::access(access, report);
    tokens::tokens(tokens, report);
    tokens::warn_of_large_roles(access, tokens, report);
    access::domains(domains, access, report);
    if let Some(hosted_ui) = hosted_ui {
        clients::hosted_ui(hosted_ui, report);
    }
    let local = **target == Target::Local;
    providers::providers(sign_in, hosted_ui.is_some(), local, report);
    clients::clients(clients, hosted_ui.is_some(), sign_in, report);
    providers::of_clients(clients, sign_in, report);
    if let Some(email) = email {
        email::email(email, sign_in, report);
    }
    if let Some(marketing) = marketing {
        marketing::marketing(marketing, sign_in, clients, report);
    }
    if let Some(alarms) = alarms {
        alarms::alarms(alarms, region, report);
    }
    if let Some(key) = kms_key_arn {
        encryption::kms_key(key, region, account.as_ref().filter(|_| !local), report);
    }
    triggers::triggers(triggers, report);
    if let Some(adopt) = adopt {
        let declared = adoption::Declared {
            clients: clients.keys().collect(),
            providers: sign_in.providers.keys().collect(),
            roles: access.roles.keys().collect(),
            has_hosted_ui: hosted_ui.is_some(),
        };
        adoption::adopt(adopt, &declared, (!local).then_some(region), report);
    }
    naming::check_apart("clients", clients.keys(), report);
    naming::check_apart("roles", access.roles.keys(), report);
    naming::check_apart("domains", domains.keys(), report);
    naming::check_apart("providers", sign_in.providers.keys(), report);
    let welcome = email.as_ref().and_then(|email| email.welcome.as_ref());
    let locales = welcome
        .into_iter()
        .flat_map(|welcome| welcome.locales.keys());
    naming::check_apart("languages", locales, report);
    if local {
        // An emulator has one account of its own, nothing to protect and no change sets to audit.
        *account = None;
        *engine = Engine::Direct;
        *protect = false;
        *architecture = Architecture::of_host();
    }
    Stage::of_checked(project, name, settings)
}
