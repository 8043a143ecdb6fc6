//! The account a stage is deployed to: whose credentials these are, and what stands there already.

use std::time::SystemTime;

use time::OffsetDateTime;
use time::macros::format_description;

use super::Check;
use crate::aws::connect::{Connection, leads_here};
use crate::aws::ledger::Ledger;
use crate::aws::{Aws, Class, Fault, IdentityState, Settings, partition};
use crate::engine::direct;
use saasauth_model::project::stage::{Engine, Stage, Target};
use saasauth_model::resource::Owner;
use saasauth_model::topology::{self, Facts};

/// A difference of clocks that signatures bear: AWS takes them for five minutes, and a deploy sends many.
const CLOCK_LIMIT: i64 = 60;

/// Everything about the account. Made by reading only.
pub async fn account(stage: &Stage, settings: &Settings) -> Vec<Check> {
    let mut checks = Vec::new();
    let in_aws = *stage.target == Target::Aws;
    if in_aws {
        checks.push(region(stage));
    }
    let connection = match Connection::open(settings).await {
        Ok(connection) => connection,
        Err(error) => {
            checks.push(Check::of("credentials", &error));
            return checks;
        }
    };
    let aws = connection.to(Owner {
        project: stage.project.clone(),
        stage: stage.name.clone(),
    });
    let (greeting, ahead) = Box::pin(aws.greet()).await;
    let greeting = match greeting {
        Ok(greeting) => greeting,
        Err(fault) => {
            checks.extend(ahead.map(clock));
            checks.push(failed(
                "credentials",
                "could not find out whose they are",
                &fault,
            ));
            return checks;
        }
    };
    checks.push(credentials(&greeting.arn, connection.expires()));
    checks.push(match direct::check_account(stage, &greeting.caller) {
        Ok(()) => Check::ok("account", account_detail(stage, &greeting.caller.account)),
        Err(error) => Check::of("account", &error),
    });
    // An emulator's clock is this machine's.
    if !connection.endpoint_url().is_some_and(leads_here) {
        checks.extend(ahead.map(clock));
    }
    let (ledger, sender, sandbox, texts, domain, secrets) = Box::pin(async {
        tokio::join!(
            aws.read_ledger(),
            sender(&aws, stage),
            sandbox(&aws, stage, connection.endpoint_url().is_some()),
            text_sandbox(&aws, stage, connection.endpoint_url().is_some()),
            domain(&aws, stage),
            secrets(&aws, stage),
        )
    })
    .await;
    let ledger = match ledger {
        Ok(ledger) => {
            checks.push(deployed(stage, &ledger));
            checks.push(lock(&ledger));
            Some(ledger)
        }
        Err(fault) => {
            checks.push(failed("ledger", "could not read it", &fault));
            None
        }
    };
    checks.extend(sender);
    checks.extend(sandbox);
    checks.extend(texts);
    checks.extend(match domain {
        Some(Ok(pool)) => Some(hosted_pages(stage, pool, ledger.as_ref())),
        Some(Err(fault)) => Some(failed(
            "hosted pages",
            "could not look the domain up",
            &fault,
        )),
        None => None,
    });
    checks.extend(secrets);
    checks
}

fn failed(name: &'static str, doing: &str, fault: &Fault) -> Check {
    let check = Check::of(name, &fault.while_doing(doing));
    match check.hint {
        Some(_) => check,
        None => check.with_hint("run it again; if it stays so, `-v` lists what was asked"),
    }
}

/// Whether there can be user pools at all. That the region is enabled shows by its services answering.
fn region(stage: &Stage) -> Check {
    let region = stage.region.as_str();
    match partition::has_user_pools(region) {
        true => Check::ok("region", region),
        false => Check::problem("region", format!("Cognito has no user pools in `{region}`"))
            .with_hint("deploy to a region of another partition, such as `--region eu-west-1`"),
    }
}

fn credentials(arn: &str, expires: Option<SystemTime>) -> Check {
    const NAME: &str = "credentials";
    let Some(expires) = expires else {
        return Check::ok(NAME, arn);
    };
    let left = expires
        .duration_since(SystemTime::now())
        .unwrap_or_default();
    let minutes = left.as_secs() / 60;
    let format = format_description!("[hour]:[minute] UTC");
    let at = OffsetDateTime::from(expires).format(&format);
    let detail = format!("{arn}, until {} ({minutes} min)", at.unwrap_or_default());
    // A deploy with a custom domain takes longer.
    match minutes {
        0..15 => Check::warning(NAME, detail)
            .with_hint("sign in again before a deploy that may take longer"),
        _ => Check::ok(NAME, detail),
    }
}

fn account_detail(stage: &Stage, account: &str) -> String {
    match &stage.account {
        Some(_) => format!("{account}, as `account` of the stage says"),
        None if *stage.target == Target::Local => format!("{account}, on this machine"),
        None => format!("{account}; the stage names none, so any would do"),
    }
}

fn clock(ahead: i64) -> Check {
    const NAME: &str = "clock";
    if ahead.abs() <= CLOCK_LIMIT {
        return Check::ok(NAME, format!("within {} s of AWS's", ahead.abs().max(1)));
    }
    let side = if ahead > 0 { "behind" } else { "ahead of" };
    Check::problem(
        NAME,
        format!("this machine's clock is {} s {side} AWS's", ahead.abs()),
    )
    .with_hint("set it, by NTP for example: signatures and tokens hold for minutes")
}

fn deployed(stage: &Stage, ledger: &Ledger) -> Check {
    const NAME: &str = "stage";
    let resources = ledger.records.len();
    let declared = match stage.engine {
        Engine::Direct => "direct",
        Engine::CloudFormation => "cloudformation",
    };
    match ledger.engine.as_deref() {
        Some(engine) if engine != declared && resources > 0 => Check::problem(
            NAME,
            format!("deployed by the engine `{engine}`, and the file says `{declared}`"),
        )
        .with_hint(format!(
            "set `engine: {engine}` for the stage in the project file"
        )),
        _ if resources == 0 => Check::ok(NAME, format!("`{}` is not deployed yet", stage.name)),
        _ => Check::ok(
            NAME,
            format!("`{}` is deployed: {resources} resources", stage.name),
        ),
    }
}

fn lock(ledger: &Ledger) -> Check {
    const NAME: &str = "lock";
    match &ledger.lock {
        None => Check::ok(NAME, "nobody is deploying"),
        Some(lock) if ledger.held().is_none() => Check::ok(
            NAME,
            format!(
                "`{}` was cut off while deploying; the next deploy carries on",
                lock.holder.owner
            ),
        ),
        Some(lock) => {
            let since = ledger.read.saturating_sub(lock.since);
            Check::warning(
                NAME,
                format!("`{}` has been deploying for {since} s", lock.holder.owner),
            )
            .with_hint("wait for it; a lock that nobody keeps ends by itself within a minute")
        }
    }
}

/// Whether mail can be sent as the stage's identity.
async fn sender(aws: &Aws, stage: &Stage) -> Option<Check> {
    let email = stage.email.as_ref()?;
    let identity = email.identity.as_str();
    Some(match aws.identity_state(identity).await {
        Ok(state) => sender_of(identity, state.as_ref()),
        Err(fault) => failed("sender", "could not read the SES identity", &fault),
    })
}

fn sender_of(identity: &str, state: Option<&IdentityState>) -> Check {
    const NAME: &str = "sender";
    match state {
        Some(state) if state.verified => {
            Check::ok(NAME, format!("SES may send as `{identity}`"))
        }
        None => Check::warning(
            NAME,
            format!("SES doesn't know `{identity}` yet: Cognito's own sender is used until it is verified"),
        )
        .with_hint("the first deploy makes it, and says how to verify it"),
        Some(_) if identity.contains('@') => {
            Check::warning(NAME, format!("`{identity}` is not verified"))
                .with_hint("open the link that SES sent there, then deploy again")
        }
        Some(state) => {
            let names: Vec<&str> = state
                .dkim_records
                .iter()
                .map(|(name, _)| name.as_str())
                .collect();
            Check::warning(
                NAME,
                format!("`{identity}` is not verified: SES misses its DKIM records"),
            )
            .with_hint(format!(
                "set the CNAME records {} as `saasauth deploy` shows them, then deploy again",
                names.join(", ")
            ))
        }
    }
}

async fn sandbox(aws: &Aws, stage: &Stage, emulated: bool) -> Option<Check> {
    const NAME: &str = "SES sandbox";
    // Emulators have none.
    if stage.email.is_none() || emulated {
        return None;
    }
    Some(match aws.is_in_ses_sandbox().await {
        Ok(false) => Check::ok(NAME, "the account may mail everybody"),
        Ok(true) => Check::warning(
            NAME,
            "the account may only mail verified addresses in this region",
        )
        .with_hint(
            "ask for production access: `aws sesv2 put-account-details`, or the SES console",
        ),
        Err(fault) => failed(NAME, "could not read the state of SES", &fault),
    })
}

/// The same of text messages, where the stage sends some.
async fn text_sandbox(aws: &Aws, stage: &Stage, emulated: bool) -> Option<Check> {
    const NAME: &str = "SMS sandbox";
    if emulated {
        return None;
    }
    let topology = topology::build(stage, &Facts::assumed()).ok()?;
    let region = topology.sms_region?;
    Some(match aws.is_in_sms_sandbox(&region).await {
        Ok(false) => Check::ok(NAME, format!("{region} sends text messages to everybody")),
        Ok(true) => Check::warning(
            NAME,
            format!("{region} sends text messages to verified numbers only"),
        )
        .with_hint("have the account moved out: the SNS console, `Text messaging`, in that region"),
        Err(fault) => failed(NAME, "could not read the state of SNS", &fault),
    })
}

async fn domain(aws: &Aws, stage: &Stage) -> Option<crate::aws::Result<Option<String>>> {
    let hosted_ui = stage.hosted_ui.as_ref()?;
    Some(
        aws.domain(hosted_ui.name())
            .await
            .map(|found| found.map(|(pool, _)| pool)),
    )
}

/// `pool` is what the domain hangs from now.
fn hosted_pages(stage: &Stage, pool: Option<String>, ledger: Option<&Ledger>) -> Check {
    const NAME: &str = "hosted pages";
    let name = stage
        .hosted_ui
        .as_ref()
        .map_or("", |hosted_ui| hosted_ui.name());
    let ours = ledger
        .and_then(|ledger| ledger.records.get(topology::USER_POOL))
        .and_then(|record| record.physical_id.as_deref());
    match pool {
        Some(pool) if Some(pool.as_str()) == ours => {
            Check::ok(NAME, format!("`{name}` is this stage's"))
        }
        Some(pool) => Check::problem(NAME, format!("`{name}` belongs to the user pool `{pool}`"))
            .with_hint("choose another `hosted_ui.prefix` in the project file"),
        None => Check::ok(
            NAME,
            format!("`{name}` is free in this account; another account's shows at the deploy"),
        ),
    }
}

async fn secrets(aws: &Aws, stage: &Stage) -> Option<Check> {
    const NAME: &str = "secrets";
    let names: Vec<&str> = stage.secrets().into_iter().collect();
    if names.is_empty() {
        return None;
    }
    let set = match aws.secrets(&names).await {
        Ok(set) => set,
        Err(fault) if fault.class == Class::Denied => {
            return Some(
                Check::warning(NAME, "these credentials may not look whether they are set")
                    .with_hint("allow `ssm:DescribeParameters`, or ask somebody who may"),
            );
        }
        Err(fault) => return Some(failed(NAME, "could not look which are set", &fault)),
    };
    let missing: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| !set.contains_key(*name))
        .collect();
    Some(match missing.first() {
        None => Check::ok(NAME, format!("all {} are set", names.len())),
        Some(first) => Check::warning(NAME, format!("not set: {}", missing.join(", "))).with_hint(
            format!("`saasauth secret set {first} --stage {}`", stage.name),
        ),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::aws::ledger::{Holder, Lock};
    use crate::aws::replay;
    use crate::doctor::Status;

    #[test]
    fn a_clock_may_be_off_by_a_minute() {
        for (ahead, expected, words) in [
            (0, Status::Ok, "within 1 s"),
            (-60, Status::Ok, "within 60 s"),
            (61, Status::Problem, "61 s behind AWS's"),
            (-300, Status::Problem, "300 s ahead of AWS's"),
        ] {
            let check = clock(ahead);
            assert_eq!(check.status, expected, "{ahead}");
            assert!(check.detail.contains(words), "{check:?}");
        }
    }

    #[test]
    fn credentials_that_end_soon_are_worth_a_word() {
        let ending = |minutes: u64| Some(SystemTime::now() + Duration::from_secs(minutes * 60 + 5));
        assert_eq!(credentials("ada", None).status, Status::Ok);
        assert_eq!(credentials("ada", ending(60)).status, Status::Ok);
        let soon = credentials("ada", ending(14));
        assert_eq!(soon.status, Status::Warning);
        assert!(soon.detail.ends_with("UTC (14 min)"), "{soon:?}");
    }

    #[tokio::test]
    async fn who_sends_text_messages_learns_of_the_sandbox() {
        let folder = tempfile::tempdir().expect("there is room");
        for trigger in ["confirm-user", "generate-token"] {
            let trigger = folder.path().join("lambdas").join(trigger);
            std::fs::create_dir_all(&trigger).expect("there is room");
            std::fs::write(trigger.join("Cargo.toml"), "").expect("it is written");
        }
        let stage = |more: &str| {
            let path = folder.path().join("saasauth.yaml");
            let file = format!(
                "version: 1\nproject: acme\nregion: eu-west-1\n{more}clients:\n  web: {{ kind: spa }}\nstages:\n  dev: {{}}\n"
            );
            std::fs::write(&path, file).expect("it is written");
            let project = saasauth_model::project::load(&path).expect("it is right");
            project.stage("dev").expect("it has one").clone()
        };
        let sends = "sign_in: { with: [phone], verify: { by: sms } }\n";
        let answer = "<GetSMSSandboxAccountStatusResponse><GetSMSSandboxAccountStatusResult>\
                      <IsInSandbox>true</IsInSandbox></GetSMSSandboxAccountStatusResult>\
                      </GetSMSSandboxAccountStatusResponse>";
        let (aws, replay) = replay::aws([(200, answer.to_owned())]);
        let check = text_sandbox(&aws, &stage(sends), false).await;
        let check = check.expect("it sends some");
        assert_eq!(check.status, Status::Warning, "{check:?}");
        assert!(check.detail.contains("eu-west-1"), "{check:?}");
        replay.finish();

        let (aws, replay) = replay::aws([]);
        assert!(text_sandbox(&aws, &stage(""), false).await.is_none());
        assert!(text_sandbox(&aws, &stage(sends), true).await.is_none());
        replay.finish();
    }

    #[test]
    fn a_lock_that_is_kept_is_told_from_one_that_was_left() {
        let mut ledger = Ledger::default();
        assert_eq!(lock(&ledger).detail, "nobody is deploying");
        let held = Lock::new(Holder::default(), ledger.read);
        ledger.lock = Some(held.clone());
        assert_eq!(lock(&ledger).status, Status::Warning);
        ledger.read = held.expires;
        let left = lock(&ledger);
        assert_eq!(left.status, Status::Ok);
        assert!(left.detail.contains("was cut off"), "{left:?}");
    }
}
