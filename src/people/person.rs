//! One user, found by whatever they go by: the account in the pool, the record, the memberships.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::{DeployedStage, Domains};
use crate::aws::trace;
use crate::aws::users::{Account, Memberships, Standing, UserRecord};
use saasauth_contract::permission::{compact, covers};
use saasauth_contract::record::{ACTIVE, EMAIL, OPERATOR, SUB, role_by_groups};
use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::project::stage::Stage;

const PHONE_NUMBER: &str = "phone_number";

/// A user.
#[derive(Debug)]
pub struct Person {
    /// The `sub` of their tokens.
    pub sub: String,
    /// `None` when the pool has no such user any more.
    pub account: Option<Account>,
    /// What decides their tokens.
    pub standing: Standing,
    /// The groups of a user without a record, who begins with the role of one.
    pub groups: Vec<String>,
}

impl Person {
    /// Finds a user by email address, phone number, username or `sub`.
    pub async fn find(deployed: &DeployedStage, who: &str) -> Result<Self> {
        Self::found(deployed, who, the_one).await
    }

    /// The same, to give the user something. Anybody can sign up with anybody's address: one that its user hasn't
    /// proved to own stands for nobody.
    pub async fn find_proved(deployed: &DeployedStage, who: &str) -> Result<Self> {
        Self::found(deployed, who, the_proved_one).await
    }

    async fn found(
        deployed: &DeployedStage,
        who: &str,
        choose: fn(&str, Vec<Account>) -> Result<Option<Account>>,
    ) -> Result<Self> {
        let accounts = async {
            let found = deployed
                .aws
                .accounts(&deployed.pool, Some((attribute(who), who)));
            let found = found.await.map_err(|fault| {
                fault.while_doing(format!("could not look for `{who}` in the user pool"))
            })?;
            choose(who, found)
        };
        let mut person = if is_sub(who) {
            let accounts = trace::beside(accounts);
            let standing = trace::beside(Self::standing(deployed, who));
            let (account, standing) = tokio::join!(accounts, standing);
            Self {
                sub: who.to_owned(),
                account: account?,
                standing: standing?,
                groups: Vec::new(),
            }
        } else {
            let account = accounts.await?.ok_or_else(|| nobody(deployed, who))?;
            Self {
                sub: account.sub.clone(),
                standing: Self::standing(deployed, &account.sub).await?,
                account: Some(account),
                groups: Vec::new(),
            }
        };
        if person.account.is_none() && person.standing.record.is_none() {
            return Err(nobody(deployed, who));
        }
        if let (None, Some(account)) = (&person.standing.record, &person.account) {
            let groups = deployed.aws.groups_of(&deployed.pool, &account.username);
            person.groups = groups.await.map_err(|fault| {
                fault.while_doing(format!("could not read the groups of `{who}`"))
            })?;
        }
        Ok(person)
    }

    /// What the tables say of a user at this moment.
    pub(super) async fn standing(deployed: &DeployedStage, sub: &str) -> Result<Standing> {
        let roles = deployed.stage.access.roles.keys();
        let roles: Vec<&str> = roles.map(|name| name.as_str()).collect();
        let standing = deployed.aws.standing(&deployed.tables, sub, &roles).await;
        standing.map_err(|fault| fault.while_doing(format!("could not read the record of `{sub}`")))
    }

    /// The record, or the one the first sign-in would make.
    pub fn record(&self, stage: &Stage) -> UserRecord {
        match (&self.standing.record, &self.account) {
            (Some(record), _) => record.clone(),
            (None, Some(account)) => {
                let groups = self.groups.iter().map(String::as_str);
                let is_role = |group: &str| stage.access.roles.contains_key(group);
                let role = role_by_groups(groups, is_role, &stage.access.default_role);
                UserRecord::new(account, role, SystemTime::now())
            }
            (None, None) => UserRecord::default(),
        }
    }

    /// What the user is called in front of people.
    pub fn name(&self) -> &str {
        let account = self.account.as_ref();
        account
            .map(Account::name)
            .or(self.standing.record.as_ref().map(UserRecord::name))
            .unwrap_or(&self.sub)
    }

    /// Everything, as the contract writes it.
    pub fn document(&self, stage: &Stage) -> Value {
        let record = self.record(stage);
        let role = role_of(&record, stage);
        let account = self.account.as_ref().map(|account| {
            json!({
                "username": account.username,
                "status": account.status,
                "enabled": account.enabled,
            })
        });
        json!({
            "stage": stage.name,
            "sub": self.sub,
            "email": record.email,
            "email_verified": record.email_verified,
            "role": role,
            "permissions": record.permissions,
            "effective_permissions": self.effective(stage),
            "domains": self.domains(stage),
            "status": status_of(&record),
            "created_at": self.standing.record.as_ref().and(record.created_at.as_deref()),
            "recorded": self.standing.record.is_some(),
            "pending": record.pending,
            "deliveries": record.deliveries,
            "cognito": account,
        })
    }

    /// What the next token permits: the role's permissions and the user's own.
    pub fn effective(&self, stage: &Stage) -> Vec<String> {
        let record = self.record(stage);
        effective(&record, role_of(&record, stage), &self.standing.roles)
    }

    /// The domains of the next token.
    pub fn domains(&self, stage: &Stage) -> Domains {
        domains_of(&self.standing.memberships, stage)
    }

    /// What permits `wanted` still, and whether it is the user's own rather than the role's.
    pub fn holds(&self, wanted: &str, stage: &Stage) -> Option<(String, bool)> {
        let held = self.effective(stage);
        let by = held.into_iter().find(|held| covers(held, wanted))?;
        let own = self.record(stage).permissions.contains(&by);
        Some((by, own))
    }
}

/// What a record permits, given what the roles do.
fn effective(
    record: &UserRecord,
    role: &str,
    roles: &BTreeMap<String, Vec<String>>,
) -> Vec<String> {
    let of_role = roles.get(role).into_iter().flatten();
    compact(of_role.chain(&record.permissions).cloned())
}

/// The role a token of this user carries. One that a domain gave is the domain's.
pub fn role_of<'a>(record: &'a UserRecord, stage: &'a Stage) -> &'a str {
    let given = match record.role_from.as_deref() {
        None | Some(OPERATOR) => record.role.as_deref(),
        Some(domain) => stage.domains.get(domain).map(|domain| domain.role.as_str()),
    };
    given.unwrap_or(&stage.access.default_role)
}

/// What a user is in the domains that a token names. Those that left the project file are none of them.
pub fn domains_of(memberships: &Memberships, stage: &Stage) -> Domains {
    memberships
        .iter()
        .filter_map(|(domain, own)| {
            let registered = stage.domains.get(domain.as_str())?;
            let role = own.as_deref().unwrap_or(&registered.role);
            Some((domain.clone(), role.to_owned()))
        })
        .collect()
}

/// `active`, or why the user gets no token.
pub fn status_of(record: &UserRecord) -> &str {
    record.status.as_deref().unwrap_or(ACTIVE)
}

/// Whether this is the shape of a `sub`: a UUID.
fn is_sub(who: &str) -> bool {
    who.len() == 36 && uuid::Uuid::try_parse(who).is_ok()
}

/// What the pool calls such a name.
fn attribute(who: &str) -> &'static str {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if is_sub(who) {
        SUB
    } else if who.contains('@') {
        EMAIL
    } else if who.strip_prefix('+').is_some_and(is_number) {
        PHONE_NUMBER
    } else {
        "username"
    }
}

/// Federated users may share an address with others.
fn the_one(who: &str, mut found: Vec<Account>) -> Result<Option<Account>> {
    if found.len() > 1 {
        let subs: Vec<&str> = found.iter().map(|account| account.sub.as_str()).collect();
        let message = format!("`{who}` means {} users", found.len());
        let hint = format!("name one by `sub`: {}", subs.join(", "));
        return Err(Error::new(ErrorKind::Usage, message).with_hint(hint));
    }
    Ok(found.pop())
}

/// Of several who claim an address, the one who has proved to own it.
fn the_proved_one(who: &str, found: Vec<Account>) -> Result<Option<Account>> {
    let attribute = attribute(who);
    if !matches!(attribute, EMAIL | PHONE_NUMBER) {
        return the_one(who, found);
    }
    let (proved, claimed): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|account| account.has_proved(attribute));
    if !proved.is_empty() || claimed.is_empty() {
        return the_one(who, proved);
    }
    let subs: Vec<&str> = claimed.iter().map(|account| account.sub.as_str()).collect();
    let message = format!("who signed up as `{who}` has not proved to own it");
    Err(Error::refused(message).with_hint(format!(
        "if you know that it is them, name the user by `sub`: {}",
        subs.join(", ")
    )))
}

fn nobody(deployed: &DeployedStage, who: &str) -> Error {
    let stage = &deployed.stage.name;
    Error::new(
        ErrorKind::Aws,
        format!("stage `{stage}` has no user `{who}`"),
    )
    .with_hint(format!(
        "see who is there: `saasauth user list --stage {stage}`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_for_where_names_of_its_shape_are() {
        for (who, expected) in [
            ("0f8fad5b-d9cb-469f-a165-70867728950e", "sub"),
            ("ada@acme.com", "email"),
            ("+15555550100", "phone_number"),
            ("ada", "username"),
            ("google_1234", "username"),
            ("0f8fad5bd9cb469fa16570867728950e", "username"),
        ] {
            assert_eq!(attribute(who), expected, "{who}");
        }
    }

    #[test]
    fn an_address_means_who_has_proved_to_own_it() {
        let account = |sub: &str, verified: &str, status: &str| Account {
            created: None,
            username: sub.to_owned(),
            sub: sub.to_owned(),
            attributes: BTreeMap::from([("email_verified".to_owned(), verified.to_owned())]),
            status: status.to_owned(),
            enabled: true,
            modified: None,
        };
        let who = "ceo@acme.com";
        let proved = || account("theirs", "true", "CONFIRMED");
        for claimed in [
            account("other", "false", "CONFIRMED"),
            account("other", "true", "UNCONFIRMED"),
            account("other", "true", "FORCE_CHANGE_PASSWORD"),
            account("other", "True", "CONFIRMED"),
        ] {
            let refused = the_proved_one(who, vec![claimed.clone()]).expect_err("not proved");
            assert_eq!(refused.kind, ErrorKind::Refused);
            assert!(refused.hints[0].contains("other"), "{refused:?}");
            let found = the_proved_one(who, vec![claimed.clone(), proved()]).expect("one has");
            assert_eq!(found.expect("found").sub, "theirs");
            // A user name proves itself.
            assert!(
                the_proved_one("ada", vec![claimed])
                    .expect("found")
                    .is_some()
            );
        }
        let google = account("google", "true", "EXTERNAL_PROVIDER");
        assert!(
            the_proved_one(who, vec![google.clone()])
                .expect("found")
                .is_some()
        );
        the_proved_one(who, vec![google, proved()]).expect_err("both have");
        assert!(the_proved_one(who, Vec::new()).expect("nobody").is_none());
    }

    #[test]
    fn what_a_user_may_do_is_the_roles_and_the_own_said_shortly() {
        let mut record = UserRecord::default();
        record.permissions = vec!["projects:read".to_owned(), "audit:read".to_owned()];
        let roles = BTreeMap::from([("admin".to_owned(), vec!["projects:*".to_owned()])]);
        assert_eq!(
            effective(&record, "admin", &roles),
            ["audit:read", "projects:*"]
        );
        assert_eq!(
            effective(&record, "gone", &roles),
            ["audit:read", "projects:read"]
        );
    }
}
