//! Plans of the examples, against what a first deploy would have left.

use serde_json::json;

use super::*;
use crate::resource::{REF, Resource};
use crate::topology::tests::{example, whole};

/// Everything the topology declares, as AWS would return it after a deploy.
pub(super) fn deployed(topology: &Topology) -> Observed {
    let graph = Graph::of(topology);
    let mut observed = Observed {
        answers: account(),
        ..Observed::default()
    };
    let mut answers = account();
    for id in graph.in_order().expect("no circle") {
        answers.attribute(&id, "Arn", format!("arn:x/physical-{id}"));
        answers.reference(&id, format!("physical-{id}"));
    }
    for (id, node) in &topology.resources {
        let kind = node.resource.kind();
        let live = Live {
            physical_id: format!("physical-{id}"),
            properties: answers.resolve(&node.resource.properties()),
            attributes: BTreeMap::from([
                (REF.to_owned(), format!("physical-{id}")),
                ("Arn".to_owned(), format!("arn:x/physical-{id}")),
            ]),
            owner: None,
        };
        observed.recorded.insert(
            id.clone(),
            Recorded {
                kind,
                physical_id: Some(live.physical_id.clone()),
                memory: Memory::default(),
            },
        );
        observed.live.insert(id.clone(), live);
    }
    observed
}

pub(super) fn account() -> Answers {
    let mut answers = Answers::default();
    answers.reference("AWS::Partition", "aws");
    answers.reference("AWS::Region", "eu-west-1");
    answers.reference("AWS::AccountId", "123456789012");
    answers.reference("ArtifactBucket", "direct");
    answers.reference("ConfirmUserCode", "digest-1");
    answers.reference("GenerateTokenCode", "digest-2");
    answers
}

pub(super) fn planned(topology: &Topology, observed: Observed) -> Result<Plan> {
    plan(topology, Engine::Direct, observed, &Permissions::default())
}

fn depth(plan: &Plan) -> usize {
    let mut depths: Vec<usize> = Vec::new();
    for step in &plan.steps {
        // Panics where a step waits for a later one.
        let before = step.after.iter().map(|&before| depths[before]);
        depths.push(1 + before.max().unwrap_or(0));
    }
    depths.into_iter().max().unwrap_or(0)
}

fn operations(plan: &Plan) -> Vec<Operation> {
    let works = plan.steps.iter().flat_map(|step| &step.members);
    works.map(|member| member.work.operation()).collect()
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
        .find(|step| step.members[0].work.operation() == Operation::Finish)
        .expect("a finish");
    assert_eq!(finish.members[0].logical_id, "UserPool");
    let waits: Vec<&str> = finish
        .after
        .iter()
        .flat_map(|&position| plan.steps[position].ids())
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
        ..Permissions::default()
    };
    let plan = plan(&topology, Engine::Direct, observed, &allowed).expect("a plan");
    assert_eq!(operations(&plan), [Operation::Create, Operation::Delete]);
    assert_eq!(plan.steps[1].after, [0]);

    let (observed, _) = with_secret_flipped(&topology);
    let protected = Permissions {
        replace: BTreeSet::from([id]),
        protected: true,
        ..Permissions::default()
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
            memory: Memory::default(),
        },
    );
    let plan = planned(&topology, observed).expect("a plan");
    assert_eq!(plan.steps.len(), 2);
    assert_eq!(operations(&plan)[1], Operation::Delete);
    assert_eq!(plan.steps[1].after, [0]);
}

#[test]
fn destroying_leaves_children_to_their_parents_and_orders_the_rest() {
    let topology = whole();
    let recorded = deployed(&topology).recorded;
    let plan = destroy("prod", Engine::Direct, recorded, &[]).expect("a plan");
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
    assert_eq!(depth(&plan), 4, "domain, pool, policies, roles");
    let pool = plan.steps_of("UserPool").next();
    let client = plan
        .changes
        .iter()
        .find(|change| change.kind == Kind::UserPoolClient);
    let client = &client.expect("a client").logical_id;
    assert_eq!(plan.steps_of(client).next(), pool, "it goes with the pool");
}

#[test]
fn keeping_data_keeps_the_pool_the_tables_and_the_queue() {
    let topology = whole();
    let plan = destroy(
        "prod",
        Engine::Direct,
        deployed(&topology).recorded,
        &[Kind::UserPool, Kind::Table, Kind::Queue],
    )
    .expect("a plan");
    assert!(plan.steps.iter().all(|step| !step.kind.rules().holds_data));
    assert_eq!(plan.unchanged.len(), 4);
}

/// A plan is all that executing needs: what to create, the whole update with what changed, what to delete.
#[test]
fn a_step_carries_its_payload() {
    let topology = whole();
    let mut observed = deployed(&topology);
    let live = observed.live.get_mut("ConfirmUser").expect("ConfirmUser");
    live.properties["MemorySize"] = json!(128);
    live.properties["Timeout"] = json!(1);
    let before = live.clone();
    let plan = planned(&topology, observed).expect("a plan");
    let Work::Update {
        properties,
        live,
        changed,
    } = &plan.steps[0].members[0].work
    else {
        panic!("{:?} is an update", plan.steps[0]);
    };
    assert_eq!(*live, before);
    assert_eq!(
        *changed,
        BTreeSet::from(["MemorySize".to_owned(), "Timeout".to_owned()])
    );
    let declared = topology.resources["ConfirmUser"].resource.properties();
    assert_eq!(*properties, declared);
}

#[test]
fn what_waits_for_others_is_sent_with_the_finish_alone() {
    let topology = whole();
    let observed = Observed {
        answers: account(),
        ..Observed::default()
    };
    let plan = planned(&topology, observed).expect("a plan");
    let of_pool: Vec<&Work> = plan
        .steps
        .iter()
        .flat_map(|step| &step.members)
        .filter(|member| member.logical_id == "UserPool")
        .map(|member| &member.work)
        .collect();
    let [
        Work::Create { properties, .. },
        Work::Finish {
            properties: all,
            changed,
        },
    ] = &of_pool[..]
    else {
        panic!("{of_pool:?}");
    };
    assert!(properties.get("LambdaConfig").is_none());
    assert!(all.get("LambdaConfig").is_some());
    assert_eq!(*changed, BTreeSet::from(["LambdaConfig".to_owned()]));
    let finish = plan.steps_of("UserPool").last().expect("a finish");
    assert!(
        plan.steps[finish].after.len() >= 3,
        "pool and two functions"
    );
}

#[test]
fn items_share_a_request_and_the_ledger_knows_what_each_will_be_called() {
    let topology = whole();
    let observed = Observed {
        answers: account(),
        ..Observed::default()
    };
    let plan = planned(&topology, observed).expect("a plan");
    let items: Vec<&Step> = plan
        .steps
        .iter()
        .filter(|step| step.kind == Kind::Item)
        .collect();
    assert_eq!(items.len(), 1);
    assert!(items[0].members.len() > 3, "{:?}", items[0]);
    assert_eq!(items[0].after.len(), 2, "both tables");
    let intents: BTreeMap<&str, Option<&str>> = plan
        .creates()
        .map(|(id, _, physical_id)| (id.as_str(), physical_id.map(String::as_str)))
        .collect();
    assert_eq!(intents.len(), topology.resources.len());
    assert_eq!(
        intents["ConfirmUserRole"],
        Some("full-prod-confirm-user-euw1")
    );
    assert_eq!(intents["UserPool"], None, "AWS makes that up");
}

#[test]
fn a_circle_is_refused() {
    let mut topology = example("starter", "dev");
    let Resource::Role(role) = &topology.resources["ConfirmUserRole"].resource else {
        panic!("a role");
    };
    let mut role = role.clone();
    role.assume_role_policy_document.statement[0].resource =
        Some(vec![crate::resource::Expr::attribute("ConfirmUser", "Arn")]);
    let node = topology.resources.get_mut("ConfirmUserRole").expect("it");
    node.resource = Resource::Role(role);
    let error = planned(&topology, Observed::default()).expect_err("a circle");
    assert_eq!(error.kind, crate::error::ErrorKind::Refused);
    let cause = &error.causes[0];
    assert!(
        cause.contains("`ConfirmUser`") && cause.contains("`ConfirmUserRole`"),
        "{cause}"
    );
}

/// A record without a physical ID is of a create that was cut off: nothing has to be sent, and the change
/// is complete at once.
#[test]
fn what_was_never_made_is_removed_without_a_request() {
    let topology = whole();
    let mut observed = deployed(&topology);
    observed.recorded.insert(
        "GroupOld".to_owned(),
        Recorded {
            kind: Kind::UserPoolGroup,
            physical_id: None,
            memory: Memory::default(),
        },
    );
    let plan = planned(&topology, observed).expect("a plan");
    assert_eq!(plan.changes.len(), 1);
    assert!(plan.steps.is_empty());
    assert_eq!(plan.steps_of("GroupOld").count(), 0);
}

/// A tag of somebody else's is theirs; one of ours that left the file goes.
#[test]
fn tags_of_others_stay_and_ours_go_when_they_leave_the_file() {
    let topology = whole();
    let tagged = |memory: Memory| {
        let mut observed = deployed(&topology);
        for (id, tags) in [("PermissionsTable", "Tags"), ("UserPool", "UserPoolTags")] {
            let live = observed.live.get_mut(id).expect("it is deployed");
            match &mut live.properties[tags] {
                Value::Array(tags) => {
                    tags.push(json!({ "Key": "old", "Value": "1" }));
                    tags.push(json!({ "Key": "theirs", "Value": "2" }));
                }
                tags => {
                    tags["old"] = json!("1");
                    tags["theirs"] = json!("2");
                }
            }
            let recorded = observed.recorded.get_mut(id).expect("it is recorded");
            recorded.memory = memory.clone();
        }
        planned(&topology, observed).expect("a plan")
    };
    let noted = Memory {
        tags: Some(BTreeSet::from(["old".to_owned(), "team".to_owned()])),
        holds: None,
    };
    let plan = tagged(noted);
    let paths: Vec<&str> = plan
        .changes
        .iter()
        .flat_map(|change| &change.properties)
        .map(|property| property.path.as_str())
        .collect();
    assert_eq!(paths, ["Tags.old", "UserPoolTags.old"]);
    for step in &plan.steps {
        // What is sent is laid over what is live: it must not know theirs as ours to remove.
        let Work::Update { live, .. } = &step.members[0].work else {
            panic!("{step:?} is an update");
        };
        let text = live.properties.to_string();
        assert!(text.contains("old") && !text.contains("theirs"), "{text}");
    }
    // A record of an earlier version says nothing of tags: then nothing that isn't declared is ours.
    assert!(tagged(Memory::default()).is_empty());
}

#[test]
fn what_is_remembered_names_the_tags_that_were_set_and_what_is_held() {
    let topology = whole();
    let mut answers = account();
    answers.attribute("ConfirmUserRole", "RoleId", "AROA1");
    let memory_of = |id: &str| {
        let resource = &topology.resources[id].resource;
        Memory::of(resource.kind().rules(), &resource.properties(), &answers)
    };
    let function = memory_of("ConfirmUser");
    let tags = function.tags.expect("a function is tagged");
    assert!(tags.contains(crate::resource::PROJECT_TAG), "{tags:?}");
    assert_eq!(function.holds.as_deref(), Some("AROA1"));
    let pool = memory_of("UserPool").tags.expect("a pool is tagged");
    assert!(pool.contains(crate::resource::STAGE_TAG), "{pool:?}");
}

/// The two updates of a hand-over, each with the role it gives; `None` where there is none.
fn roles_given(plan: &Plan) -> Vec<Value> {
    let members = plan.steps.iter().flat_map(|step| &step.members);
    members
        .filter(|member| member.logical_id == "ConfirmUser")
        .filter_map(|member| member.work.properties())
        .map(|properties| plan.answers.resolve(&properties["Role"]))
        .collect()
}

/// Deployed, with the roles as AWS tells them, and what each function was given noted.
fn with_roles(topology: &Topology) -> Observed {
    let mut observed = deployed(topology);
    for function in ["ConfirmUser", "GenerateToken"] {
        let role = format!("{function}Role");
        let live = observed.live.get_mut(&role).expect("it is deployed");
        let name = live.properties["RoleName"].as_str().expect("a name");
        let arn = format!("arn:aws:iam::123456789012:role/{name}");
        live.attributes.insert("Arn".to_owned(), arn.clone());
        live.attributes
            .insert("RoleId".to_owned(), format!("id of {role}"));
        let live = observed.live.get_mut(function).expect("it is deployed");
        live.properties["Role"] = json!(arn);
        let recorded = observed.recorded.get_mut(function).expect("recorded");
        recorded.memory.holds = Some(format!("id of {role}"));
    }
    observed
}

#[test]
fn a_role_made_anew_is_handed_over_by_way_of_another() {
    let topology = whole();
    assert!(
        planned(&topology, with_roles(&topology))
            .expect("a plan")
            .is_empty()
    );

    // Somebody made it anew.
    let mut observed = with_roles(&topology);
    let role = observed.live.get_mut("ConfirmUserRole").expect("a role");
    role.attributes
        .insert("RoleId".to_owned(), "another".to_owned());
    let plan = planned(&topology, observed).expect("a plan");
    assert_eq!(plan.changes.len(), 1);
    let change = &plan.changes[0];
    assert_eq!(
        change.reason.as_deref(),
        Some("`ConfirmUserRole` was made anew under its name")
    );
    assert_eq!(
        (
            change.properties[0].path.as_str(),
            &change.properties[0].after
        ),
        ("Role.RoleId", &Some(json!("another")))
    );
    let roles = roles_given(&plan);
    assert_eq!(roles.len(), 2, "{roles:?}");
    assert!(
        roles[0] != roles[1] && plan.steps[1].after == [0],
        "{roles:?}"
    );
    assert_eq!(roles[1], json!(role_arn(&topology, "ConfirmUserRole")));
    assert_eq!(roles[0], json!(role_arn(&topology, "GenerateTokenRole")));

    // We are about to.
    let mut observed = with_roles(&topology);
    observed.live.remove("ConfirmUserRole");
    observed.live.remove("ConfirmUserPolicy");
    let plan = planned(&topology, observed).expect("a plan");
    let roles = roles_given(&plan);
    assert_eq!(roles.len(), 2, "{roles:?}");
    assert_eq!(roles[0], json!(role_arn(&topology, "GenerateTokenRole")));
    assert_eq!(
        roles[1],
        json!({ "Fn::GetAtt": ["ConfirmUserRole", "Arn"] })
    );

    // Nobody noted which one it was given: nothing is known to be wrong.
    let mut observed = with_roles(&topology);
    let recorded = observed.recorded.get_mut("ConfirmUser").expect("recorded");
    recorded.memory.holds = None;
    assert!(planned(&topology, observed).expect("a plan").is_empty());
}

fn role_arn(topology: &Topology, id: &str) -> String {
    let properties = topology.resources[id].resource.properties();
    let name = properties["RoleName"].as_str().expect("a name");
    format!("arn:aws:iam::123456789012:role/{name}")
}

/// A role and its policy as an older version named them, and all that holds the role's ARN.
fn rename(observed: &mut Observed, role: &str, policy: &str) {
    let (old, arn) = (format!("old-{role}"), format!("arn:x/old-{role}"));
    let now = format!("arn:x/physical-{role}");
    let live = observed.live.get_mut(role).expect("a role");
    live.physical_id.clone_from(&old);
    live.properties["RoleName"] = json!(old);
    live.attributes = BTreeMap::from([
        (REF.to_owned(), old.clone()),
        ("Arn".to_owned(), arn.clone()),
    ]);
    let live = observed.live.get_mut(policy).expect("a policy");
    live.physical_id = format!("{policy}|{old}");
    live.properties["RoleName"] = json!(old);
    for live in observed.live.values_mut() {
        let text = live.properties.to_string().replace(&now, &arn);
        live.properties = serde_json::from_str(&text).expect("it was JSON");
    }
}

/// A role gets its region's name without a moment in which a function has none, or one without rights.
#[test]
fn a_role_of_another_name_is_made_before_the_old_one_goes() {
    let topology = whole();
    for (role, policy, user) in [
        ("ConfirmUserRole", "ConfirmUserPolicy", "ConfirmUser"),
        ("GenerateTokenRole", "GenerateTokenPolicy", "GenerateToken"),
        ("SmsRole", "SmsPolicy", "UserPool"),
    ] {
        let mut observed = deployed(&topology);
        rename(&mut observed, role, policy);
        let plan = planned(&topology, observed).expect("a plan");
        let mut changed: Vec<(&str, Action)> = plan
            .changes
            .iter()
            .map(|change| (change.logical_id.as_str(), change.action))
            .collect();
        changed.sort_unstable();
        let mut expected = [
            (role, Action::Replace),
            (policy, Action::Replace),
            (user, Action::Update),
        ];
        expected.sort_unstable();
        assert_eq!(changed, expected);
        let steps: Vec<(&str, Operation)> = plan
            .steps
            .iter()
            .map(|step| {
                (
                    step.ids().next().expect("one"),
                    step.members[0].work.operation(),
                )
            })
            .collect();
        assert_eq!(
            steps,
            [
                (role, Operation::Create),
                (policy, Operation::Create),
                (user, Operation::Update),
                (policy, Operation::Delete),
                (role, Operation::Delete),
            ]
        );
        let after = |position: usize| plan.steps[position].after.as_slice();
        assert_eq!(after(1), [0], "the policy is the new role's");
        assert_eq!(
            after(2),
            [0, 1],
            "it moves over once the new role may do all"
        );
        assert_eq!(after(3), [0, 1, 2], "nobody uses the old one any more");
        assert_eq!(after(4), [0, 1, 2, 3], "its policies are gone");
        let Work::Delete { physical_id } = &plan.steps[4].members[0].work else {
            panic!("a delete");
        };
        assert_eq!(*physical_id, format!("old-{role}"));
    }
}

/// The function is made without its role's policy: it isn't called before all stands, and waiting would make
/// every first deploy longer.
#[test]
fn a_new_function_does_not_wait_for_the_policy_of_its_role() {
    let topology = whole();
    let observed = Observed {
        answers: account(),
        ..Observed::default()
    };
    let plan = planned(&topology, observed).expect("a plan");
    let at = |id: &str| plan.steps_of(id).next().expect("a step");
    assert!(
        !plan.steps[at("ConfirmUser")]
            .after
            .contains(&at("ConfirmUserPolicy"))
    );
    assert!(plan.steps[at("UserPool")].after.contains(&at("SmsPolicy")));
}
