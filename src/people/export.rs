//! All users of a stage, to be taken elsewhere or kept: what the pool knows of each, and what the tables add.
//!
//! Passwords are not among it: Cognito gives them to nobody.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{DeployedStage, Domains, domains_of, role_of, status_of};
use crate::aws::users::{Account, Memberships, UserRecord};
use crate::aws::{Fault, trace};
use saasauth_model::error::Result;
use saasauth_model::project::stage::Stage;

/// What is read before the accounts: by the users' names and `sub`s.
#[derive(Debug, Default)]
struct Beside {
    groups: BTreeMap<String, BTreeSet<String>>,
    records: BTreeMap<String, UserRecord>,
    memberships: BTreeMap<String, Memberships>,
}

/// Hands every user to `each`, as one JSON object, page by page; those whose `sub` is among `known` are left out. Returns
/// how many there were.
///
/// # Errors
/// When AWS doesn't answer, or `each` fails.
pub async fn export(
    deployed: &DeployedStage,
    known: &BTreeSet<String>,
    mut each: impl FnMut(&[Value]) -> Result<()>,
) -> Result<usize> {
    let doing = |fault: Fault| fault.while_doing("could not export the users");
    let beside = beside(deployed).await.map_err(doing)?;
    let mut token = None;
    let mut count = 0;
    loop {
        let page = deployed.aws.account_page(&deployed.pool, token).await;
        let (page, next) = page.map_err(doing)?;
        let lines: Vec<Value> = page
            .iter()
            .filter(|account| !known.contains(&account.sub))
            .map(|account| line(account, &beside, &deployed.stage))
            .collect();
        count += lines.len();
        each(&lines)?;
        token = next;
        if token.is_none() {
            return Ok(count);
        }
    }
}

async fn beside(deployed: &DeployedStage) -> crate::aws::Result<Beside> {
    let DeployedStage {
        aws, tables, pool, ..
    } = deployed;
    let (groups, records, memberships) = tokio::join!(
        trace::beside(aws.groups_of_users(pool)),
        trace::beside(aws.records(tables, |_| true, None)),
        trace::beside(aws.all_memberships(tables)),
    );
    let records = records?.items.into_iter();
    Ok(Beside {
        groups: groups?,
        records: records.map(|record| (record.sub.clone(), record)).collect(),
        memberships: memberships?,
    })
}

fn line(account: &Account, beside: &Beside, stage: &Stage) -> Value {
    let record = beside.records.get(&account.sub);
    let memberships = beside.memberships.get(&account.sub);
    let domains: Domains = memberships
        .map(|memberships| domains_of(memberships, stage))
        .unwrap_or_default();
    let access = record.map(|record| {
        json!({
            "role": role_of(record, stage),
            "role_from": record.role_from,
            "permissions": record.permissions,
            "status": status_of(record),
        })
    });
    json!({
        "sub": account.sub,
        "username": account.username,
        "status": account.status,
        "enabled": account.enabled,
        "created_at": account.created,
        "attributes": account.attributes,
        "groups": beside.groups.get(&account.username),
        "access": access,
        "domains": domains,
    })
}
