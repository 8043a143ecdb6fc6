//! `saasauth user grant`, `revoke`, `block` and `unblock`

use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use super::WhoArgs;
use super::person::{Person, role_of};
use crate::aws::directory::{Membership, Record};
use crate::cli::context::Context;
use crate::cli::site::Site;
use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::project::Project;
use saasauth_model::project::permission::covers;
use saasauth_model::project::stage::{ClientKind, Stage};
use saasauth_model::project::validate::is_permission;
use saasauth_model::project::words;

/// How often a write is tried when the record changes under it; each further try reads it again.
const ATTEMPTS: u32 = 8;

const BLOCKED: &str = "blocked";

/// What `grant` and `revoke` have in common.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").args(["role", "permissions", "domain"]).required(true).multiple(true))]
pub(super) struct ChangeArgs {
    #[command(flatten)]
    who: WhoArgs,
    /// A role of the project file
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// A permission beyond the role's, such as projects:read; may be repeated
    #[arg(long = "permission", value_name = "PERMISSION")]
    permissions: Vec<String>,
    /// A domain of the project file
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
}

/// Give a user a role, permissions or a domain; in effect with the next token
#[derive(Debug, Args)]
pub(super) struct GrantArgs {
    #[command(flatten)]
    change: ChangeArgs,
    /// The role in the domain; by default what the project file says
    #[arg(long, value_name = "ROLE", requires = "domain")]
    domain_role: Option<String>,
}

/// What is done to a user.
struct Edit<'a> {
    record: Box<dyn Fn(&Record) -> Record + Send + Sync + 'a>,
    membership: Option<Membership>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Done {
    changed: bool,
    /// Whether the record wasn't there before.
    created: bool,
}

pub(super) async fn grant(args: GrantArgs, context: &Context) -> Result<()> {
    let project = context.project()?;
    let stage = context.stage(&project)?;
    let membership = to_join(&args, &stage)?;
    let ChangeArgs {
        who,
        role,
        permissions,
        ..
    } = args.change;
    if let Some(role) = &role {
        check_role(role, &stage)?;
    }
    for permission in &permissions {
        check_permission(permission)?;
    }
    let what = described(role.as_deref(), &permissions, membership.as_ref());
    let edit = Edit {
        record: Box::new(|record| granted(record, role.as_deref(), &permissions)),
        membership,
    };
    let (site, person, done) = edited(context, &project, stage, &who.who, &edit).await?;

    let record = person.record(&site.stage);
    let role = role_of(&record, &site.stage);
    if !person.standing.roles.contains_key(role) {
        context.ui.warn(&format!(
            "role `{role}` is not deployed and permits nothing yet: run `saasauth deploy --stage {}`",
            site.stage.name
        ));
    }
    let name = person.name();
    tell(
        context,
        &site,
        &person,
        done,
        &format!("granted `{name}` {what}"),
        &format!("nothing to change: `{name}` has {what}"),
    )
}

pub(super) async fn revoke(args: ChangeArgs, context: &Context) -> Result<()> {
    let project = context.project()?;
    let stage = context.stage(&project)?;
    let ChangeArgs {
        who,
        role,
        permissions,
        domain,
    } = args;
    let default_role = stage.access.default_role.to_string();
    if role.as_ref() == Some(&default_role) {
        let error = Error::refused(format!(
            "`{default_role}` is what a user without a role has"
        ));
        return Err(error.with_hint("grant another role in its place, or block the user"));
    }
    let membership = domain.map(|domain| Membership::Leave {
        domain: domain.to_lowercase(),
    });
    let what = described(role.as_deref(), &permissions, membership.as_ref());
    let edit = Edit {
        record: Box::new(|record| revoked(record, role.as_deref(), &permissions, &default_role)),
        membership,
    };
    let (site, person, done) = edited(context, &project, stage, &who.who, &edit).await?;

    let record = person.record(&site.stage);
    let held = person.effective(&site.stage);
    for permission in &permissions {
        if let Some(by) = held.iter().find(|held| covers(held, permission)) {
            let whose = if record.permissions.contains(by) {
                "the user's own".to_owned()
            } else {
                format!("role `{}`, which has", role_of(&record, &site.stage))
            };
            context.ui.warn(&format!(
                "`{permission}` is still permitted, by {whose} `{by}`"
            ));
        }
    }
    let name = person.name();
    tell(
        context,
        &site,
        &person,
        done,
        &format!("took {what} from `{name}`"),
        &format!("nothing to change: `{name}` doesn't have {what}"),
    )?;
    // Whoever joined a domain at sign-up got their role from it as well.
    let role = role_of(&record, &site.stage);
    if edit.membership.is_some() && done.changed && role != default_role {
        context.ui.hint(&format!(
            "role `{role}` stays; take it with `saasauth user revoke {name} --role {role} --stage {}`",
            site.stage.name
        ));
    }
    Ok(())
}

pub(super) async fn block(who: &str, context: &Context) -> Result<()> {
    let project = context.project()?;
    let stage = context.stage(&project)?;
    let edit = Edit {
        record: Box::new(|record| with_status(record, Some(BLOCKED))),
        membership: None,
    };
    let site = Site::open(context, &project, stage).await?;
    let blocking = Box::pin(async {
        let done = carry_out(&site, who, &edit).await?;
        // In this order: a session refreshed in between would live on. Done again for a user who is
        // blocked already, since the first attempt may have ended between the two.
        if let Some(account) = &done.0.account {
            let ended = site.aws.sign_out_everywhere(&site.pool, &account.username);
            ended.await.map_err(|fault| {
                fault
                    .while_doing(format!("could not end the sessions of `{who}`"))
                    .with_hint("the user is blocked; run the command again to end the sessions")
            })?;
        }
        Ok(done)
    });
    let (person, done) = site.work(blocking).await?;
    let name = person.name();
    tell(
        context,
        &site,
        &person,
        done,
        &format!("blocked `{name}`: no more tokens, every session ended"),
        &format!("`{name}` was blocked before; every session ended"),
    )
}

pub(super) async fn unblock(who: &str, context: &Context) -> Result<()> {
    let project = context.project()?;
    let stage = context.stage(&project)?;
    let edit = Edit {
        record: Box::new(|record| with_status(record, None)),
        membership: None,
    };
    let (site, person, done) = edited(context, &project, stage, who, &edit).await?;
    let name = person.name();
    if context.global.json {
        return context.ui.json(&document(&person, &site.stage, done));
    }
    if done.changed {
        context
            .ui
            .success(&format!("unblocked `{name}`, who can sign in again"));
    } else {
        context
            .ui
            .note(&format!("nothing to change: `{name}` is not blocked"));
    }
    Ok(())
}

/// Connects to the stage, and edits the user's record there.
async fn edited(
    context: &Context,
    project: &Project,
    stage: Stage,
    who: &str,
    edit: &Edit<'_>,
) -> Result<(Site, Person, Done)> {
    let site = Site::open(context, project, stage).await?;
    let (person, done) = site.work(Box::pin(carry_out(&site, who, edit))).await?;
    Ok((site, person, done))
}

/// Says what was done, and when it shows.
fn tell(
    context: &Context,
    site: &Site,
    person: &Person,
    done: Done,
    changed: &str,
    unchanged: &str,
) -> Result<()> {
    if context.global.json {
        return context.ui.json(&document(person, &site.stage, done));
    }
    if done.changed {
        context.ui.success(changed);
        context.ui.note(&format!(
            "in effect with the next token; tokens already issued stay valid for up to {} minutes",
            longest_token(&site.stage).div_ceil(60)
        ));
    } else {
        context.ui.note(unchanged);
    }
    Ok(())
}

fn document(person: &Person, stage: &Stage, done: Done) -> Value {
    let mut document = person.document(stage);
    document["changed"] = json!(done.changed);
    document["created"] = json!(done.created);
    document["tokens_valid_seconds"] = json!(longest_token(stage));
    document
}

/// How long a user's token can live, in seconds.
fn longest_token(stage: &Stage) -> u32 {
    let of_users = stage.clients.values();
    of_users
        .filter(|client| client.kind != ClientKind::Machine)
        .map(|client| (*client.tokens.access).max(*client.tokens.id).seconds())
        .max()
        .unwrap_or_default()
}

/// Finds the user and edits the record, as often as it takes to do so without undoing what another does
/// at the same time.
async fn carry_out(site: &Site, who: &str, edit: &Edit<'_>) -> Result<(Person, Done)> {
    let mut person = Person::find(site, who).await?;
    for _ in 0..ATTEMPTS {
        let before = person.record(&site.stage);
        let after = (edit.record)(&before);
        let domains = &mut person.standing.domains;
        let membership = edit
            .membership
            .as_ref()
            .filter(|change| !holds(change, domains));
        if before == after && membership.is_none() {
            let done = Done {
                changed: false,
                created: false,
            };
            return Ok((person, done));
        }
        let recorded = person.standing.record.as_ref();
        let written = site
            .aws
            .change_user(&site.tables, recorded, &after, membership);
        let doing = format!("could not change the record of `{who}`");
        if written.await.map_err(|fault| fault.while_doing(doing))? {
            let done = Done {
                changed: true,
                created: recorded.is_none(),
            };
            match membership {
                Some(Membership::Join { domain, role }) => {
                    domains.insert(domain.clone(), role.clone());
                }
                Some(Membership::Leave { domain }) => {
                    domains.remove(domain);
                }
                None => {}
            }
            person.standing.record = Some(after);
            return Ok((person, done));
        }
        person.standing = Person::standing(site, &person.sub).await?;
    }
    let message = format!("the record of `{who}` kept changing");
    Err(Error::new(ErrorKind::Aws, message).with_hint("run the command again"))
}

/// Whether a user with these domains is where the change would put them.
fn holds(change: &Membership, domains: &std::collections::BTreeMap<String, String>) -> bool {
    match change {
        Membership::Join { domain, role } => domains.get(domain) == Some(role),
        Membership::Leave { domain } => !domains.contains_key(domain),
    }
}

fn granted(record: &Record, role: Option<&str>, permissions: &[String]) -> Record {
    let mut record = record.clone();
    if let Some(role) = role {
        record.role = Some(role.to_owned());
    }
    for permission in permissions {
        if !record.permissions.contains(permission) {
            record.permissions.push(permission.clone());
        }
    }
    record
}

/// A role is taken by giving the default one, which a user who has another keeps.
fn revoked(
    record: &Record,
    role: Option<&str>,
    permissions: &[String],
    default_role: &str,
) -> Record {
    let mut record = record.clone();
    if role.is_some() && record.role.as_deref() == role {
        record.role = Some(default_role.to_owned());
    }
    record
        .permissions
        .retain(|held| !permissions.contains(held));
    record
}

fn with_status(record: &Record, status: Option<&str>) -> Record {
    let mut record = record.clone();
    record.status = status.map(str::to_owned);
    record
}

/// Role `admin`, permissions `a:b` and `c:d`, domain `acme.com` (admin).
fn described(role: Option<&str>, permissions: &[String], change: Option<&Membership>) -> String {
    let mut parts = Vec::new();
    parts.extend(role.map(|role| format!("role `{role}`")));
    if !permissions.is_empty() {
        let names = words::all_of(permissions.iter().map(String::as_str));
        let word = if permissions.len() == 1 {
            "permission"
        } else {
            "permissions"
        };
        parts.push(format!("{word} {names}"));
    }
    parts.extend(change.map(|change| match change {
        Membership::Join { domain, role } => format!("domain `{domain}` ({role})"),
        Membership::Leave { domain } => format!("domain `{domain}`"),
    }));
    parts.join(", ")
}

fn to_join(args: &GrantArgs, stage: &Stage) -> Result<Option<Membership>> {
    let Some(domain) = &args.change.domain else {
        return Ok(None);
    };
    let domain = domain.to_lowercase();
    let Some(registered) = stage.domains.get(&domain) else {
        let error = Error::refused(format!("stage `{}` has no domain `{domain}`", stage.name));
        let names = stage.domains.keys().map(|name| name.as_str());
        return Err(match words::nearest(&domain, names) {
            Some(near) => error.with_hint(format!("did you mean `{near}`?")),
            None => error.with_hint(format!(
                "add `{domain}: {{}}` under `domains` in the project file, and deploy"
            )),
        });
    };
    let role = args.domain_role.as_deref().unwrap_or(&registered.role);
    check_role(role, stage)?;
    Ok(Some(Membership::Join {
        domain,
        role: role.to_owned(),
    }))
}

fn check_role(role: &str, stage: &Stage) -> Result<()> {
    let roles = &stage.access.roles;
    if roles.contains_key(role) {
        return Ok(());
    }
    let error = Error::refused(format!("stage `{}` has no role `{role}`", stage.name));
    Err(error.with_hint(words::hint(role, roles.keys().map(|name| name.as_str()))))
}

fn check_permission(permission: &str) -> Result<()> {
    if is_permission(permission) {
        return Ok(());
    }
    let message = format!("`{permission}` is not a permission");
    Err(Error::new(ErrorKind::Usage, message).with_hint(
        "write `resource:action` in a to z, 0 to 9, `-`, `_` and `.`, or `*` for either part",
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn record(role: &str, permissions: &[&str]) -> Record {
        let mut record = Record::default();
        record.role = Some(role.to_owned());
        record.permissions = owned(permissions);
        record
    }

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn granting_twice_is_granting_once() {
        let once = granted(
            &record("member", &["a:b"]),
            Some("admin"),
            &owned(&["c:d", "c:d"]),
        );
        assert_eq!(once, record("admin", &["a:b", "c:d"]));
        assert_eq!(granted(&once, Some("admin"), &owned(&["c:d"])), once);
    }

    #[test]
    fn only_the_role_that_was_named_is_taken() {
        let admin = record("admin", &["a:b", "c:d"]);
        let none = revoked(&admin, Some("admin"), &owned(&["a:b"]), "member");
        assert_eq!(none, record("member", &["c:d"]));
        assert_eq!(revoked(&admin, Some("owner"), &[], "member"), admin);
    }

    #[test]
    fn what_is_there_already_is_not_written() {
        let domains = BTreeMap::from([("acme.com".to_owned(), "admin".to_owned())]);
        let join = |role: &str| Membership::Join {
            domain: "acme.com".to_owned(),
            role: role.to_owned(),
        };
        let leave = |domain: &str| Membership::Leave {
            domain: domain.to_owned(),
        };
        assert!(holds(&join("admin"), &domains) && !holds(&join("member"), &domains));
        assert!(holds(&leave("other.com"), &domains) && !holds(&leave("acme.com"), &domains));
    }

    #[test]
    fn a_change_reads_as_one_phrase() {
        let join = Membership::Join {
            domain: "acme.com".to_owned(),
            role: "admin".to_owned(),
        };
        assert_eq!(
            described(Some("admin"), &owned(&["a:b", "c:d"]), Some(&join)),
            "role `admin`, permissions `a:b` and `c:d`, domain `acme.com` (admin)"
        );
    }
}
