//! The topology of the examples.

use std::path::Path;

use super::*;
use crate::project;

/// The example that uses every resource type.
pub(crate) fn whole() -> Topology {
    example("full", "prod")
}

pub(crate) fn example(name: &str, stage: &str) -> Topology {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name)
        .join("saasauth.yaml");
    let project = project::load(&path).expect("an example is valid");
    let stage = project.stage(stage).expect("the example has the stage");
    build(stage, &Facts::assumed())
}

#[test]
fn physical_names_start_with_project_and_stage() {
    let topology = example("starter", "dev");
    let Resource::Table(table) = &topology.resources["PermissionsTable"].resource else {
        panic!("PermissionsTable is a table");
    };
    assert_eq!(
        table.table_name,
        format!("{}-dev-permissions", topology.project)
    );
}

#[test]
fn everything_taggable_carries_the_ownership_tags() {
    for (id, node) in &whole().resources {
        let properties = node.resource.properties();
        let text = properties.to_string();
        let tagged = text.contains(PROJECT_TAG) && text.contains(STAGE_TAG);
        let taggable = properties.get("Tags").is_some() || properties.get("UserPoolTags").is_some();
        assert_eq!(tagged, taggable, "{id}");
    }
}

#[test]
fn an_unverified_sender_falls_back_and_says_so() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/starter/saasauth.yaml");
    let project = project::load(&path).expect("valid");
    let stage = project.stage("dev").expect("dev");
    let topology = build(
        stage,
        &Facts {
            identity: Identity::Ours { ready: false },
        },
    );
    let pool = topology.resources["UserPool"].resource.properties();
    assert_eq!(
        pool["EmailConfiguration"]["EmailSendingAccount"],
        "COGNITO_DEFAULT"
    );
    assert!(
        topology
            .notes
            .iter()
            .any(|note| note.contains("50 emails a day"))
    );
    let local = build(
        project.stage("local").expect("local"),
        &Facts {
            identity: Identity::Ours { ready: false },
        },
    );
    let pool = local.resources["UserPool"].resource.properties();
    assert_eq!(
        pool["EmailConfiguration"]["EmailSendingAccount"],
        "DEVELOPER"
    );
}

#[test]
fn a_shared_identity_is_used_but_not_declared() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/starter/saasauth.yaml");
    let project = project::load(&path).expect("valid");
    let topology = build(
        project.stage("dev").expect("dev"),
        &Facts {
            identity: Identity::Theirs { ready: true },
        },
    );
    assert!(!topology.resources.contains_key("EmailIdentity"));
    let pool = topology.resources["UserPool"].resource.properties();
    assert_eq!(
        pool["EmailConfiguration"]["EmailSendingAccount"],
        "DEVELOPER"
    );
}
