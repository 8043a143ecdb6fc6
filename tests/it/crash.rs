//! Commands that are killed at one of their requests, and such that lose an answer: the next one ends well, and everything is
//! there once.
//!
//! The whole matrix: every example; deploy, update, destroy, rollback, a deploy that takes over a pool (of `starter`), and a
//! failing deploy that is being taken back; every request; killed before it is sent, killed before its answer arrives, and the answer lost. It prints how many
//! points there were, and how many converged:
//!
//! ```console
//! cargo test --test it -- --ignored --nocapture every_point
//! ```
//!
//! With `SAASAUTH_EVERY=10` it tries each tenth, with `SAASAUTH_JOURNEY=Adopt` that journey alone.
#![expect(clippy::print_stdout, reason = "a test tells how much it has covered")]

use std::fs;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::support::Moment::{self, After, Before, Lost};
use crate::support::{
    Answer, Between, Cloud, EXAMPLES, Example, Gate, Hook, Output, Project, Question, at_once,
    start, until,
};

/// SIGKILL, as an exit code.
const KILLED: i32 = -9;

/// The requests at which a first deploy is killed, on their way there or on their answers' way back.
const POINTS: [(&str, Moment); 8] = [
    // While it reads,
    ("GetResources", Before),
    // with the ledger's table made and unknown, and with the lock taken and nothing else,
    ("CreateTable", After),
    ("CreateRole", Before),
    // among the first creates,
    ("POST /2015-03-31/functions", After),
    // before and after the pool is there, whose name another pool may have,
    ("CreateUserPool", Before),
    ("CreateUserPool", After),
    // and among what hangs from it, up to the last.
    ("CreateUserPoolClient", After),
    ("UpdateUserPool", Before),
];

#[test]
fn a_killed_deploy_is_finished_by_the_next_or_destroyed_at_once() {
    at_once(3, POINTS.iter().copied().enumerate(), |(number, point)| {
        let project = killed_at(point);
        // Either must be possible; each of the two is tried at half of the points.
        if number % 2 == 0 {
            project.deploy();
            let pools = project.inventory()["user_pools"].clone();
            assert_eq!(pools, json!(["starter-local-users"]), "killed at {point:?}");
            project
                .run(&["diff", "--no-build", "--detailed-exitcode"])
                .expect(0);
            let locked = project.ledger();
            assert!(
                locked["lock_token"].is_null(),
                "killed at {point:?}: {locked}"
            );
        }
        project.run(&["destroy"]).expect(0);
        only_the_ledger_is_left(&project, point);
    });
}

/// What is recorded before it is made may be somebody else's by its name.
#[test]
fn a_name_that_somebody_else_has_is_never_taken_over() {
    let groups = "/aws/lambda/starter-local-confirm-user";
    let theirs = |project: &Project| {
        let group = json!({ "logGroupName": groups });
        project.client("logs", "create_log_group", group);
    };
    let is_theirs = |project: &Project| {
        let asked = json!({ "logGroupNamePrefix": groups });
        let found = project.client("logs", "describe_log_groups", asked);
        let found = &found["logGroups"][0];
        found["logGroupName"] == groups && found.get("retentionInDays").is_none()
    };
    let project = Project::starter();
    theirs(&project);
    for _ in 0..2 {
        let failed = project.run(&["deploy", "--no-build"]).expect(1);
        assert!(
            failed.stderr.contains("it has no ownership tags"),
            "{failed:?}"
        );
        assert!(is_theirs(&project));
    }
    project.run(&["destroy"]).expect(0);
    assert!(is_theirs(&project));

    // Killed before it could learn that.
    let project = killed_at_with(("CreateLogGroup", Before), theirs);
    project
        .run(&["diff", "--no-build", "--detailed-exitcode"])
        .expect(2);
    project.run(&["destroy"]).expect(0);
    assert!(is_theirs(&project));
}

/// A project whose first deploy was killed, and just there.
fn killed_at(point: (&'static str, Moment)) -> Project {
    killed_at_with(point, |_| {})
}

/// The same, where somebody has done something before.
fn killed_at_with((action, moment): (&'static str, Moment), before: impl Fn(&Project)) -> Project {
    let mut project = Project::starter();
    before(&project);
    let cloud = Cloud::shared();
    let gate = Gate::holding(&cloud.endpoint_url, action, moment);
    let direct = project.endpoint_url.replace(gate.endpoint_url.clone());
    let deploy = start(&mut project.command(&["deploy", "--no-build"]));
    project.endpoint_url = direct;
    until(action, || gate.has_caught());
    deploy.signal("KILL");
    let killed = deploy.end();
    assert_eq!(
        killed.code, KILLED,
        "killed {moment:?} {action}: {killed:?}"
    );
    // Another's request of the same name would be in the trace as well.
    let heard = cloud.trace(&project.account);
    let heard = heard.iter().filter(|call| call["action"] == action).count();
    assert!(heard <= 1, "{action} was sent {heard} times");
    if action != "CreateLogGroup" {
        assert_eq!(heard == 1, moment == After, "whether AWS heard of {action}");
    }
    project
}

#[track_caller]
fn only_the_ledger_is_left(project: &Project, point: (&str, Moment)) {
    for (what, names) in project.inventory().as_object().unwrap() {
        let ledger = what == "tables" && names == &json!(["saasauth-ledger"]);
        assert!(
            ledger || names == &json!([]),
            "killed at {point:?}: {what}: {names}"
        );
    }
}

/// What is cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Journey {
    /// A first deploy, finished by the next.
    Deploy,
    /// A first deploy, and what it left is destroyed.
    DeployAndDestroy,
    /// A deploy that changes whatever can be changed.
    Update,
    /// The same, which fails and is being taken back.
    TakeBack,
    /// Back to the deploy before.
    Rollback,
    /// A destroy.
    Destroy,
    /// A first deploy, which takes over a pool that was there.
    Adopt,
}

const JOURNEYS: [Journey; 7] = [
    Journey::Deploy,
    Journey::DeployAndDestroy,
    Journey::Update,
    Journey::TakeBack,
    Journey::Rollback,
    Journey::Destroy,
    Journey::Adopt,
];

/// The operation that every example's change takes, and that is refused where the deploy is to fail.
const REFUSED: &str = "UpdateUserPoolClient";

const DEPLOY: &[&str] = &["deploy", "--no-build", "--allow-delete", "ClientSecond"];
const TAKE_BACK: &[&str] = &["deploy", "--no-build", "--rollback"];
const ROLLBACK: &[&str] = &["rollback", "--to", "1", "--allow-delete", "ClientSecond"];
const DESTROY: &[&str] = &["destroy"];

/// Holds the request at a position, or its answer, or loses that.
struct Nth {
    /// From 0.
    position: usize,
    moment: Moment,
    /// Where it is set, it is refused, and requests count from then on.
    refused: Option<&'static str>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    has_refused: bool,
    sent: usize,
    answered: usize,
    caught: Option<String>,
}

impl Nth {
    /// Whether it is this one's turn, by the count that `counter` picks.
    fn is_it(&self, asked: &Question, counter: fn(&mut State) -> &mut usize) -> bool {
        let mut state = self.state.lock().unwrap();
        if self.refused.is_some() && !state.has_refused {
            return false;
        }
        let count = counter(&mut state);
        let is_it = *count == self.position;
        *count += 1;
        if is_it {
            state.caught = Some(asked.operation.clone());
        }
        // Whoever is to be killed gets no further meanwhile.
        is_it || (state.caught.is_some() && self.moment != Lost)
    }

    fn caught(&self) -> Option<String> {
        self.state.lock().unwrap().caught.clone()
    }
}

impl Hook for Nth {
    async fn before(&self, asked: &Question) -> Option<Answer> {
        if self.refused == Some(asked.operation.as_str()) {
            let was = std::mem::replace(&mut self.state.lock().unwrap().has_refused, true);
            if !was {
                return Some(Answer::error(asked, 400, "InvalidParameterException", "no"));
            }
        }
        if self.moment == Before && self.is_it(asked, |state| &mut state.sent) {
            std::future::pending::<()>().await;
        }
        None
    }

    async fn after(&self, asked: &Question, answer: Answer) -> Option<Answer> {
        if self.moment == Before || !self.is_it(asked, |state| &mut state.answered) {
            return Some(answer);
        }
        if self.moment == After {
            std::future::pending::<()>().await;
        }
        None
    }
}

/// One example on one journey, cut short in one way.
struct Lane<'a> {
    example: &'a Example,
    journey: Journey,
    moment: Moment,
    project: Project,
    /// The file as it is, and changed.
    files: [String; 2],
    /// What there is in the account after each.
    inventories: [Value; 2],
}

/// How many points there were, and what went wrong at which.
#[derive(Default)]
struct Tally {
    points: usize,
    wrong: Vec<String>,
}

impl<'a> Lane<'a> {
    fn new(example: &'a Example, journey: Journey, moment: Moment) -> Self {
        let project = example.project();
        let file = fs::read_to_string(project.file()).unwrap();
        example.change(&project);
        let changed = fs::read_to_string(project.file()).unwrap();
        let mut lane = Self {
            example,
            journey,
            moment,
            project,
            files: [file, changed],
            inventories: [Value::Null, Value::Null],
        };
        if journey == Journey::Adopt {
            lane.make_pool();
        }
        lane.deploy(0);
        lane.inventories[0] = lane.project.inventory();
        if matches!(journey, Journey::Update | Journey::Rollback) {
            lane.deploy(1);
            lane.inventories[1] = lane.project.inventory();
        }
        lane
    }

    fn deploy(&self, file: usize) {
        fs::write(self.project.file(), &self.files[file]).unwrap();
        self.project.run(DEPLOY).expect(0);
    }

    /// Makes a pool for the example's users, which its file takes over.
    fn make_pool(&mut self) {
        let custom = |name: &str, kind: &str| json!({ "Name": name, "AttributeDataType": kind, "Mutable": true });
        let mut name = custom("name", "String");
        name["Required"] = json!(true);
        let pool = json!({
            "PoolName": "adopted-users",
            "UsernameAttributes": ["email"],
            "UsernameConfiguration": { "CaseSensitive": false },
            "Schema": [name, custom("company", "String"), custom("marketing_opt_in", "Boolean")],
        });
        let made = self.project.client("cognito-idp", "create_user_pool", pool);
        let id = made["UserPool"]["Id"].as_str().unwrap();
        let file = fs::read_to_string(self.project.file()).unwrap();
        let before = file.split("\nadopt:").next().unwrap();
        self.files[0] = format!(
            "{before}\nadopt: {{ user_pool: {{ id: {id}, keep: [UserPoolName, \"Schema[company]\", \"Schema[email]\"] }} }}\n"
        );
    }

    /// The state each point begins in.
    fn reset(&mut self) {
        match self.journey {
            Journey::Adopt => {
                self.project.run(DESTROY).expect(0);
                self.make_pool();
            }
            Journey::Deploy | Journey::DeployAndDestroy => {
                self.project.run(DESTROY).expect(0);
            }
            Journey::Update | Journey::TakeBack | Journey::Destroy => self.deploy(0),
            Journey::Rollback => self.deploy(1),
        }
    }

    /// What is cut short, with which file; what comes after it, with which; and what is there then.
    fn commands(
        &self,
    ) -> (
        &'static [&'static str],
        usize,
        &'static [&'static str],
        usize,
    ) {
        match self.journey {
            Journey::Deploy | Journey::Adopt => (DEPLOY, 0, DEPLOY, 0),
            Journey::DeployAndDestroy => (DEPLOY, 0, DESTROY, 0),
            Journey::Update => (DEPLOY, 1, DEPLOY, 1),
            Journey::TakeBack => (TAKE_BACK, 1, DEPLOY, 0),
            Journey::Rollback => (ROLLBACK, 1, ROLLBACK, 0),
            Journey::Destroy => (DESTROY, 0, DESTROY, 0),
        }
    }

    /// Tries the points at these positions, until there is none.
    fn walk(&mut self, positions: impl Iterator<Item = usize>) -> Tally {
        let mut tally = Tally::default();
        for position in positions {
            self.reset();
            match self.point(position) {
                Ok(None) => break,
                Ok(Some(_)) => tally.points += 1,
                Err(what) => {
                    tally.points += 1;
                    let Self {
                        example,
                        journey,
                        moment,
                        ..
                    } = self;
                    let name = example.name;
                    tally.wrong.push(format!(
                        "{name}, {journey:?}, {moment:?} {position}: {what}"
                    ));
                }
            }
        }
        tally
    }

    /// Tries one point: the operation it was at, or nothing when the command has no such request.
    fn point(&mut self, position: usize) -> Result<Option<String>, String> {
        let (command, file, next, next_file) = self.commands();
        let hook = Nth {
            position,
            moment: self.moment,
            refused: (self.journey == Journey::TakeBack).then_some(REFUSED),
            state: Mutex::default(),
        };
        let between = Between::new(&Cloud::shared().endpoint_url, hook);
        fs::write(self.project.file(), &self.files[file]).unwrap();
        let direct = self
            .project
            .endpoint_url
            .replace(between.endpoint_url.clone());
        let mut running = start(&mut self.project.command(command));
        self.project.endpoint_url = direct;
        if self.moment != Lost {
            until("a request, or the end", || {
                between.hook.caught().is_some() || running.has_ended()
            });
            if between.hook.caught().is_some() {
                running.signal("KILL");
            }
        }
        let output = running.end();
        let Some(operation) = between.hook.caught() else {
            return Ok(None);
        };
        let expected = match (self.moment, self.journey) {
            (Lost, Journey::TakeBack) => 1,
            (Lost, _) => 0,
            _ => KILLED,
        };
        if output.code != expected {
            return Err(format!("at {operation}: {output:?}"));
        }
        drop(between);

        fs::write(self.project.file(), &self.files[next_file]).unwrap();
        let done = self.project.run(next);
        if done.code != 0 {
            return Err(format!("after {operation}: {done:?}"));
        }
        self.check(next, next_file)
            .map_err(|what| format!("after {operation}: {what}"))?;
        Ok(Some(operation))
    }

    /// Whether everything is there once, or nothing is, and nobody holds the lock.
    fn check(&self, done: &[&str], file: usize) -> Result<(), String> {
        if done == DESTROY {
            return crate::support::nothing_is_left(&self.project);
        }
        let inventory = self.project.inventory();
        if inventory != self.inventories[file] {
            return Err(format!("{inventory} instead of {}", self.inventories[file]));
        }
        let diff: Output = self
            .project
            .run(&["diff", "--no-build", "--detailed-exitcode"]);
        if diff.code != 0 || diff.stdout.contains("Drift") {
            return Err(format!("{diff:?}"));
        }
        Ok(())
    }
}

/// Some points of each journey; the first deploy's stand above.
#[test]
fn at_a_sample_of_points_everything_converges() {
    let lanes = [
        (Journey::Update, After, 7),
        (Journey::TakeBack, Before, 3),
        (Journey::Rollback, After, 30),
        (Journey::Destroy, Lost, 9),
        (Journey::Adopt, After, 26),
    ];
    at_once(2, lanes, |(journey, moment, position)| {
        let mut lane = Lane::new(&EXAMPLES[1], journey, moment);
        let tally = lane.walk(std::iter::once(position));
        assert!(tally.points > 0, "{journey:?} has no request {position}");
        assert!(tally.wrong.is_empty(), "{}", tally.wrong.join("\n\n"));
    });
}

#[test]
#[ignore = "takes hours: `cargo test --test it -- --ignored --nocapture every_point`"]
fn every_point_of_minimal() {
    every_point(&EXAMPLES[0]);
}

#[test]
#[ignore = "takes hours: `cargo test --test it -- --ignored --nocapture every_point`"]
fn every_point_of_starter() {
    every_point(&EXAMPLES[1]);
}

#[test]
#[ignore = "takes hours: `cargo test --test it -- --ignored --nocapture every_point`"]
fn every_point_of_full() {
    every_point(&EXAMPLES[2]);
}

fn every_point(example: &Example) {
    let stride = std::env::var("SAASAUTH_EVERY").map_or(1, |every| every.parse().unwrap());
    // The pool to take over is made for that one.
    let only = std::env::var("SAASAUTH_JOURNEY").ok();
    let is_meant = |journey: &&Journey| {
        let can_be = **journey != Journey::Adopt || example.name == "starter";
        let name = format!("{journey:?}");
        can_be && only.as_ref().is_none_or(|only| *only == name)
    };
    let lanes = JOURNEYS
        .iter()
        .filter(is_meant)
        .flat_map(|&journey| [Before, After, Lost].map(|moment| (journey, moment)));
    let lanes: Vec<(Journey, Moment)> = lanes.collect();
    let whole = Mutex::new(Tally::default());
    at_once(4, lanes, |(journey, moment)| {
        let mut lane = Lane::new(example, journey, moment);
        let tally = lane.walk((0..).step_by(stride));
        println!(
            "{:8} {journey:?}, {moment:?}: {} points, {} converged",
            example.name,
            tally.points,
            tally.points - tally.wrong.len()
        );
        for wrong in &tally.wrong {
            println!("{wrong}");
        }
        let mut whole = whole.lock().unwrap();
        whole.points += tally.points;
        whole.wrong.extend(tally.wrong);
    });
    let Tally { points, wrong } = whole.into_inner().unwrap();
    let converged = points - wrong.len();
    println!("{:8} {points} points, {converged} converged", example.name);
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
