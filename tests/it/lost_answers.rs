//! AWS does what it was asked, and the answer never arrives: each command still ends well, with everything
//! there once.

use std::sync::Mutex;

use serde_json::{Value, json};

use crate::support::{
    Answer, Between, Cloud, EXAMPLES, Example, Hook, Project, Question, nothing_is_left,
};

/// Loses the first answer to an operation in each command.
struct Losing {
    operation: &'static str,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
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
        let is_meant = self.operation == asked.operation;
        if !is_meant || state.lost.is_some() || !answer.is_success() {
            return Some(answer);
        }
        state.lost = Some(asked.operation.clone());
        state.count += 1;
        None
    }
}

/// Deploys, changes and destroys an example; each of the three loses that answer. Returns how many were lost.
fn live_through(example: &Example, operation: &'static str) -> Result<usize, String> {
    let mut project = example.project();
    let hook = Losing {
        operation,
        state: Mutex::default(),
    };
    let between = Between::new(&Cloud::shared().endpoint_url, hook);
    let direct = project.endpoint_url.clone();
    let through = Some(between.endpoint_url.clone());
    let losing = |project: &mut Project, arguments: &[&str], doing: &str| {
        between.hook.state.lock().unwrap().lost = None;
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
        let lost = live_through(&EXAMPLES[1], operation).unwrap();
        assert!(lost > 0, "{operation} was never asked");
    }
}
