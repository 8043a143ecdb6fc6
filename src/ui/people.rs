//! How users look on the terminal: one, a list of them, and what a repair found.

use super::Ui;
use super::text::{count, printable};
use crate::people::{Delivery, Domains, Failures, Listed, Person, Repair, role_of, status_of};
use saasauth_model::error::Result;
use saasauth_model::project::stage::Stage;

impl Ui {
    /// Writes what is known of a user, as the result of a command.
    pub fn person(&self, person: &Person, stage: &Stage) -> Result<()> {
        self.outputs(&pairs(person, stage))
    }

    /// Writes a list of users, as the result of a command.
    pub fn users(&self, listed: &Listed, stage: &Stage) -> Result<()> {
        if listed.users.is_empty() {
            self.note("no users");
            return Ok(());
        }
        let rows: Vec<Vec<String>> = listed
            .users
            .iter()
            .map(|(record, domains)| {
                vec![
                    record.name().to_owned(),
                    role_of(record, stage).to_owned(),
                    record.permissions.join(", "),
                    domains_text(domains),
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
        self.table(&headers, &rows)
    }

    /// Writes what a repair found and did, as the result of a command, and says what is left to do.
    pub fn repair(&self, repair: &Repair, stage: &str) -> Result<()> {
        let rows = rows(repair);
        if !rows.is_empty() {
            self.table(&["user", "owed", "not yet", "failed", "repair"], &rows)?;
        } else if repair.failures.messages == 0 {
            self.success(&format!("nothing to repair in stage `{stage}`"));
        }
        self.failures(&repair.failures, repair.options.dry_run);
        if !repair.recent.is_empty() {
            self.note(&format!(
                "{} confirmed moments ago have no record yet; run the command again in a minute",
                repair.recent.len()
            ));
        }
        if !repair.unconfirmed.is_empty() && !repair.options.confirm {
            self.hint(
                "the first sign-in makes a record; give who signed up a welcome and their domain, too, with `--confirm`",
            );
        }
        if repair.waits_for_ses() {
            self.hint("what waits for SES to verify an address or a domain goes out once it is, at a later sign-in or by this command");
        } else if repair.waits_for_somebody() {
            self.hint("what is not possible yet is tried again, at a later sign-in or by this command, once its reason is seen to");
        }
        let has_failed = repair
            .owed
            .iter()
            .any(|record| record.failed().next().is_some());
        if has_failed && !repair.options.failed {
            self.hint("try those that failed once more with `--failed`, after mending the reason");
        }
        Ok(())
    }
}

impl Ui {
    /// Says what was in the queue of what Lambda gave up.
    fn failures(&self, failures: &Failures, dry_run: bool) {
        if !failures.has_queue {
            self.hint("this stage keeps nothing of what Lambda gives up; `saasauth deploy` adds a queue for that");
            return;
        }
        if failures.messages == 0 {
            return;
        }
        let messages = count(failures.messages, "message");
        if dry_run {
            self.note(&format!(
                "about {messages} of what Lambda gave up; without `--dry-run` that is handed over again"
            ));
            return;
        }
        let parts = [
            (failures.handed_over, "handed over again"),
            (failures.settled, "done with meanwhile"),
            (failures.left.len(), "left in the queue"),
        ];
        let parts = parts.iter().filter(|(number, _)| *number > 0);
        let parts: Vec<String> = parts
            .map(|(number, what)| format!("{number} {what}"))
            .collect();
        self.note(&format!(
            "{messages} of what Lambda gave up: {}",
            parts.join(", ")
        ));
        for left in &failures.left {
            let (id, reason) = (printable(&left.id), printable(&left.reason));
            self.warn(&format!("the message {id} stays in the queue: {reason}"));
        }
        if failures.more {
            self.hint("there may be more: run the command again");
        }
    }
}

fn pairs(person: &Person, stage: &Stage) -> Vec<(String, String)> {
    let record = person.record(stage);
    let email = record
        .email
        .as_ref()
        .map(|email| match record.email_verified {
            true => email.clone(),
            false => format!("{email} (not verified)"),
        });
    let mut pairs = vec![
        ("email", email.unwrap_or_default()),
        ("sub", person.sub.clone()),
    ];
    match &person.account {
        Some(account) => {
            if account.username != person.sub {
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
        ("permissions in all", person.effective(stage).join(", ")),
        ("domains", domains_text(&person.domains(stage))),
    ]);
    match &person.standing.record {
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

fn rows(repair: &Repair) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for record in &repair.owed {
        let what = if repair.requeued.contains(&record.sub) {
            "queued again and handed over"
        } else if repair.handed_over.contains(&record.sub) {
            "handed over"
        } else if record.pending.is_empty() && !repair.options.failed {
            "failed for good"
        } else if repair.options.dry_run {
            "to hand over"
        } else {
            "not handed over"
        };
        rows.push(vec![
            record.name().to_owned(),
            record.pending.join(", "),
            reasons(record.not_yet()),
            reasons(record.failed()),
            what.to_owned(),
        ]);
    }
    for account in &repair.unconfirmed {
        let what = if repair.confirmed.contains(&account.sub) {
            "confirmation handed over"
        } else if !repair.options.confirm {
            "has no record"
        } else if repair.options.dry_run {
            "to confirm"
        } else {
            "not handed over"
        };
        rows.push(vec![
            account.name().to_owned(),
            String::new(),
            String::new(),
            String::new(),
            what.to_owned(),
        ]);
    }
    rows
}

/// `welcome: SES: MessageRejected: …; webhook: answered 404`.
fn reasons<'a>(deliveries: impl Iterator<Item = (&'a str, &'a Delivery)>) -> String {
    let told = deliveries.map(|(name, delivery)| match &delivery.reason {
        Some(reason) => format!("{name}: {reason}"),
        None => name.to_owned(),
    });
    told.collect::<Vec<_>>().join("; ")
}

/// `acme.com (admin), example.com (member)`.
fn domains_text(domains: &Domains) -> String {
    let texts = domains
        .iter()
        .map(|(domain, role)| format!("{domain} ({role})"));
    texts.collect::<Vec<_>>().join(", ")
}
