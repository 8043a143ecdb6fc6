//! `saasauth repair`

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Args;
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use super::context::Context;
use super::site::Site;
use crate::aws::trace;
use crate::aws::users::{Account, Record};
use saasauth_model::error::{Error, Result};

/// How many users are seen to side by side; far below what Lambda takes.
const AT_ONCE: usize = 8;

/// How long a user may be confirmed and still have no record: Cognito gives the trigger five seconds,
/// three times. Handed over meanwhile, a confirmation would only be made twice, to the same end.
const SETTLED: Duration = Duration::from_secs(20);

/// What Cognito calls a user who has an account of their own and proved the address.
const CONFIRMED: &str = "CONFIRMED";

/// Deliver what is still owed to users, and find those who were confirmed and have no record
#[derive(Debug, Args)]
pub(super) struct RepairArgs {
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Try deliveries that failed for good once more
    #[arg(long)]
    failed: bool,
    /// Confirm users whom no sign-up has recorded as if they had just signed up: domain, welcome, platforms;
    /// that means users made by an administrator, too
    #[arg(long)]
    confirm: bool,
}

/// What was found.
struct Found {
    /// Users who are owed something, or for whom something failed.
    owed: Vec<Record>,
    /// Confirmed users without a record; with `--confirm` also those whose record says nothing of it.
    unconfirmed: Vec<Account>,
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
    /// Users whose confirmation was handed over.
    confirmed: BTreeSet<String>,
    errors: Vec<Error>,
}

pub(super) async fn run(args: RepairArgs, context: &Context) -> Result<ExitCode> {
    let project = context.project()?;
    let stage = context.stage(&project)?;
    let site = Site::open(context, &project, stage).await?;
    let repairing = Box::pin(async {
        let found = find(&site, args.confirm).await?;
        let done = if args.dry_run {
            Done::default()
        } else {
            repair(&site, &found, &args).await?
        };
        Ok((found, done))
    });
    let (found, done) = site.work(repairing).await?;
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

async fn find(site: &Site, unconfirmed_too: bool) -> Result<Found> {
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
    let seen_to: BTreeSet<&str> = records
        .iter()
        .filter(|record| record.confirmed || !unconfirmed_too)
        .map(|record| record.sub.as_str())
        .collect();
    let (recent, mut unconfirmed): (Vec<Account>, Vec<Account>) = accounts
        .into_iter()
        .filter(|account| account.status == CONFIRMED && !seen_to.contains(account.sub.as_str()))
        .partition(|account| is_recent(account, SystemTime::now()));
    let mut owed: Vec<Record> = records
        .into_iter()
        .filter(|record| !record.pending.is_empty() || record.failed().next().is_some())
        .collect();
    owed.sort_by(|a, b| a.name().cmp(b.name()));
    unconfirmed.sort_by(|a, b| a.username.cmp(&b.username));
    Ok(Found {
        owed,
        unconfirmed,
        recent,
    })
}

fn is_recent(account: &Account, now: SystemTime) -> bool {
    account
        .modified
        .is_some_and(|modified| modified + SETTLED > now)
}

/// Sees to everybody; what fails for one doesn't keep the others waiting.
async fn repair(site: &Site, found: &Found, args: &RepairArgs) -> Result<Done> {
    let mut done = Done::default();
    let owed: Vec<&Record> = found
        .owed
        .iter()
        .filter(|record| !record.pending.is_empty() || args.failed)
        .collect();
    let unconfirmed: &[Account] = if args.confirm {
        &found.unconfirmed
    } else {
        &[]
    };
    if owed.is_empty() && unconfirmed.is_empty() {
        return Ok(done);
    }
    let function = site.confirm_user()?;
    let deliveries = owed.iter().map(|record| {
        trace::beside(async move {
            let redelivered = redeliver(site, function, record, args.failed).await;
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
    let confirmations = unconfirmed.iter().map(|account| {
        trace::beside(async move {
            let handed_over = site
                .aws
                .hand_over_confirmation(function, &site.pool, account);
            let doing = format!("could not hand `{}` over", account.name());
            let handed_over = handed_over.await.map_err(|fault| fault.while_doing(doing));
            handed_over.map(|()| account.sub.clone())
        })
    });
    let mut confirmations = stream::iter(confirmations).buffer_unordered(AT_ONCE);
    while let Some(confirmed) = confirmations.next().await {
        match confirmed {
            Ok(sub) => drop(done.confirmed.insert(sub)),
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
    let handed_over = site.aws.hand_over_deliveries(function, &record.sub).await;
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
            "handed_over": done.confirmed.contains(&account.sub),
        })
    };
    json!({
        "stage": site.stage.name,
        "dry_run": args.dry_run,
        "owed": owed,
        "unconfirmed": found.unconfirmed.iter().map(account).collect::<Vec<_>>(),
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
    for account in &found.unconfirmed {
        let what = if done.confirmed.contains(&account.sub) {
            "confirmation handed over"
        } else if !args.confirm {
            "has no record"
        } else if args.dry_run {
            "to confirm"
        } else {
            "not handed over"
        };
        rows.push(vec![
            account.name().to_owned(),
            String::new(),
            String::new(),
            what.to_owned(),
        ]);
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
    if !found.unconfirmed.is_empty() && !args.confirm {
        context.ui.hint(
            "the first sign-in makes a record; give who signed up a welcome and their domain, too, with `--confirm`",
        );
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
