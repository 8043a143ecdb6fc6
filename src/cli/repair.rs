//! `saasauth repair`

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Args;
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use super::context::Context;
use super::site::Site;
use crate::aws::directory::{Account, Record};
use crate::aws::trace;
use crate::error::{Error, Result};

/// How many users are seen to side by side; far below what Lambda takes.
const AT_ONCE: usize = 8;

/// How long a user may be confirmed and still have no record: Cognito gives the trigger five seconds,
/// three times. Made before the trigger's own, a record would cost the user the welcome and the domain.
const SETTLED: Duration = Duration::from_secs(20);

/// What Cognito calls a user who has an account of their own and proved the address.
const CONFIRMED: &str = "CONFIRMED";

/// Deliver what is still owed to users, and record those who have no record
#[derive(Debug, Args)]
pub(super) struct RepairArgs {
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Try deliveries that failed for good once more
    #[arg(long)]
    failed: bool,
}

/// What was found.
struct Found {
    /// Users who are owed something, or for whom something failed.
    owed: Vec<Record>,
    /// Confirmed users without a record.
    unrecorded: Vec<Account>,
    /// Those of them who were confirmed so recently that their record may still come.
    recent: Vec<Account>,
}

/// What was done.
#[derive(Debug, Default)]
struct Done {
    /// Users whose failed deliveries are owed again.
    requeued: BTreeSet<String>,
    /// Users whose deliveries were handed over.
    handed_over: BTreeSet<String>,
    /// Users who have a record now.
    recorded: BTreeSet<String>,
    errors: Vec<Error>,
}

pub(super) async fn run(args: RepairArgs, context: &Context) -> Result<ExitCode> {
    let project = context.project()?;
    let stage = context.stage(&project)?;
    let site = Site::open(context, &project, stage).await?;
    let repairing = Box::pin(async {
        let found = find(&site).await?;
        let done = if args.dry_run {
            Done::default()
        } else {
            repair(&site, &found, args.failed).await?
        };
        Ok((found, done))
    });
    let (found, done) = site.work(context, repairing).await?;
    if context.global.json {
        context.ui.json(&document(&site, &args, &found, &done))?;
    } else {
        show(context, &site, &args, &found, &done)?;
    }
    match Error::together(done.errors) {
        Some(error) => Err(error),
        None => Ok(ExitCode::SUCCESS),
    }
}

async fn find(site: &Site) -> Result<Found> {
    let (accounts, records) = tokio::join!(
        trace::beside(
            site.aws
                .accounts(&site.pool, Some(("cognito:user_status", CONFIRMED)))
        ),
        trace::beside(site.aws.records(&site.tables, None, None)),
    );
    let doing = |what: &'static str| move |fault: crate::aws::Fault| fault.while_doing(what);
    let accounts = accounts.map_err(doing("could not list the users of the pool"))?;
    let records = records.map_err(doing("could not list the records"))?.items;
    let recorded: BTreeSet<&str> = records.iter().map(|record| record.sub.as_str()).collect();
    let (recent, mut unrecorded): (Vec<Account>, Vec<Account>) = accounts
        .into_iter()
        .filter(|account| account.status == CONFIRMED && !recorded.contains(account.sub.as_str()))
        .partition(|account| is_recent(account, SystemTime::now()));
    let mut owed: Vec<Record> = records
        .into_iter()
        .filter(|record| !record.pending.is_empty() || record.failed().next().is_some())
        .collect();
    owed.sort_by(|a, b| a.name().cmp(b.name()));
    unrecorded.sort_by(|a, b| a.username.cmp(&b.username));
    Ok(Found {
        owed,
        unrecorded,
        recent,
    })
}

fn is_recent(account: &Account, now: SystemTime) -> bool {
    account
        .modified
        .is_some_and(|modified| modified + SETTLED > now)
}

/// Sees to everybody; what fails for one doesn't keep the others waiting.
async fn repair(site: &Site, found: &Found, failed_too: bool) -> Result<Done> {
    let mut done = Done::default();
    let to_do: Vec<&Record> = found
        .owed
        .iter()
        .filter(|record| !record.pending.is_empty() || failed_too)
        .collect();
    if !to_do.is_empty() {
        // Asked for only when needed, so that users can be recorded without it.
        let function = site.confirm_user()?;
        let deliveries = to_do.iter().map(|record| {
            trace::beside(async move {
                let redelivered = redeliver(site, function, record, failed_too).await;
                (record.sub.clone(), redelivered)
            })
        });
        let mut deliveries = stream::iter(deliveries).buffer_unordered(AT_ONCE);
        while let Some((sub, redelivered)) = deliveries.next().await {
            match redelivered {
                Ok(requeued) => {
                    if requeued {
                        done.requeued.insert(sub.clone());
                    }
                    done.handed_over.insert(sub);
                }
                Err(error) => done.errors.push(error),
            }
        }
    }
    let records = found.unrecorded.iter().map(|account| {
        trace::beside(async move {
            let role = &site.stage.access.default_role;
            let record = account.record(role, SystemTime::now());
            let written = site.aws.change_user(&site.tables, None, &record, None);
            let doing = format!("could not record `{}`", record.name());
            let written = written.await.map_err(|fault| fault.while_doing(doing));
            (account.sub.clone(), written)
        })
    });
    let mut records = stream::iter(records).buffer_unordered(AT_ONCE);
    while let Some((sub, written)) = records.next().await {
        match written {
            Ok(true) => drop(done.recorded.insert(sub)),
            // The trigger, or a sign-in, was faster.
            Ok(false) => {}
            Err(error) => done.errors.push(error),
        }
    }
    Ok(done)
}

/// Hands the deliveries of a user over, those that failed among them when asked for. Says whether there
/// were such.
async fn redeliver(site: &Site, function: &str, record: &Record, failed_too: bool) -> Result<bool> {
    let failed: Vec<&str> = record.failed().map(|(name, _)| name).collect();
    let mut requeued = false;
    if failed_too && !failed.is_empty() {
        let answer = site.aws.requeue(&site.tables, &record.sub, &failed).await;
        let doing = format!(
            "could not queue the deliveries of `{}` again",
            record.name()
        );
        requeued = answer.map_err(|fault| fault.while_doing(doing))?;
    }
    let handed_over = site.aws.hand_over(function, &record.sub).await;
    let doing = format!("could not hand the deliveries of `{}` over", record.name());
    handed_over.map_err(|fault| fault.while_doing(doing))?;
    Ok(requeued)
}

fn document(site: &Site, args: &RepairArgs, found: &Found, done: &Done) -> Value {
    let owed: Vec<Value> = found
        .owed
        .iter()
        .map(|record| {
            let failed: Vec<Value> = record
                .failed()
                .map(|(name, delivery)| {
                    json!({
                        "name": name,
                        "at": delivery.at,
                        "attempts": delivery.attempts,
                        "reason": delivery.reason,
                    })
                })
                .collect();
            json!({
                "sub": record.sub,
                "email": record.email,
                "pending": record.pending,
                "failed": failed,
                "requeued": done.requeued.contains(&record.sub),
                "handed_over": done.handed_over.contains(&record.sub),
            })
        })
        .collect();
    let account = |account: &Account| {
        json!({
            "sub": account.sub,
            "email": account.email(),
            "role": site.stage.access.default_role,
            "recorded": done.recorded.contains(&account.sub),
        })
    };
    json!({
        "stage": site.stage.name,
        "dry_run": args.dry_run,
        "owed": owed,
        "unrecorded": found.unrecorded.iter().map(account).collect::<Vec<_>>(),
        "recent": found.recent.iter().map(account).collect::<Vec<_>>(),
    })
}

fn show(
    context: &Context,
    site: &Site,
    args: &RepairArgs,
    found: &Found,
    done: &Done,
) -> Result<()> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for record in &found.owed {
        let failed: Vec<String> = record
            .failed()
            .map(|(name, delivery)| match &delivery.reason {
                Some(reason) => format!("{name}: {reason}"),
                None => name.to_owned(),
            })
            .collect();
        let what = if done.requeued.contains(&record.sub) {
            "queued again and handed over"
        } else if done.handed_over.contains(&record.sub) {
            "handed over"
        } else if record.pending.is_empty() && !args.failed {
            "failed for good"
        } else if args.dry_run {
            "to hand over"
        } else {
            "not handed over"
        };
        rows.push(vec![
            record.name().to_owned(),
            record.pending.join(", "),
            failed.join("; "),
            what.to_owned(),
        ]);
    }
    for account in &found.unrecorded {
        let role = &site.stage.access.default_role;
        let what = if done.recorded.contains(&account.sub) {
            format!("recorded as {role}")
        } else if args.dry_run {
            format!("to record as {role}")
        } else {
            "not recorded, or recorded meanwhile".to_owned()
        };
        let name = account.email().unwrap_or(&account.username).to_owned();
        rows.push(vec![name, String::new(), String::new(), what]);
    }
    if rows.is_empty() {
        context
            .ui
            .success(&format!("nothing to repair in stage `{}`", site.stage.name));
    } else {
        context
            .ui
            .table(&["user", "owed", "failed", "repair"], &rows)?;
    }
    if !found.recent.is_empty() {
        context.ui.note(&format!(
            "{} confirmed moments ago have no record yet; run the command again in a minute",
            found.recent.len()
        ));
    }
    let failed_only = found
        .owed
        .iter()
        .any(|record| record.failed().next().is_some());
    if failed_only && !args.failed {
        context
            .ui
            .hint("try those that failed once more with `--failed`, after mending the reason");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_user_confirmed_just_now_is_left_to_the_trigger() {
        let now = SystemTime::now();
        let account = |ago| Account {
            username: "ada".to_owned(),
            sub: "s-1".to_owned(),
            attributes: BTreeMap::new(),
            status: CONFIRMED.to_owned(),
            enabled: true,
            modified: Some(now - Duration::from_secs(ago)),
        };
        assert!(is_recent(&account(1), now));
        assert!(!is_recent(&account(60), now));
    }
}
