//! Plans of the examples, against what a first deploy would have left.

use serde_json::json;

use super::*;
use crate::resource::REF;
use crate::topology::tests::{example, whole};

/// Everything the topology declares, as AWS would return it after a deploy.
fn deployed(topology: &Topology) -> Observed {
    let graph = Graph::of(topology);
    let mut observed = Observed {
        answers: account(),
        ..Observed::default()
    };
    let mut answers = account();
    for id in graph.in_order() {
        answers.attribute(&id, "Arn", format!("arn:{id}"));
        answers.reference(&id, format!("physical-{id}"));
    }
    for (id, node) in &topology.resources {
        let kind = node.resource.kind();
        let live = Live {
            physical_id: format!("physical-{id}"),
            properties: answers.resolve(&node.resource.properties()),
            attributes: BTreeMap::from([
                (REF.to_owned(), format!("physical-{id}")),
                ("Arn".to_owned(), format!("arn:{id}")),
            ]),
            owner: None,
        };
        observed.recorded.insert(
            id.clone(),
            Recorded {
                kind,
                physical_id: Some(live.physical_id.clone()),
            },
        );
        observed.live.insert(id.clone(), live);
    }
    observed
}

fn account() -> Answers {
    let mut answers = Answers::default();
    answers.reference("AWS::Partition", "aws");
    answers.reference("AWS::Region", "eu-west-1");
    answers.reference("AWS::AccountId", "123456789012");
    answers.reference("ArtifactBucket", "direct");
    answers.reference("ConfirmUserCode", "digest-1");
    answers.reference("GenerateTokenCode", "digest-2");
    answers
}

fn planned(topology: &Topology, observed: Observed) -> Result<Plan> {
    plan(topology, Engine::Direct, observed, &Permissions::default())
}

fn depth(plan: &Plan) -> usize {
    let mut depths = vec![0; plan.steps.len()];
    for (position, step) in plan.steps.iter().enumerate() {
        for &before in &step.after {
            assert_ne!(before, position);
        }
    }
    // Steps may wait for later ones in the list (a Finish does), so settle by repetition.
    for _ in 0..plan.steps.len() {
        for (position, step) in plan.steps.iter().enumerate() {
            depths[position] = 1 + step
                .after
                .iter()
                .map(|&before| depths[before])
                .max()
                .unwrap_or(0);
        }
    }
    depths.into_iter().max().unwrap_or(0)
}

#[test]
fn what_is_deployed_needs_nothing() {
    let topology = whole();
    let plan = planned(&topology, deployed(&topology)).expect("a plan");
    assert!(plan.is_empty(), "{:?}", plan.changes);
    assert!(plan.steps.is_empty());
    assert_eq!(plan.summary().unchanged, topology.resources.len());
}

#[test]
fn a_cold_plan_creates_everything_in_three_levels() {
    let topology = example("starter", "dev");
    let plan = planned(
        &topology,
        Observed {
            answers: account(),
            ..Observed::default()
        },
    )
    .expect("a plan");
    assert_eq!(plan.summary().create, topology.resources.len());
    assert_eq!(depth(&plan), 3);
    let finish = plan
        .steps
        .iter()
        .find(|step| step.operation == Operation::Finish)
        .expect("a finish");
    assert_eq!(finish.logical_id, "UserPool");
    let waits: Vec<&str> = finish
        .after
        .iter()
        .map(|&position| plan.steps[position].logical_id.as_str())
        .collect();
    assert!(
        waits.contains(&"ConfirmUser") && waits.contains(&"GenerateToken"),
        "{waits:?}"
    );
}

#[test]
fn one_changed_key_is_one_change() {
    let topology = whole();
    let mut observed = deployed(&topology);
    let live = observed.live.get_mut("ConfirmUser").expect("ConfirmUser");
    live.properties["MemorySize"] = json!(128);
    let plan = planned(&topology, observed).expect("a plan");
    assert_eq!(plan.changes.len(), 1);
    let change = &plan.changes[0];
    assert_eq!(
        (change.action, change.logical_id.as_str()),
        (Action::Update, "ConfirmUser")
    );
    assert_eq!(change.properties.len(), 1);
    assert_eq!(change.properties[0].path, "MemorySize");
    assert_eq!(plan.steps.len(), 1);
}

#[test]
fn sign_in_names_are_refused_with_advice() {
    let topology = whole();
    let mut observed = deployed(&topology);
    let live = observed.live.get_mut("UserPool").expect("UserPool");
    live.properties["UsernameConfiguration"]["CaseSensitive"] = json!(true);
    let error = planned(&topology, observed).expect_err("a refusal");
    assert_eq!(error.kind, crate::error::ErrorKind::Refused);
    assert!(
        error
            .message
            .contains("UsernameConfiguration.CaseSensitive"),
        "{}",
        error.message
    );
    assert!(error.hints[0].contains("migrate"));
}

#[test]
fn attributes_are_added_but_never_changed() {
    let topology = whole();
    let mut observed = deployed(&topology);
    let schema = &mut observed
        .live
        .get_mut("UserPool")
        .expect("UserPool")
        .properties["Schema"];
    schema.as_array_mut().expect("a list").remove(0);
    let plan = planned(&topology, observed).expect("adding is fine");
    assert_eq!(plan.changes[0].action, Action::Update);

    let mut observed = deployed(&topology);
    let schema = &mut observed
        .live
        .get_mut("UserPool")
        .expect("UserPool")
        .properties["Schema"];
    schema[0]["Mutable"] = json!(!schema[0]["Mutable"].as_bool().expect("a flag"));
    assert!(planned(&topology, observed).is_err());
}

fn with_secret_flipped(topology: &Topology) -> (Observed, LogicalId) {
    let mut observed = deployed(topology);
    let (id, live) = observed
        .live
        .iter_mut()
        .find(|(id, _)| id.starts_with("Client"))
        .map(|(id, live)| (id.clone(), live))
        .expect("a client");
    let secret = live.properties["GenerateSecret"].as_bool().expect("a flag");
    live.properties["GenerateSecret"] = json!(!secret);
    (observed, id)
}

#[test]
fn a_client_is_replaced_only_when_allowed_and_the_old_one_goes_last() {
    let topology = whole();
    let (observed, id) = with_secret_flipped(&topology);
    let error = planned(&topology, observed).expect_err("a refusal");
    assert!(
        error.hints[0].contains("--allow-replace"),
        "{:?}",
        error.hints
    );

    let (observed, _) = with_secret_flipped(&topology);
    let allowed = Permissions {
        replace: BTreeSet::from([id.clone()]),
        protected: false,
    };
    let plan = plan(&topology, Engine::Direct, observed, &allowed).expect("a plan");
    let operations: Vec<Operation> = plan.steps.iter().map(|step| step.operation).collect();
    assert_eq!(operations, [Operation::Create, Operation::Delete]);
    assert_eq!(plan.steps[1].after, [0]);

    let (observed, _) = with_secret_flipped(&topology);
    let protected = Permissions {
        replace: BTreeSet::from([id]),
        protected: true,
    };
    assert!(super::plan(&topology, Engine::Direct, observed, &protected).is_err());
}

#[test]
fn what_left_the_file_is_deleted_last() {
    let topology = whole();
    let mut observed = deployed(&topology);
    observed.live.remove("ConfirmUserLogs");
    observed.recorded.insert(
        "GroupOld".to_owned(),
        Recorded {
            kind: Kind::UserPoolGroup,
            physical_id: Some("pool|old".to_owned()),
        },
    );
    let plan = planned(&topology, observed).expect("a plan");
    assert_eq!(plan.steps.len(), 2);
    assert_eq!(plan.steps[1].operation, Operation::Delete);
    assert_eq!(plan.steps[1].after, [0]);
}

#[test]
fn destroying_leaves_children_to_their_parents_and_orders_the_rest() {
    let topology = whole();
    let recorded = deployed(&topology).recorded;
    let plan = destroy("prod", Engine::Direct, recorded, &[]);
    assert_eq!(plan.changes.len(), topology.resources.len());
    let kinds: Vec<Kind> = plan.steps.iter().map(|step| step.kind).collect();
    assert!(
        !kinds.contains(&Kind::UserPoolClient),
        "clients go with the pool"
    );
    assert!(
        !kinds.contains(&Kind::Permission),
        "permissions go with the function"
    );
    assert_eq!(depth(&plan), 2);
}

#[test]
fn keeping_data_keeps_the_pool_and_the_tables() {
    let topology = whole();
    let plan = destroy(
        "prod",
        Engine::Direct,
        deployed(&topology).recorded,
        &[Kind::UserPool, Kind::Table],
    );
    assert!(plan.steps.iter().all(|step| !step.kind.holds_data()));
    assert_eq!(plan.unchanged.len(), 3);
}
