//! The rules, one file per subject. Each checks its part of the file and returns it resolved, so a
//! value can't be used unchecked; what it returns beside a reported mistake is thrown away.

mod access;
mod alarms;
mod clients;
mod email;
mod hosts;
mod marketing;
mod naming;
mod secrets;
mod sign_in;
mod tokens;
mod triggers;

use std::path::Path;

use super::file;
use super::source::{Source, Span};
use super::stage::{Architecture, Engine, Stage, Target};
use super::tree::At;
use crate::error::{Error, ErrorKind};

pub use access::is_permission;
pub(super) use naming::{header, stage_names};
pub use secrets::{WrongName, parameter_name};

/// The stage on this machine; there in every project.
pub const LOCAL: &str = "local";

/// Mistakes of one pass over the rules.
pub(super) struct Report<'a> {
    source: &'a Source,
    directory: &'a Path,
    pub(super) errors: Vec<Error>,
    pub(super) warnings: Vec<Error>,
}

impl<'a> Report<'a> {
    pub(super) fn new(source: &'a Source, directory: &'a Path) -> Self {
        Self {
            source,
            directory,
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Notes a mistake, where it stands and what to do about it.
    fn add(&mut self, span: Span, message: impl Into<String>, hint: impl Into<String>) {
        let error = Error::new(ErrorKind::Project, message)
            .at(self.source.place(span))
            .with_hint(hint);
        self.errors.push(error);
    }

    /// Notes what is allowed and probably not meant.
    fn warn(&mut self, span: Span, message: impl Into<String>, hint: impl Into<String>) {
        let warning = Error::new(ErrorKind::Project, message)
            .at(self.source.place(span))
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

    /// The value of a key that must be there; `owner` is what it is missing from.
    fn required(
        &mut self,
        value: Option<&At<String>>,
        key: &str,
        owner: Span,
        hint: &str,
    ) -> At<String> {
        match value {
            Some(value) if !value.value.trim().is_empty() => value.clone(),
            Some(value) => {
                self.add(value.span, format!("`{key}` is empty"), hint);
                value.clone()
            }
            None => {
                self.add(owner, format!("`{key}` is missing"), hint);
                At {
                    value: String::new(),
                    span: owner,
                }
            }
        }
    }
}

/// Checks one stage and resolves it.
pub(super) fn stage(
    project: &At<String>,
    name: &str,
    file: &file::Stage,
    report: &mut Report<'_>,
) -> Stage {
    let target = naming::target(name, file, report);
    let sign_in = sign_in::sign_in(file, report);
    let access = access::access(file, project.span, report);
    let tokens = tokens::tokens(file, report);
    tokens::warn_of_large_roles(file, &access, tokens, report);
    let domains = access::domains(file, &access, report);
    let hosted_ui = clients::hosted_ui(file, report);
    let clients = clients::clients(file, project.span, &sign_in, report);
    let email = email::email(file, &sign_in, report);
    let marketing = marketing::marketing(file, &sign_in, &clients, report);
    let local = target == Target::Local;
    Stage {
        project: project.value.clone(),
        name: name.to_owned(),
        region: naming::region(file, project.span, report),
        target,
        // An emulator has one account of its own, nothing to protect and no change sets to audit.
        account: naming::account(file, report).filter(|_| !local),
        engine: if local {
            Engine::Direct
        } else {
            file.engine
                .as_ref()
                .map(|engine| engine.value)
                .unwrap_or_default()
        },
        protect: !local && file.protect.unwrap_or(false),
        sign_in,
        clients,
        hosted_ui,
        access,
        tokens,
        domains,
        email,
        marketing,
        alarms: alarms::alarms(file, report),
        triggers: triggers::triggers(file, project.span, report),
        architecture: if local {
            Architecture::of_host()
        } else {
            file.architecture.unwrap_or_default()
        },
        tags: naming::tags(file, report),
    }
}
