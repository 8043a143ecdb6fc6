//! The settings of signing in, changed into each other on the local cloud, which is as strict as Cognito.
//!
//! The pure core holds every combination against Cognito's rules, offline; here those it accepts are deployed,
//! changed into each other and destroyed, by the engine itself: a process for each would take hours.
#![expect(clippy::print_stdout, reason = "a test tells how much it has covered")]

#[path = "../fixtures/combinations.rs"]
mod combinations;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use saasauth::aws::connect::Hidden;
use saasauth::aws::{self, Aws, Package};
use saasauth::engine::direct;
use saasauth_model::plan::{self, Permissions, Plan};
use saasauth_model::project::{self, stage::Stage};
use saasauth_model::resource::{LogicalId, Owner};
use tokio_util::sync::CancellationToken;

use crate::support::{Cloud, KEY, Project, nothing_is_left, repository};
use combinations::Combination;

/// A setting before a change and one after it, each as its key and its value.
type Pair = ([&'static str; 2], [&'static str; 2]);

/// A stage that is deployed as one combination after the other.
struct Bench {
    project: Project,
    aws: Aws,
    digests: BTreeMap<LogicalId, String>,
}

/// What a walk through the combinations did.
#[derive(Debug, Default)]
struct Walked {
    deployed: usize,
    changed: usize,
    destroyed: usize,
    /// Pairs of a setting before and a setting after a change.
    pairs: usize,
    wrong: Vec<String>,
}

impl Bench {
    async fn new() -> Self {
        let project = Project::example("minimal").on_the_shared_cloud();
        let mut packages = BTreeMap::new();
        for (id, name) in [
            ("ConfirmUser", "confirm_user"),
            ("GenerateToken", "generate_token"),
        ] {
            let request = saasauth::artifact::BuildRequest {
                name: name.to_owned(),
                directory: PathBuf::new(),
                architecture: saasauth::artifact::Architecture::X86_64,
                native: true,
                output: Some(
                    project
                        .directory
                        .join(format!(".saasauth/build/local/{name}.zip")),
                ),
            };
            let built = saasauth::artifact::last(&request).unwrap();
            let package = Package {
                zip: built.zip,
                digest: built.sha256,
            };
            packages.insert(id.to_owned(), package);
        }
        let settings = aws::Settings {
            region: "eu-west-1".to_owned(),
            endpoint_url: Some(Cloud::shared().endpoint_url.clone()),
            emulated_account: Some(project.account.clone()),
            emulated_secret: Some(Hidden(KEY.to_owned())),
            ..aws::Settings::default()
        };
        let owner = Owner {
            project: "matrix".to_owned(),
            stage: "dev".to_owned(),
        };
        let digests = packages
            .iter()
            .map(|(id, package)| (id.clone(), package.digest.clone()))
            .collect();
        Self {
            aws: Aws::connect(&settings, owner)
                .await
                .unwrap()
                .with_packages(packages),
            project,
            digests,
        }
    }

    /// The stage of a combination; none where `check` refuses it.
    fn stage(&self, combination: &Combination) -> Option<Stage> {
        let lambdas = repository().join("lambdas");
        let prefix = format!("matrix-{}", self.project.account.trim_start_matches('0'));
        let text = combination.yaml("matrix", lambdas.to_str().unwrap(), &prefix);
        fs::write(self.project.file(), text).unwrap();
        let project = project::load(&self.project.file()).ok()?;
        Some(project.stage("dev").unwrap().clone())
    }

    async fn carry_out(
        &self,
        found: &direct::Found,
        plan: &Plan,
        command: &'static str,
    ) -> Result<(), String> {
        let uninterrupted = CancellationToken::new();
        let cause = direct::Cause {
            command,
            to: None,
            undo: false,
            revision: None,
        };
        let done = direct::carry_out(&self.aws, found, plan, cause, &|_| {}, &uninterrupted);
        done.await.map(drop).map_err(|error| format!("{error:?}"))
    }

    /// Deploys until nothing is left to do: the sender that SES has verified meanwhile takes a second one.
    async fn deploy(&self, stage: &Stage) -> Result<(), String> {
        for _ in 0..3 {
            let first = direct::look_around(&self.aws, stage).await.unwrap();
            let found = direct::observe(&self.aws, stage, &self.digests, first).await;
            let mut found = found.map_err(|error| format!("{error:?}"))?;
            let observed = std::mem::take(&mut found.observed);
            found.observed.live.clone_from(&observed.live);
            let plan = plan::plan(
                &found.topology,
                stage.engine,
                observed,
                &Permissions::default(),
            );
            let plan = plan.map_err(|error| format!("{error:?}"))?;
            if plan.is_empty() {
                return Ok(());
            }
            self.carry_out(&found, &plan, "deploy").await?;
        }
        Err("there is always something to do".to_owned())
    }

    async fn destroy(&self, stage: &Stage) -> Result<(), String> {
        let found = direct::observe_owned(&self.aws, stage).await;
        let found = found.map_err(|error| format!("{error:?}"))?;
        let recorded = direct::complete(&self.aws, &found);
        let recorded = recorded
            .iter()
            .map(|(id, record)| (id.clone(), record.into()))
            .collect();
        let plan = plan::destroy(&stage.name, stage.engine, recorded, &[]);
        let plan = plan.map_err(|error| format!("{error:?}"))?;
        self.carry_out(&found, &plan, "destroy").await?;
        nothing_is_left(&self.project)
    }

    /// Walks through combinations until every setting was changed into every other one that goes with it, or
    /// for as many steps.
    async fn walk(&self, accepted: &[(Combination, Stage)], steps: usize) -> Walked {
        let mut walked = Walked::default();
        let mut covered: BTreeSet<Pair> = BTreeSet::new();
        let mut unseen: BTreeSet<usize> = (0..accepted.len()).collect();
        let mut at: Option<usize> = None;
        let mut dice = 1_u64;
        let mut dull = 0;
        while walked.deployed + walked.changed < steps && (!unseen.is_empty() || dull < 20) {
            // Of some, the one that shows most that was not seen yet.
            let mut best = (0, 0);
            for _ in 0..24 {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let next = (dice >> 33) as usize % accepted.len();
                let new = at.map_or(0, |at| {
                    pairs(&accepted[at].0, &accepted[next].0)
                        .filter(|pair| !covered.contains(pair))
                        .count()
                });
                let new = new + 5 * usize::from(unseen.contains(&next));
                if Some(next) != at && new >= best.1 {
                    best = (next, new);
                }
            }
            let (next, new) = best;
            dull = if new == 0 { dull + 1 } else { 0 };
            let (combination, stage) = &accepted[next];
            let before = at.map(|at| accepted[at].0.clone());
            unseen.remove(&next);
            covered.extend(before.iter().flat_map(|before| pairs(before, combination)));
            let outcome = self.deploy(stage).await;
            let failed = outcome.is_err();
            match (outcome, &before) {
                (Ok(()), Some(_)) => walked.changed += 1,
                (Ok(()), None) => walked.deployed += 1,
                (Err(error), _) => {
                    walked
                        .wrong
                        .push(format!("{before:?}\n  → {combination:?}\n  {error}"));
                }
            }
            at = Some(next);
            // From time to time all over again, and after a failure.
            if failed || dice >> 61 == 0 {
                at = None;
                match self.destroy(stage).await {
                    Ok(()) => walked.destroyed += 1,
                    Err(error) => {
                        walked
                            .wrong
                            .push(format!("destroy {combination:?}\n  {error}"));
                        break;
                    }
                }
            }
            if walked.wrong.len() > 20 {
                break;
            }
        }
        if let Some(at) = at {
            match self.destroy(&accepted[at].1).await {
                Ok(()) => walked.destroyed += 1,
                Err(error) => walked
                    .wrong
                    .push(format!("destroy {:?}\n  {error}", accepted[at].0)),
            }
        }
        walked.pairs = covered.len();
        walked
    }
}

/// The settings of a combination.
fn settings(combination: &Combination) -> [[&'static str; 2]; 7] {
    let sender = if combination.sender {
        "own"
    } else {
        "Cognito's"
    };
    [
        ["by", combination.by],
        ["how", combination.how],
        ["mode", combination.mode],
        ["methods", combination.methods],
        ["recovery", combination.recovery],
        ["plan", combination.plan],
        ["sender", sender],
    ]
}

fn pairs(before: &Combination, after: &Combination) -> impl Iterator<Item = Pair> {
    let after = settings(after);
    settings(before)
        .into_iter()
        .flat_map(move |one| after.into_iter().map(move |other| (one, other)))
}

/// Walks for each way to sign in, which is fixed once there is a pool. Prints what was done.
fn walk(with: &[&str], steps: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(8 << 20)
        .enable_all()
        .build()
        .unwrap();
    let mut wrong = Vec::new();
    for with in with {
        let walked = runtime.block_on(async {
            let bench = Bench::new().await;
            let all = combinations::all().into_iter();
            let of_this = all.filter(|combination| combination.with == *with);
            let accepted: Vec<(Combination, Stage)> = of_this
                .filter_map(|combination| {
                    let stage = bench.stage(&combination)?;
                    Some((combination, stage))
                })
                .collect();
            println!("{with}: {} combinations are accepted", accepted.len());
            bench.walk(&accepted, steps).await
        });
        println!(
            "{with}: {} deployed, {} changes between combinations, {} pairs of settings before and after, {} destroyed, {} failed",
            walked.deployed,
            walked.changed,
            walked.pairs,
            walked.destroyed,
            walked.wrong.len()
        );
        wrong.extend(walked.wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn settings_of_signing_in_change_into_each_other() {
    walk(&["[email, phone]"], 40);
}

#[test]
#[ignore = "takes minutes: `cargo test --test it -- --ignored --nocapture every_setting`"]
fn every_setting_of_signing_in_changes_into_every_other() {
    walk(
        &["[email]", "[phone]", "[email, phone]", "[username]"],
        usize::MAX,
    );
}
