//! `saasauth user list`

use std::collections::BTreeMap;

use clap::Args;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use super::person::{domains_text, role_of, row_document, status_of};
use crate::aws::directory::{Part, Record};
use crate::aws::trace;
use crate::cli::context::Context;
use crate::cli::site::Site;
use saasauth_model::error::Result;
use saasauth_model::project::words;

/// How many memberships are read side by side.
const AT_ONCE: usize = 16;

/// Roles in domains by domain, by `sub`.
type Memberships = BTreeMap<String, BTreeMap<String, String>>;

/// List users, by email address
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only users with this role
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// Only users who belong to this domain
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

pub(super) async fn run(args: ListArgs, context: &Context) -> Result<()> {
    let project = context.project()?;
    let stage = context.stage(&project)?;
    if let Some(role) = args
        .role
        .as_ref()
        .filter(|role| !stage.access.roles.contains_key(*role))
    {
        let known = stage.access.roles.keys().map(|name| name.as_str());
        let hint = words::hint(role, known);
        context
            .ui
            .warn(&format!("the project file has no role `{role}`; {hint}"));
    }
    let site = Site::open(context, &project, stage).await?;
    let stage = &site.stage;
    let reading = Box::pin(async {
        let mut users = users(&site, &args).await?;
        users
            .items
            .sort_by(|a, b| (a.email.is_none(), a.name()).cmp(&(b.email.is_none(), b.name())));
        let memberships = memberships(&site, &args, &users).await?;
        Ok((users, memberships))
    });
    let (users, memberships) = site.work(reading).await?;
    let none = BTreeMap::new();
    let domains = |record: &Record| memberships.get(&record.sub).unwrap_or(&none);
    if context.global.json {
        let documents: Vec<Value> = users
            .items
            .iter()
            .map(|record| Value::Object(row_document(record, domains(record), stage)))
            .collect();
        return context.ui.json(&json!({
            "stage": stage.name,
            "users": documents,
            "more": users.more,
        }));
    }
    if users.items.is_empty() {
        context.ui.note("no users");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = users
        .items
        .iter()
        .map(|record| {
            vec![
                record.name().to_owned(),
                role_of(record, stage).to_owned(),
                record.permissions.join(", "),
                domains_text(domains(record)),
                status_of(record).to_owned(),
                record.created_at.clone().unwrap_or_default(),
            ]
        })
        .collect();
    let headers = [
        "email",
        "role",
        "permissions",
        "domains",
        "status",
        "created",
    ];
    context.ui.table(&headers, &rows)?;
    if users.more {
        context.ui.hint(&format!(
            "there are more; see them with `--limit {}`",
            args.limit.saturating_mul(10)
        ));
    }
    Ok(())
}

/// The users asked for, in no order.
async fn users(site: &Site, args: &ListArgs) -> Result<Part<Record>> {
    let doing = |fault: crate::aws::Fault| fault.while_doing("could not list the users");
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let default_role = &site.stage.access.default_role;
    let Some(domain) = &args.domain else {
        let role = args
            .role
            .as_ref()
            .map(|role| (role.as_str(), *default_role == *role));
        let records = site.aws.records(&site.tables, role, Some(limit)).await;
        return records.map_err(doing);
    };
    let domain = domain.to_lowercase();
    let subs = site
        .aws
        .members(&site.tables, &domain)
        .await
        .map_err(doing)?;
    let records = site.aws.records_of(&site.tables, &subs).await;
    let mut items: Vec<Record> = records
        .map_err(doing)?
        .into_iter()
        .filter(|record| {
            args.role
                .as_ref()
                .is_none_or(|role| record.role.as_ref().unwrap_or(default_role) == role)
        })
        .collect();
    let more = items.len() > limit;
    items.truncate(limit);
    Ok(Part { items, more })
}

/// The memberships of those users. When these are all there are, one pass over the table tells; of many
/// users some, each is asked for.
async fn memberships(site: &Site, args: &ListArgs, users: &Part<Record>) -> Result<Memberships> {
    let doing = |fault: crate::aws::Fault| fault.while_doing("could not list the memberships");
    let are_all = args.role.is_none() && args.domain.is_none() && !users.more;
    if are_all {
        return site.aws.all_memberships(&site.tables).await.map_err(doing);
    }
    let reads = users.items.iter().map(|record| {
        trace::beside(async {
            let domains = site.aws.roles_in_domains(&site.tables, &record.sub).await;
            domains.map(|domains| (record.sub.clone(), domains))
        })
    });
    stream::iter(reads)
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
        .map_err(doing)
}
