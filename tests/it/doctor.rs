//! `saasauth doctor` on the local cloud.

use serde_json::Value;

use crate::support::Project;

fn status<'a>(document: &'a Value, name: &str) -> (&'a str, &'a str) {
    let checks = document["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name);
    let check = check.unwrap_or_else(|| panic!("no {name}: {document:#}"));
    (
        check["status"].as_str().unwrap(),
        check["detail"].as_str().unwrap(),
    )
}

#[test]
fn before_and_after_a_deploy_nothing_is_wrong() {
    let project = Project::starter();
    let before = project.run(&["doctor", "--json"]).expect(0).json();
    assert_eq!(
        status(&before, "stage"),
        ("ok", "`local` is not deployed yet"),
        "{before:#}"
    );
    assert_eq!(status(&before, "sender").0, "warning", "{before:#}");
    project.run(&["deploy", "--no-build"]).expect(0);
    let after = project.run(&["doctor", "--json"]).expect(0).json();
    assert!(
        status(&after, "stage")
            .1
            .starts_with("`local` is deployed: "),
        "{after:#}"
    );
    assert_eq!(status(&after, "lock"), ("ok", "nobody is deploying"));
    assert_eq!(status(&after, "sender").0, "ok", "{after:#}");
    assert!(
        status(&after, "hosted pages")
            .1
            .ends_with("is this stage's"),
        "{after:#}"
    );
    assert!(
        status(&after, "account").1.starts_with(&project.account),
        "{after:#}"
    );
}

#[test]
fn another_stage_s_hosted_pages_are_in_the_way() {
    let project = Project::starter();
    project.run(&["deploy", "--no-build"]).expect(0);
    // The same prefix under another project's name.
    project.edit("project: starter", "project: other");
    let found = project.run(&["doctor", "--json"]).expect(1).json();
    let (is, detail) = status(&found, "hosted pages");
    assert_eq!(is, "problem", "{found:#}");
    assert!(detail.contains("belongs to the user pool"), "{detail}");
    let refused = project.run(&["doctor"]).expect(1);
    assert!(
        refused
            .stdout
            .contains("hint: choose another `hosted_ui.prefix`"),
        "{refused:?}"
    );
}
