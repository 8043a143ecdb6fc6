//! Whom a plan hits beyond the resources it names, said with the change: a domain has members, a role is held, applications
//! have a client's ID, and people sign in through a provider.

use futures::future::try_join_all;
use saasauth_contract::keys::{META, domain_of, role_of};

use crate::aws::{Aws, Fault, trace};
use saasauth_model::error::{Error, Result};
use saasauth_model::plan::{Action, Change};
use saasauth_model::resource::{Kind, LogicalId};

/// A deletion that takes something from people, which putting it back into the file doesn't give back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// What is deleted.
    pub id: LogicalId,
    /// Whom that hits.
    pub whom: String,
    /// What may have been meant.
    pub hint: Option<&'static str>,
}

/// Whom a change may hit.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Subject {
    /// The members of a domain: table and domain.
    Members(String, String),
    /// Those who hold a role: table and role.
    Holders(String, String),
    /// Whoever signs in through a provider: pool and provider.
    Federated(String, String),
    /// Whatever application has the client's ID.
    Applications,
}

/// Adds to each change that hits people how many they are, and gives the deletions that nobody should make by accident: one
/// request or a few for each such change, and none without.
///
/// # Errors
/// When AWS doesn't answer.
pub async fn say_whom_it_hits(aws: &Aws, changes: &mut [Change]) -> Result<Vec<Loss>> {
    let hit = changes.iter_mut().filter_map(|change| {
        let subject = subject(change)?;
        Some((subject, change))
    });
    let told = hit.map(|(subject, change)| {
        trace::beside(async move {
            let id = &change.logical_id;
            let whom = whom(aws, &subject, change.action)
                .await
                .map_err(|fault| fault.while_doing(format!("could not count whom `{id}` hits")))?;
            let Some(whom) = whom else {
                return Ok(None);
            };
            let is_loss = change.action == Action::Delete;
            let mut reasons: Vec<String> = change.reason.take().into_iter().collect();
            reasons.push(whom.clone());
            if is_loss {
                reasons.push(format!("wants `--allow-delete {id}`"));
            }
            change.reason = Some(reasons.join("; "));
            let id = id.clone();
            let hint = (subject == Subject::Applications).then_some(
                "a client that was only renamed keeps its ID: give it `renamed_from: OLD_NAME`",
            );
            Ok::<_, Error>(is_loss.then_some(Loss { id, whom, hint }))
        })
    });
    Ok(try_join_all(told).await?.into_iter().flatten().collect())
}

async fn whom(aws: &Aws, subject: &Subject, action: Action) -> Result<Option<String>, Fault> {
    Ok(match subject {
        Subject::Members(table, domain) => {
            let members = aws.count_members(table, domain).await?;
            (members > 0).then(|| effect(action, members))
        }
        Subject::Holders(table, role) => {
            let (holders, more) = aws.count_holders(table, role).await?;
            let holders = counted(holders, more, "user holds", "users hold");
            holders.map(|holders| format!("{holders} `{role}`, and may do nothing without it"))
        }
        Subject::Federated(pool, provider) => {
            let (users, more) = aws.count_federated(pool, provider).await?;
            let users = counted(users, more, "user signs in", "users sign in");
            users.map(|users| format!("{users} through it, and no longer can"))
        }
        Subject::Applications => Some(
            "applications that hold its client ID stop signing in, and a new one has another ID"
                .to_owned(),
        ),
    })
}

/// So many of them; nothing for none.
fn counted(count: usize, more: bool, one: &str, many: &str) -> Option<String> {
    match (count, more) {
        (0, _) => None,
        (1, false) => Some(format!("1 {one}")),
        (count, false) => Some(format!("{count} {many}")),
        (count, true) => Some(format!("at least {count} {many}")),
    }
}

fn subject(change: &Change) -> Option<Subject> {
    let is_deleted = change.action == Action::Delete;
    let parts: Vec<&str> = change.physical_id.as_deref()?.split('|').collect();
    match (change.kind, &parts[..]) {
        (Kind::Item, [table, key, sort_key])
            if is_deleted || matches!(change.action, Action::Update) =>
        {
            if let Some(domain) = domain_of(key).filter(|_| *sort_key == META) {
                return Some(Subject::Members((*table).to_owned(), domain.to_owned()));
            }
            let role = role_of(key).filter(|_| is_deleted)?;
            Some(Subject::Holders((*table).to_owned(), role.to_owned()))
        }
        (Kind::UserPoolClient, _) if is_deleted => Some(Subject::Applications),
        (Kind::UserPoolIdentityProvider, [pool, provider]) if is_deleted => Some(
            Subject::Federated((*pool).to_owned(), (*provider).to_owned()),
        ),
        _ => None,
    }
}

fn effect(action: Action, members: usize) -> String {
    let who = match members {
        1 => "its 1 member".to_owned(),
        members => format!("its {members} members"),
    };
    match action {
        Action::Delete => format!("{who} lose it at the next token, and the role it gave"),
        _ => format!("at the next token, for {who}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(action: Action, kind: Kind, physical_id: &str) -> Change {
        Change {
            logical_id: "DomainAcmeCom".to_owned(),
            type_name: "SaasAuth::DynamoDB::Item",
            physical_id: Some(physical_id.to_owned()),
            action,
            reason: None,
            properties: Vec::new(),
            kind,
        }
    }

    #[test]
    fn what_hits_people_is_told_from_all_else() {
        let of = |action, kind, id: &str| subject(&change(action, kind, id));
        let two = |make: fn(String, String) -> Subject, one: &str, other: &str| {
            Some(make(one.to_owned(), other.to_owned()))
        };
        let domain = "acme-domains|DOMAIN#acme.com|META";
        for action in [Action::Update, Action::Delete] {
            let members = two(Subject::Members, "acme-domains", "acme.com");
            assert_eq!(of(action, Kind::Item, domain), members);
        }
        assert_eq!(of(Action::Create, Kind::Item, domain), None);
        let role = "acme-permissions|ROLE#admin|";
        let holders = two(Subject::Holders, "acme-permissions", "admin");
        assert_eq!(of(Action::Delete, Kind::Item, role), holders);
        assert_eq!(of(Action::Update, Kind::Item, role), None);
        let provider = Kind::UserPoolIdentityProvider;
        let federated = two(Subject::Federated, "eu-west-1_a", "Google");
        assert_eq!(
            of(Action::Delete, provider, "eu-west-1_a|Google"),
            federated
        );
        let client = Kind::UserPoolClient;
        let applications = Some(Subject::Applications);
        assert_eq!(of(Action::Delete, client, "eu-west-1_a|1"), applications);
        assert_eq!(of(Action::Update, client, "eu-west-1_a|1"), None);
        assert_eq!(of(Action::Delete, Kind::Table, "acme-domains"), None);
    }

    #[test]
    fn counts_read_as_words() {
        let told = |count, more| counted(count, more, "user holds", "users hold");
        assert_eq!(told(0, false), None);
        assert_eq!(told(1, false).as_deref(), Some("1 user holds"));
        assert_eq!(told(60, true).as_deref(), Some("at least 60 users hold"));
    }
}
