//! Delivering what users are still owed, and finding those who were confirmed and have no record.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use futures::{StreamExt, stream};
use saasauth_contract::record::SUB;
use serde_json::{Value, json};

use super::DeployedStage;
use super::failures::{Asked, Failures, Inbox, Outcome};
use crate::aws::trace;
use crate::aws::users::{Account, UserRecord};
use saasauth_model::error::{Error, Result};

/// How many users are seen to side by side; far below what Lambda takes.
const AT_ONCE: usize = 8;

/// How long a user may be confirmed and still have no record: Cognito gives the trigger five seconds,
/// three times. Handed over meanwhile, a confirmation would only be made twice, to the same end.
const SETTLED: Duration = Duration::from_secs(20);

/// What Cognito calls a user who has an account of their own and proved the address.
const CONFIRMED: &str = "CONFIRMED";

/// How far a repair goes.
#[derive(Debug, Clone, Copy, Default)]
pub struct RepairOptions {
    /// Only say what would be done.
    pub dry_run: bool,
    /// Try deliveries that failed for good once more.
    pub failed: bool,
    /// Confirm users whom no sign-up has recorded.
    pub confirm: bool,
}

/// What was found, and what was done about it.
#[derive(Debug, Default)]
pub struct Repair {
    /// How far it was to go.
    pub options: RepairOptions,
    /// Users who are owed something, or for whom something failed.
    pub owed: Vec<UserRecord>,
    /// Confirmed users without a record; with `confirm` also those whose record says nothing of it.
    pub unconfirmed: Vec<Account>,
    /// Those of them who were confirmed so recently that their record may still come.
    pub recent: Vec<Account>,
    /// What Lambda gave up.
    pub failures: Failures,
    /// Those of the users it gave up on whose confirmation is still to be made.
    unmade: Vec<Account>,
    /// Users whose failed deliveries are owed again, by `sub` as the next two.
    pub requeued: BTreeSet<String>,
    /// Users whose deliveries were handed over.
    pub handed_over: BTreeSet<String>,
    /// Users whose confirmation was handed over.
    pub confirmed: BTreeSet<String>,
    /// What failed meanwhile; it keeps nobody else waiting.
    pub errors: Vec<Error>,
}

/// Looks what there is to repair, and repairs it.
pub async fn repair(deployed: &DeployedStage, options: RepairOptions) -> Result<Repair> {
    if options.dry_run {
        let mut repair = find(deployed, options, &BTreeSet::new()).await?;
        match Failures::counted(deployed).await {
            Ok(failures) => repair.failures = failures,
            Err(error) => repair.errors.push(error),
        }
        return Ok(repair);
    }
    // Before the records are read, each of which was written before its message was sent.
    let (inbox, unread) = match Inbox::of(deployed).await {
        Ok(inbox) => (inbox, None),
        Err(error) => (Inbox::default(), Some(error)),
    };
    let given_up = inbox.to_confirm();
    let repaired = async {
        let mut repair = find(deployed, options, &given_up).await?;
        repair.carry_out(deployed).await?;
        Ok(repair)
    };
    let mut repair = match repaired.await {
        Ok(repair) => repair,
        Err(error) => {
            // The next who looks need not wait for what was taken here. That it can't be put back either is no news then.
            let none_is_done = |_: &Asked| Outcome::Failed;
            inbox.close(deployed, none_is_done, &mut Vec::new()).await;
            return Err(error);
        }
    };
    let mut errors = std::mem::take(&mut repair.errors);
    errors.extend(unread);
    let outcome = |asked: &Asked| repair.outcome(asked);
    repair.failures = inbox.close(deployed, outcome, &mut errors).await;
    repair.errors = errors;
    Ok(repair)
}

impl Repair {
    /// Whether deliveries wait for somebody to see to something first.
    pub fn waits_for_somebody(&self) -> bool {
        self.not_yet().next().is_some()
    }

    /// Whether mails wait for SES to verify who sends them, or in the sandbox, who gets them.
    pub fn waits_for_ses(&self) -> bool {
        self.not_yet().any(|reason| {
            // What confirmUser writes there: SES's own code and text.
            reason.starts_with("SES: ")
                && (reason.contains("not verified") || reason.contains("NotVerified"))
        })
    }

    /// What became of the work that a message asks for.
    fn outcome(&self, asked: &Asked) -> Outcome {
        let (Asked::Deliveries(sub) | Asked::Confirmation(sub)) = asked;
        let mut owed = self.owed.iter();
        let is_owed = owed.any(|record| record.sub == *sub && !record.pending.is_empty());
        let is_unmade = self.unmade.iter().any(|account| account.sub == *sub);
        let done = self.handed_over.contains(sub) || self.confirmed.contains(sub);
        match asked {
            _ if done => Outcome::HandedOver,
            Asked::Deliveries(_) if is_owed => Outcome::Failed,
            Asked::Confirmation(_) if is_owed || is_unmade => Outcome::Failed,
            // Delivered or given up meanwhile, as the record says, or of a user who is gone.
            _ => Outcome::Settled,
        }
    }

    /// The reasons of what waits for somebody.
    fn not_yet(&self) -> impl Iterator<Item = &str> {
        let waiting = self.owed.iter().flat_map(UserRecord::not_yet);
        waiting.map(|(_, delivery)| delivery.reason.as_deref().unwrap_or_default())
    }

    /// As the contract writes it.
    pub fn document(&self, stage: &str) -> Value {
        let owed: Vec<Value> = self
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
                let not_yet: Vec<Value> = record
                    .not_yet()
                    .map(|(name, delivery)| {
                        json!({
                            "name": name,
                            "at": delivery.at,
                            "until": delivery.until,
                            "attempts": delivery.attempts,
                            "reason": delivery.reason,
                        })
                    })
                    .collect();
                json!({
                    "sub": record.sub,
                    "email": record.email,
                    "pending": record.pending,
                    "not_yet": not_yet,
                    "failed": failed,
                    "requeued": self.requeued.contains(&record.sub),
                    "handed_over": self.handed_over.contains(&record.sub),
                })
            })
            .collect();
        let account = |account: &Account| {
            json!({
                "sub": account.sub,
                "email": account.email(),
                "handed_over": self.confirmed.contains(&account.sub),
            })
        };
        json!({
            "stage": stage,
            "dry_run": self.options.dry_run,
            "owed": owed,
            "unconfirmed": self.unconfirmed.iter().map(account).collect::<Vec<_>>(),
            "recent": self.recent.iter().map(account).collect::<Vec<_>>(),
            "queue": self.failures.document(),
        })
    }

    /// Sees to everybody; what fails for one doesn't keep the others waiting.
    async fn carry_out(&mut self, deployed: &DeployedStage) -> Result<()> {
        let failed_too = self.options.failed;
        let owed: Vec<&UserRecord> = self
            .owed
            .iter()
            .filter(|record| !record.pending.is_empty() || failed_too)
            .collect();
        // One of those that Lambda gave up may be among all others.
        let mut unconfirmed: BTreeMap<&str, &Account> = BTreeMap::new();
        let asked_for = self.unconfirmed.iter().filter(|_| self.options.confirm);
        for account in self.unmade.iter().chain(asked_for) {
            unconfirmed.insert(&account.sub, account);
        }
        if owed.is_empty() && unconfirmed.is_empty() {
            return Ok(());
        }
        let function = deployed.confirm_user()?;
        let deliveries = owed.iter().map(|record| {
            trace::beside(async move {
                let redelivered = redeliver(deployed, function, record, failed_too).await;
                (record.sub.clone(), redelivered)
            })
        });
        let mut deliveries = stream::iter(deliveries).buffer_unordered(AT_ONCE);
        while let Some((sub, redelivered)) = deliveries.next().await {
            match redelivered {
                Ok(requeued) => {
                    if requeued {
                        self.requeued.insert(sub.clone());
                    }
                    self.handed_over.insert(sub);
                }
                Err(error) => self.errors.push(error),
            }
        }
        let confirmations = unconfirmed.values().map(|&account| {
            trace::beside(async move {
                let handed_over =
                    deployed
                        .aws
                        .hand_over_confirmation(function, &deployed.pool, account);
                let doing = format!("could not hand `{}` over", account.name());
                let handed_over = handed_over.await.map_err(|fault| fault.while_doing(doing));
                handed_over.map(|()| account.sub.clone())
            })
        });
        let mut confirmations = stream::iter(confirmations).buffer_unordered(AT_ONCE);
        while let Some(confirmed) = confirmations.next().await {
            match confirmed {
                Ok(sub) => drop(self.confirmed.insert(sub)),
                Err(error) => self.errors.push(error),
            }
        }
        Ok(())
    }
}

/// `given_up` are users on whose confirmation Lambda gave up.
async fn find(
    deployed: &DeployedStage,
    options: RepairOptions,
    given_up: &BTreeSet<String>,
) -> Result<Repair> {
    let (accounts, records) = tokio::join!(
        trace::beside(
            deployed
                .aws
                .accounts(&deployed.pool, Some(("cognito:user_status", CONFIRMED)))
        ),
        trace::beside(deployed.aws.records(&deployed.tables, |_| true, None)),
    );
    let doing = |what: &'static str| move |fault: crate::aws::Fault| fault.while_doing(what);
    let accounts = accounts.map_err(doing("could not list the users of the pool"))?;
    let records = records.map_err(doing("could not list the records"))?.items;
    let seen_to: BTreeSet<&str> = records
        .iter()
        .filter(|record| record.confirmed || !options.confirm)
        .map(|record| record.sub.as_str())
        .collect();
    let unmade = unmade(deployed, given_up, &accounts, &records).await?;
    let (recent, mut unconfirmed): (Vec<Account>, Vec<Account>) = accounts
        .into_iter()
        .filter(|account| account.status == CONFIRMED && !seen_to.contains(account.sub.as_str()))
        .partition(|account| is_recent(account, SystemTime::now()));
    let mut owed: Vec<UserRecord> = records
        .into_iter()
        .filter(|record| !record.pending.is_empty() || record.failed().next().is_some())
        .collect();
    owed.sort_by(|a, b| a.name().cmp(b.name()));
    unconfirmed.sort_by(|a, b| a.username.cmp(&b.username));
    Ok(Repair {
        options,
        owed,
        unconfirmed,
        recent,
        unmade,
        ..Repair::default()
    })
}

/// Those of the users whose confirmation is still to be made: they have an account, and no record says that it was.
async fn unmade(
    deployed: &DeployedStage,
    given_up: &BTreeSet<String>,
    accounts: &[Account],
    records: &[UserRecord],
) -> Result<Vec<Account>> {
    let made: BTreeSet<&str> = records
        .iter()
        .filter(|record| record.confirmed)
        .map(|record| record.sub.as_str())
        .collect();
    let mut unmade = Vec::new();
    for sub in given_up.iter().filter(|sub| !made.contains(sub.as_str())) {
        let known = accounts.iter().find(|account| account.sub == *sub);
        match known {
            Some(account) => unmade.push(account.clone()),
            // Confirmed once, and of another status by now, or gone.
            None => {
                let found = deployed
                    .aws
                    .accounts(&deployed.pool, Some((SUB, sub)))
                    .await;
                let doing = format!("could not look the user `{sub}` up");
                unmade.extend(found.map_err(|fault| fault.while_doing(doing))?);
            }
        }
    }
    Ok(unmade)
}

fn is_recent(account: &Account, now: SystemTime) -> bool {
    account
        .modified
        .is_some_and(|modified| modified + SETTLED > now)
}

/// Hands the deliveries of a user over, those that failed among them when asked for. Says whether there
/// were such.
async fn redeliver(
    deployed: &DeployedStage,
    function: &str,
    record: &UserRecord,
    failed_too: bool,
) -> Result<bool> {
    let failed: Vec<&str> = record.failed().map(|(name, _)| name).collect();
    let mut requeued = false;
    if failed_too && !failed.is_empty() {
        let answer = deployed
            .aws
            .requeue(&deployed.tables, &record.sub, &failed)
            .await;
        let doing = format!(
            "could not queue the deliveries of `{}` again",
            record.name()
        );
        requeued = answer.map_err(|fault| fault.while_doing(doing))?;
    }
    let handed_over = deployed
        .aws
        .hand_over_deliveries(function, &record.sub)
        .await;
    let doing = format!("could not hand the deliveries of `{}` over", record.name());
    handed_over.map_err(|fault| fault.while_doing(doing))?;
    Ok(requeued)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_user_confirmed_just_now_is_left_to_the_trigger() {
        let now = SystemTime::now();
        let account = |ago| Account {
            created: None,
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
