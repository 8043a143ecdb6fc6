//! What is granted to a user and taken from one, and blocking.

use std::fmt;

use serde_json::{Value, json};

use super::{DeployedStage, Person, role_of};
use crate::aws::users::{Membership, Memberships, UserRecord};
use saasauth_contract::record::{BLOCKED, OPERATOR};
use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::project::stage::{ClientKind, Stage};
use saasauth_model::project::validate::is_permission;
use saasauth_model::project::words;

/// How often a write is tried when the record changes under it; each further try reads it again.
const ATTEMPTS: u32 = 8;

/// What is done to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// These are given.
    Grant(Rights),
    /// These are taken.
    Revoke(Rights),
    /// No more tokens, and every session ended.
    Block,
    /// Tokens again.
    Unblock,
}

/// What a user is given, or what is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// A role.
    pub role: Option<String>,
    /// Permissions beyond the role's.
    pub permissions: Vec<String>,
    /// A place in a domain.
    pub membership: Option<Membership>,
}

/// What came of a change.
#[derive(Debug)]
pub struct Changed {
    /// The user, as they are now.
    pub person: Person,
    /// Whether anything was otherwise before.
    pub changed: bool,
    /// Whether the record wasn't there before.
    pub created: bool,
}

impl Change {
    /// Grants a role, permissions and a domain, where the role is what the project file says unless
    /// another is named. Refuses what the project file doesn't know.
    pub fn grant(
        stage: &Stage,
        role: Option<String>,
        permissions: Vec<String>,
        domain: Option<&str>,
        domain_role: Option<String>,
    ) -> Result<Self> {
        let membership = domain.map(|domain| join(stage, domain, domain_role));
        let membership = membership.transpose()?;
        if let Some(role) = &role {
            check_role(role, stage)?;
        }
        for permission in &permissions {
            check_permission(permission)?;
        }
        Ok(Self::Grant(Rights {
            role,
            permissions,
            membership,
        }))
    }

    /// Takes a role, permissions and a domain, in the project file or not. Refuses to take the default
    /// role, which is what is left.
    pub fn revoke(
        stage: &Stage,
        role: Option<String>,
        permissions: Vec<String>,
        domain: Option<&str>,
    ) -> Result<Self> {
        let default_role = &stage.access.default_role;
        if role.as_ref() == Some(default_role) {
            let error = Error::refused(format!(
                "`{default_role}` is what a user without a role has"
            ));
            return Err(error.with_hint("grant another role in its place, or block the user"));
        }
        let membership = domain.map(|domain| Membership::Leave {
            domain: domain.to_lowercase(),
        });
        Ok(Self::Revoke(Rights {
            role,
            permissions,
            membership,
        }))
    }

    /// What it is about, when it is about rights.
    pub fn rights(&self) -> Option<&Rights> {
        match self {
            Self::Grant(rights) | Self::Revoke(rights) => Some(rights),
            Self::Block | Self::Unblock => None,
        }
    }

    fn membership(&self) -> Option<&Membership> {
        self.rights()?.membership.as_ref()
    }

    /// The record once it is done, of a user whose role was `held`. A role is taken by giving the default one, and only
    /// from a user who has it; so is one that came with a domain, with the domain.
    fn apply(&self, record: &UserRecord, held: &str, default_role: &str) -> UserRecord {
        let mut record = record.clone();
        let give = |record: &mut UserRecord, role: &str| {
            record.role = Some(role.to_owned());
            record.role_from = Some(OPERATOR.to_owned());
        };
        match self {
            Self::Grant(rights) => {
                if let Some(role) = &rights.role {
                    give(&mut record, role);
                }
                for permission in &rights.permissions {
                    if !record.permissions.contains(permission) {
                        record.permissions.push(permission.clone());
                    }
                }
            }
            Self::Revoke(rights) => {
                let left = rights.membership.as_ref().map(Membership::domain);
                let came_along = left.is_some() && record.role_from.as_deref() == left;
                if came_along || rights.role.as_deref() == Some(held) {
                    give(&mut record, default_role);
                }
                record
                    .permissions
                    .retain(|held| !rights.permissions.contains(held));
            }
            Self::Block => record.status = Some(BLOCKED.to_owned()),
            Self::Unblock => record.status = None,
        }
        record
    }

    /// Finds the user and does it.
    pub async fn carry_out(&self, deployed: &DeployedStage, who: &str) -> Result<Changed> {
        let changed = self.write(deployed, who).await?;
        // In this order: a session refreshed in between would live on. Done again for a user who is
        // blocked already, since the first attempt may have ended between the two.
        if let (Self::Block, Some(account)) = (self, &changed.person.account) {
            let ended = deployed
                .aws
                .sign_out_everywhere(&deployed.pool, &account.username);
            ended.await.map_err(|fault| {
                fault
                    .while_doing(format!("could not end the sessions of `{who}`"))
                    .with_hint("the user is blocked; run the command again to end the sessions")
            })?;
        }
        Ok(changed)
    }

    /// Edits the record, as often as it takes to do so without undoing what another does at the same
    /// time.
    async fn write(&self, deployed: &DeployedStage, who: &str) -> Result<Changed> {
        let stage = &deployed.stage;
        let mut person = match self {
            Self::Grant(_) | Self::Unblock => Person::find_proved(deployed, who).await?,
            Self::Revoke(_) | Self::Block => Person::find(deployed, who).await?,
        };
        for _ in 0..ATTEMPTS {
            let before = person.record(stage);
            let after = self.apply(&before, role_of(&before, stage), &stage.access.default_role);
            let domains = &mut person.standing.memberships;
            let membership = self.membership().filter(|change| !holds(change, domains));
            if before == after && membership.is_none() {
                return Ok(Changed {
                    person,
                    changed: false,
                    created: false,
                });
            }
            let recorded = person.standing.record.as_ref();
            let created = recorded.is_none();
            let written = deployed
                .aws
                .change_user(&deployed.tables, recorded, &after, membership);
            let doing = format!("could not change the record of `{who}`");
            if written.await.map_err(|fault| fault.while_doing(doing))? {
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
                return Ok(Changed {
                    person,
                    changed: true,
                    created,
                });
            }
            person.standing = Person::standing(deployed, &person.sub).await?;
        }
        let message = format!("the record of `{who}` kept changing");
        Err(Error::new(ErrorKind::Aws, message).with_hint("run the command again"))
    }
}

/// Role `admin`, permissions `a:b` and `c:d`, domain `acme.com` (admin).
impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.role.as_ref().map(|role| format!("role `{role}`")));
        if !self.permissions.is_empty() {
            let names = words::all_of(self.permissions.iter().map(String::as_str));
            let word = if self.permissions.len() == 1 {
                "permission"
            } else {
                "permissions"
            };
            parts.push(format!("{word} {names}"));
        }
        parts.extend(self.membership.as_ref().map(|change| match change {
            Membership::Join {
                domain,
                role: Some(role),
            } => format!("domain `{domain}` ({role})"),
            Membership::Join { domain, role: None } => format!("domain `{domain}`"),
            Membership::Leave { domain } => format!("domain `{domain}`"),
        }));
        f.write_str(&parts.join(", "))
    }
}

impl Changed {
    /// Everything, as the contract writes it.
    pub fn document(&self, stage: &Stage) -> Value {
        let mut document = self.person.document(stage);
        document["changed"] = json!(self.changed);
        document["created"] = json!(self.created);
        document["tokens_valid_seconds"] = json!(longest_token(stage));
        document
    }
}

/// How long a user's token can live, in seconds: until then a change need not show.
pub fn longest_token(stage: &Stage) -> u32 {
    let of_users = stage.clients.values();
    of_users
        .filter(|client| client.kind != ClientKind::Machine)
        .map(|client| (*client.tokens.access).max(*client.tokens.id).seconds())
        .max()
        .unwrap_or_default()
}

/// Whether a user with these domains is where the change would put them.
fn holds(change: &Membership, domains: &Memberships) -> bool {
    match change {
        Membership::Join { domain, role } => domains.get(domain) == Some(role),
        Membership::Leave { domain } => !domains.contains_key(domain),
    }
}

fn join(stage: &Stage, domain: &str, role: Option<String>) -> Result<Membership> {
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
    check_role(role.as_ref().unwrap_or(&registered.role), stage)?;
    Ok(Membership::Join { domain, role })
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
    use super::*;

    fn record(role: &str, permissions: &[&str]) -> UserRecord {
        let mut record = UserRecord::default();
        record.role = Some(role.to_owned());
        record.permissions = owned(permissions);
        record
    }

    /// With a role that an operator gave.
    fn chosen(role: &str, permissions: &[&str]) -> UserRecord {
        let mut record = record(role, permissions);
        record.role_from = Some(OPERATOR.to_owned());
        record
    }

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    fn rights(role: Option<&str>, permissions: &[&str]) -> Rights {
        Rights {
            role: role.map(str::to_owned),
            permissions: owned(permissions),
            membership: None,
        }
    }

    #[test]
    fn granting_twice_is_granting_once() {
        let grant = Change::Grant(rights(Some("admin"), &["c:d", "c:d"]));
        let once = grant.apply(&record("member", &["a:b"]), "member", "member");
        assert_eq!(once, chosen("admin", &["a:b", "c:d"]));
        assert_eq!(grant.apply(&once, "admin", "member"), once);
    }

    #[test]
    fn only_the_role_that_was_named_is_taken() {
        let admin = record("admin", &["a:b", "c:d"]);
        let none = Change::Revoke(rights(Some("admin"), &["a:b"])).apply(&admin, "admin", "member");
        assert_eq!(none, chosen("member", &["c:d"]));
        let other = Change::Revoke(rights(Some("owner"), &[]));
        assert_eq!(other.apply(&admin, "admin", "member"), admin);
    }

    #[test]
    fn a_role_that_came_with_a_domain_goes_with_it() {
        let mut joined = record("admin", &[]);
        joined.role_from = Some("acme.com".to_owned());
        let leave = |domain: &str| {
            Change::Revoke(Rights {
                membership: Some(Membership::Leave {
                    domain: domain.to_owned(),
                }),
                ..Rights::default()
            })
        };
        let gone = leave("acme.com").apply(&joined, "admin", "member");
        assert_eq!(gone, chosen("member", &[]));
        assert_eq!(leave("other.com").apply(&joined, "admin", "member"), joined);
        let own = chosen("admin", &[]);
        assert_eq!(leave("acme.com").apply(&own, "admin", "member"), own);
    }

    #[test]
    fn unblocking_undoes_blocking_and_nothing_else() {
        let admin = record("admin", &["a:b"]);
        let blocked = Change::Block.apply(&admin, "admin", "member");
        assert_eq!(blocked.status.as_deref(), Some(BLOCKED));
        assert_eq!(Change::Unblock.apply(&blocked, "admin", "member"), admin);
    }

    #[test]
    fn what_is_there_already_is_not_written() {
        let domains = Memberships::from([("acme.com".to_owned(), Some("admin".to_owned()))]);
        let join = |role: &str| Membership::Join {
            domain: "acme.com".to_owned(),
            role: Some(role.to_owned()),
        };
        let leave = |domain: &str| Membership::Leave {
            domain: domain.to_owned(),
        };
        assert!(holds(&join("admin"), &domains) && !holds(&join("member"), &domains));
        assert!(holds(&leave("other.com"), &domains) && !holds(&leave("acme.com"), &domains));
    }

    #[test]
    fn rights_read_as_one_phrase() {
        let rights = Rights {
            membership: Some(Membership::Join {
                domain: "acme.com".to_owned(),
                role: Some("admin".to_owned()),
            }),
            ..rights(Some("admin"), &["a:b", "c:d"])
        };
        assert_eq!(
            rights.to_string(),
            "role `admin`, permissions `a:b` and `c:d`, domain `acme.com` (admin)"
        );
    }
}
