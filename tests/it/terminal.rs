//! Streams, terminals and exit codes: what scripts and people rely on.

use crate::support::{Project, on_a_terminal};

const ESCAPE: char = '\u{1b}';

#[test]
fn without_a_terminal_there_are_plain_lines() {
    let project = Project::starter();
    let diff = project.run(&["diff", "--no-build"]).expect(0);
    let deployed = project.run(&["deploy", "--no-build"]).expect(0);
    for output in [&diff, &deployed] {
        assert!(!output.stdout.contains([ESCAPE, '\r']), "{output:?}");
        assert!(!output.stderr.contains([ESCAPE, '\r']), "{output:?}");
    }
    assert!(
        deployed
            .stderr
            .contains("\ncreated UserPool (AWS::Cognito::UserPool) in "),
        "{deployed:?}"
    );
    let colored = project
        .run(&["diff", "--no-build", "--color", "always", "-v"])
        .expect(0);
    assert!(colored.stderr.contains(ESCAPE), "{colored:?}");
}

#[test]
fn quiet_says_only_the_result() {
    let project = Project::starter();
    let deployed = project.run(&["deploy", "--no-build", "-q"]).expect(0);
    assert_eq!(deployed.stderr, "");
    assert!(deployed.stdout.contains("user pool"), "{deployed:?}");
}

#[test]
fn on_a_terminal_progress_is_live_and_fits() {
    let project = Project::starter();
    let deployed = on_a_terminal(&project, "", &["deploy", "--no-build"]).expect(0);
    assert!(deployed.stdout.contains(ESCAPE), "{deployed:?}");
    let plain =
        on_a_terminal(&project, "", &["deploy", "--no-build", "--color", "never"]).expect(0);
    // Colours end in `m`; what moves the cursor doesn't.
    assert!(!plain.stdout.contains("\u{1b}[1m"), "{plain:?}");
}

#[test]
fn a_stage_in_aws_is_only_changed_when_somebody_agrees() {
    let project = Project::dev();
    let deploy = ["deploy", "--no-build", "--stage", "dev"];
    let unasked = project.run(&deploy).expect(3);
    assert!(
        unasked.stderr.contains("there is no terminal to ask on"),
        "{unasked:?}"
    );
    assert!(unasked.stderr.contains("hint: add `--yes`"), "{unasked:?}");
    let declined = on_a_terminal(&project, "n", &deploy).expect(3);
    assert!(
        declined.stdout.contains("nothing was changed"),
        "{declined:?}"
    );
    assert_eq!(
        project.inventory()["tables"],
        serde_json::json!([]),
        "nothing was written"
    );

    on_a_terminal(&project, "y", &deploy).expect(0);
    // The sender's identity was verified in the meantime, so the pool may use it from now on.
    project
        .run(&["deploy", "--no-build", "--stage", "dev", "--yes"])
        .expect(0);
    let again = project.run(&deploy).expect(0);
    assert!(
        again.stderr.contains(" unchanged\n"),
        "nothing to agree to: {again:?}"
    );
}

#[test]
fn a_stage_in_aws_is_only_destroyed_when_its_name_is_given() {
    let project = Project::dev();
    project
        .run(&["deploy", "--no-build", "--stage", "dev", "--yes"])
        .expect(0);
    let destroy = ["destroy", "--stage", "dev"];
    let unasked = project.run(&destroy).expect(3);
    assert!(
        unasked.stderr.contains("--yes --confirm dev"),
        "{unasked:?}"
    );
    let yes = project
        .run(&["destroy", "--stage", "dev", "--yes"])
        .expect(3);
    assert!(yes.stderr.contains("--yes --confirm dev"), "{yes:?}");
    let wrong = project
        .run(&["destroy", "--stage", "dev", "--yes", "--confirm", "prod"])
        .expect(2);
    assert!(
        wrong
            .stderr
            .contains("`--confirm prod` is not the stage's name"),
        "{wrong:?}"
    );
    let mistyped = on_a_terminal(&project, "de", &destroy).expect(3);
    assert!(
        mistyped.stdout.contains("nothing was deleted"),
        "{mistyped:?}"
    );
    assert_eq!(
        project.inventory()["user_pools"],
        serde_json::json!(["starter-dev-users"])
    );
    project
        .run(&["destroy", "--stage", "dev", "--yes", "--confirm", "dev"])
        .expect(0);
    assert_eq!(project.inventory()["user_pools"], serde_json::json!([]));
}

#[test]
fn an_unreachable_endpoint_ends_with_1_and_says_so() {
    let mut project = Project::starter();
    project.endpoint_url = Some("http://127.0.0.1:9".to_owned());
    let failed = project.run(&["diff", "--no-build"]).expect(1);
    assert!(failed.stderr.starts_with("error: "), "{failed:?}");
    assert!(failed.stderr.contains("onnection refused"), "{failed:?}");
}

#[test]
fn a_resource_that_is_not_there_can_not_be_replaced() {
    let project = Project::starter();
    let replaced = project
        .run(&["diff", "--no-build", "--allow-replace", "UserPol"])
        .expect(2);
    assert!(
        replaced.stderr.contains("did you mean `UserPool`"),
        "{replaced:?}"
    );
}
