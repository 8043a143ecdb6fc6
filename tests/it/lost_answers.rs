//! AWS does what it was asked, and the answer never arrives: each command still ends well, with everything
//! there once.
#![expect(clippy::print_stdout, reason = "a test tells how much it has covered")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::{
    Answer, Between, Cloud, EXAMPLES, Example, Hook, Project, Question, at_once, nothing_is_left,
};

/// Loses one answer of each command.
struct Losing {
    which: Which,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
enum Which {
    /// The one at this position.
    Nth(usize),
    /// The first one of an operation.
    Operation(&'static str),
}

#[derive(Default)]
struct State {
    seen: usize,
    /// What was lost in the present command.
    lost: Option<String>,
    /// How many were lost in all.
    count: usize,
}

impl Hook for Losing {
    async fn before(&self, _asked: &Question) -> Option<Answer> {
        None
    }

    async fn after(&self, asked: &Question, answer: Answer) -> Option<Answer> {
        let mut state = self.state.lock().unwrap();
        let position = state.seen;
        state.seen += 1;
        let meant = match self.which {
            Which::Nth(nth) => nth == position,
            Which::Operation(operation) => operation == asked.operation,
        };
        if !meant || state.lost.is_some() || !answer.is_success() {
            return Some(answer);
        }
        state.lost = Some(asked.operation.clone());
        state.count += 1;
        None
    }
}

/// Deploys, changes and destroys an example; each of the three loses one answer. Returns how many were lost.
fn live_through(example: &Example, which: Which) -> Result<usize, String> {
    let mut project = example.project();
    let hook = Losing {
        which,
        state: Mutex::default(),
    };
    let between = Between::new(&Cloud::shared().endpoint_url, hook);
    let direct = project.endpoint_url.clone();
    let through = Some(between.endpoint_url.clone());
    let losing = |project: &mut Project, arguments: &[&str], doing: &str| {
        {
            let mut state = between.hook.state.lock().unwrap();
            state.seen = 0;
            state.lost = None;
        }
        project.endpoint_url = through.clone();
        let output = project.run(arguments);
        project.endpoint_url = direct.clone();
        let lost = between.hook.state.lock().unwrap().lost.clone();
        match output.code {
            0 => Ok(lost),
            _ => Err(format!(
                "{doing} without the answer to {lost:?}: {output:?}"
            )),
        }
    };
    let whole = |project: &Project, lost: &Option<String>, doing: &str| {
        let diff = project.run(&["diff", "--no-build", "--detailed-exitcode"]);
        if diff.code != 0 {
            return Err(format!(
                "{doing} without the answer to {lost:?} leaves: {diff:?}"
            ));
        }
        match doubled(project)? {
            None => Ok(()),
            Some(what) => Err(format!("{doing} without the answer to {lost:?}: {what}")),
        }
    };
    let lost = losing(&mut project, &["deploy", "--no-build"], "deploy")?;
    whole(&project, &lost, "deploy")?;
    example.change(&project);
    let lost = losing(&mut project, &["deploy", "--no-build"], "change")?;
    whole(&project, &lost, "change")?;
    losing(&mut project, &["destroy"], "destroy")?;
    nothing_is_left(&project)?;
    let count = between.hook.state.lock().unwrap().count;
    Ok(count)
}

/// What is there more than once.
fn doubled(project: &Project) -> Result<Option<String>, String> {
    let inventory = project.inventory();
    let pools = &inventory["user_pools"];
    if pools.as_array().map(Vec::len) != Some(1) {
        return Ok(Some(format!("the user pools are {pools}")));
    }
    let outputs = project.outputs();
    let declared = outputs["clients"]
        .as_object()
        .map_or(0, serde_json::Map::len);
    let listed = project.client(
        "cognito-idp",
        "list_user_pool_clients",
        json!({ "UserPoolId": outputs["user_pool_id"], "MaxResults": 60 }),
    );
    let names: Vec<&Value> = listed["UserPoolClients"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|client| &client["ClientName"])
        .collect();
    Ok((names.len() != declared).then(|| format!("the clients are {names:?}")))
}

#[test]
fn what_aws_does_not_deduplicate_is_made_once() {
    for operation in [
        "CreateUserPool",
        "CreateUserPoolClient",
        "CreateUserPoolDomain",
        "CreateGroup",
    ] {
        let lost = live_through(&EXAMPLES[1], Which::Operation(operation)).unwrap();
        assert!(lost > 0, "{operation} was never asked");
    }
}

#[test]
#[ignore = "takes a while: `cargo test --test it -- --ignored each_answer`"]
fn each_answer_of_the_full_example_can_be_lost() {
    let (lost, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    // No command has more requests than the one that lost none.
    let is_last = AtomicBool::new(false);
    let each = (0..).take_while(|_| !is_last.load(Ordering::Relaxed));
    at_once(2, each, |nth| {
        match live_through(&EXAMPLES[2], Which::Nth(nth)) {
            Ok(0) => is_last.store(true, Ordering::Relaxed),
            Ok(count) => {
                lost.fetch_add(count, Ordering::Relaxed);
            }
            Err(what) => wrong.lock().unwrap().push(what),
        }
        println!(
            "answer {nth}: {} lost so far, {} wrong",
            lost.load(Ordering::Relaxed),
            wrong.lock().unwrap().len()
        );
    });
    let wrong = wrong.into_inner().unwrap();
    let lost = lost.into_inner();
    println!(
        "{lost} answers lost, {} commands failed or left something",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
