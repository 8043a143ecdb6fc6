//! One user, found by whatever they go by: the account in the pool, the record, the memberships.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use crate::aws::directory::{Account, Record, Standing};
use crate::aws::trace;
use crate::cli::site::Site;
use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::project::permission::compact;
use saasauth_model::project::stage::Stage;

/// A user.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) sub: String,
    /// `None` when the pool has no such user any more.
    pub(super) account: Option<Account>,
    pub(super) standing: Standing,
}

impl Person {
    /// Finds a user by email address, phone number, username or `sub`.
    pub(super) async fn find(site: &Site, who: &str) -> Result<Self> {
        let accounts = async {
            let found = site.aws.accounts(&site.pool, Some((attribute(who), who)));
            let found = found.await.map_err(|fault| {
                fault.while_doing(format!("could not look for `{who}` in the user pool"))
            })?;
            the_one(who, found)
        };
        let person = if is_sub(who) {
            let accounts = trace::beside(accounts);
            let standing = trace::beside(Self::standing(site, who));
            let (account, standing) = tokio::join!(accounts, standing);
            Self {
                sub: who.to_owned(),
                account: account?,
                standing: standing?,
            }
        } else {
            let account = accounts.await?.ok_or_else(|| nobody(site, who))?;
            Self {
                sub: account.sub.clone(),
                standing: Self::standing(site, &account.sub).await?,
                account: Some(account),
            }
        };
        if person.account.is_none() && person.standing.record.is_none() {
            return Err(nobody(site, who));
        }
        Ok(person)
    }

    /// What the tables say of a user at this moment.
    pub(super) async fn standing(site: &Site, sub: &str) -> Result<Standing> {
        let roles = site.stage.access.roles.keys();
        let roles: Vec<&str> = roles.map(|name| name.as_str()).collect();
        let standing = site.aws.standing(&site.tables, sub, &roles).await;
        standing.map_err(|fault| fault.while_doing(format!("could not read the record of `{sub}`")))
    }

    /// The record, or the one the first sign-in would make.
    pub(super) fn record(&self, stage: &Stage) -> Record {
        match (&self.standing.record, &self.account) {
            (Some(record), _) => record.clone(),
            (None, Some(account)) => account.record(&stage.access.default_role, SystemTime::now()),
            (None, None) => Record::default(),
        }
    }

    /// What the user is called in front of people.
    pub(super) fn name(&self) -> &str {
        let account = self.account.as_ref();
        account
            .map(Account::name)
            .or(self.standing.record.as_ref().map(Record::name))
            .unwrap_or(&self.sub)
    }

    /// Everything, as the contract writes it.
    pub(super) fn document(&self, stage: &Stage) -> Value {
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
            "role": role,
            "permissions": record.permissions,
            "effective_permissions": self.effective(stage),
            "domains": self.standing.domains,
            "status": status_of(&record),
            "created_at": self.standing.record.as_ref().and(record.created_at.as_deref()),
            "recorded": self.standing.record.is_some(),
            "pending": record.pending,
            "deliveries": record.deliveries,
            "cognito": account,
        })
    }

    /// The same, to read.
    pub(super) fn pairs(&self, stage: &Stage) -> Vec<(String, String)> {
        let record = self.record(stage);
        let mut pairs = vec![
            ("email", record.email.clone().unwrap_or_default()),
            ("sub", self.sub.clone()),
        ];
        match &self.account {
            Some(account) => {
                if account.username != self.sub {
                    pairs.push(("username", account.username.clone()));
                }
                let disabled = if account.enabled { "" } else { ", disabled" };
                pairs.push(("in Cognito", format!("{}{disabled}", account.status)));
            }
            None => pairs.push(("in Cognito", "not there any more".to_owned())),
        }
        pairs.extend([
            ("status", status_of(&record).to_owned()),
            ("role", role_of(&record, stage).to_owned()),
            ("own permissions", record.permissions.join(", ")),
            ("permissions in all", self.effective(stage).join(", ")),
            ("domains", domains_text(&self.standing.domains)),
        ]);
        match &self.standing.record {
            Some(_) => pairs.push(("created", record.created_at.clone().unwrap_or_default())),
            None => pairs.push((
                "created",
                "no record yet; the first sign-in makes it".to_owned(),
            )),
        }
        pairs.push(("deliveries owed", record.pending.join(", ")));
        for (name, delivery) in &record.deliveries {
            let reason = delivery.reason.as_deref().unwrap_or_default();
            let at = delivery.at.as_deref().unwrap_or_default();
            let line = format!("{name} {} {at} {reason}", delivery.state);
            pairs.push(("delivery", line.trim_end().to_owned()));
        }
        pairs
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// What the next token permits: the role's permissions and the user's own.
    pub(super) fn effective(&self, stage: &Stage) -> Vec<String> {
        let record = self.record(stage);
        effective(&record, role_of(&record, stage), &self.standing.roles)
    }
}

/// What a record permits, given what the roles do.
pub(super) fn effective(
    record: &Record,
    role: &str,
    roles: &BTreeMap<String, Vec<String>>,
) -> Vec<String> {
    let of_role = roles.get(role).into_iter().flatten();
    compact(of_role.chain(&record.permissions).map(String::as_str))
}

/// The role a token of this user carries.
pub(super) fn role_of<'a>(record: &'a Record, stage: &'a Stage) -> &'a str {
    record.role.as_deref().unwrap_or(&stage.access.default_role)
}

/// `active`, or why the user gets no token.
pub(super) fn status_of(record: &Record) -> &str {
    record.status.as_deref().unwrap_or("active")
}

/// `acme.com (admin), example.com (member)`.
pub(super) fn domains_text(domains: &BTreeMap<String, String>) -> String {
    let texts: Vec<String> = domains
        .iter()
        .map(|(domain, role)| match role.as_str() {
            "" => domain.clone(),
            role => format!("{domain} ({role})"),
        })
        .collect();
    texts.join(", ")
}

/// A record of a list, as the contract writes it.
pub(super) fn row_document(
    record: &Record,
    domains: &BTreeMap<String, String>,
    stage: &Stage,
) -> Map<String, Value> {
    Map::from_iter([
        ("sub".to_owned(), json!(record.sub)),
        ("email".to_owned(), json!(record.email)),
        ("role".to_owned(), json!(role_of(record, stage))),
        ("permissions".to_owned(), json!(record.permissions)),
        ("domains".to_owned(), json!(domains)),
        ("status".to_owned(), json!(status_of(record))),
        ("created_at".to_owned(), json!(record.created_at)),
    ])
}

/// Whether this is the shape of a `sub`: a UUID.
fn is_sub(who: &str) -> bool {
    who.len() == 36 && uuid::Uuid::try_parse(who).is_ok()
}

/// What the pool calls such a name.
fn attribute(who: &str) -> &'static str {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if is_sub(who) {
        "sub"
    } else if who.contains('@') {
        "email"
    } else if who.strip_prefix('+').is_some_and(is_number) {
        "phone_number"
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

fn nobody(site: &Site, who: &str) -> Error {
    let stage = &site.stage.name;
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
    fn what_a_user_may_do_is_the_roles_and_the_own_said_shortly() {
        let mut record = Record::default();
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
