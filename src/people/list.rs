//! The users there are.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use super::{DeployedStage, Domains, domains_of, role_of, status_of};
use crate::aws::users::{Memberships, Part, UserRecord};
use crate::aws::{Fault, trace};
use saasauth_model::error::Result;
use saasauth_model::project::stage::Stage;

/// How many memberships are read side by side.
const AT_ONCE: usize = 16;

/// Which users are listed.
#[derive(Debug, Clone)]
pub struct Filter {
    /// Only those with this role.
    pub role: Option<String>,
    /// Only those who belong to this domain.
    pub domain: Option<String>,
    /// How many at most.
    pub limit: usize,
}

/// Users, by email address; those without one last.
#[derive(Debug)]
pub struct Listed {
    /// Their records and memberships.
    pub users: Vec<(UserRecord, Domains)>,
    /// Whether there are more than were asked for.
    pub more: bool,
}

impl Listed {
    /// As the contract writes it.
    pub fn document(&self, stage: &Stage) -> Value {
        let users = self.users.iter().map(|(record, domains)| {
            json!({
                "sub": record.sub,
                "email": record.email,
                "role": role_of(record, stage),
                "permissions": record.permissions,
                "domains": domains,
                "status": status_of(record),
                "created_at": record.created_at,
            })
        });
        json!({
            "stage": stage.name,
            "users": users.collect::<Vec<_>>(),
            "more": self.more,
        })
    }
}

/// Lists users who have a record.
pub async fn list(deployed: &DeployedStage, filter: &Filter) -> Result<Listed> {
    let mut found = records(deployed, filter).await?;
    let rank = |record: &UserRecord| (record.email.is_none(), record.name().to_owned());
    found.items.sort_by_cached_key(rank);
    let mut memberships = memberships(deployed, filter, &found).await?;
    let users = found.items.into_iter().map(|record| {
        let joined = memberships.remove(&record.sub).unwrap_or_default();
        (record, domains_of(&joined, &deployed.stage))
    });
    Ok(Listed {
        users: users.collect(),
        more: found.more,
    })
}

/// The users asked for, in no order.
async fn records(deployed: &DeployedStage, filter: &Filter) -> Result<Part<UserRecord>> {
    let doing = |fault: Fault| fault.while_doing("could not list the users");
    let limit = filter.limit;
    // What the record says is not all of it: a domain's role is the domain's.
    let has_role = |record: &UserRecord| {
        let role = filter.role.as_ref();
        role.is_none_or(|role| role_of(record, &deployed.stage) == role)
    };
    let Some(domain) = &filter.domain else {
        let records = deployed
            .aws
            .records(&deployed.tables, has_role, Some(limit))
            .await;
        return records.map_err(doing);
    };
    let domain = domain.to_lowercase();
    let subs = deployed
        .aws
        .members(&deployed.tables, &domain)
        .await
        .map_err(doing)?;
    let records = deployed.aws.records_of(&deployed.tables, &subs).await;
    let mut items: Vec<UserRecord> = records
        .map_err(doing)?
        .into_iter()
        .filter(has_role)
        .collect();
    let more = items.len() > limit;
    items.truncate(limit);
    Ok(Part { items, more })
}

/// The memberships of those users. When these are all there are, one pass over the table tells; of many
/// users some, each is asked for.
async fn memberships(
    deployed: &DeployedStage,
    filter: &Filter,
    users: &Part<UserRecord>,
) -> Result<BTreeMap<String, Memberships>> {
    let doing = |fault: Fault| fault.while_doing("could not list the memberships");
    let are_all = filter.role.is_none() && filter.domain.is_none() && !users.more;
    if are_all {
        return deployed
            .aws
            .all_memberships(&deployed.tables)
            .await
            .map_err(doing);
    }
    let reads = users.items.iter().map(|record| {
        trace::beside(async {
            let domains = deployed
                .aws
                .memberships(&deployed.tables, &record.sub)
                .await;
            domains.map(|domains| (record.sub.clone(), domains))
        })
    });
    stream::iter(reads)
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
        .map_err(doing)
}
