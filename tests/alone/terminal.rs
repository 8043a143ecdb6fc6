//! Streams and exit codes, as far as nothing has to be reached: what scripts and people rely on.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{folder, repository, run, saasauth, starter};

/// `saasauth` in a project, with AWS where nobody listens, and nobody has to.
fn unreachable(project: &Path) -> Command {
    let mut command = saasauth();
    command
        .current_dir(project)
        .args(["--endpoint-url", "http://127.0.0.1:9"]);
    command
}

#[test]
fn help_and_version_are_results() {
    for argument in ["--help", "--version"] {
        let shown = run(saasauth().arg(argument)).expect(0);
        assert_eq!(shown.stderr, "");
        assert!(shown.stdout.contains("saasauth"), "{shown:?}");
    }
    // What is a command's own stands apart from what every command takes.
    let repair = run(saasauth().args(["repair", "--help"])).expect(0).stdout;
    let (own, common) = repair.split_once("Options of every command:").unwrap();
    assert!(
        own.contains("--confirm") && !own.contains("--stage"),
        "{repair}"
    );
    assert!(
        common.contains("--stage") && !common.contains("--confirm"),
        "{repair}"
    );
    let completions = run(saasauth().args(["completions", "bash"])).expect(0);
    assert!(completions.stdout.contains("saasauth"), "{completions:?}");
}

#[test]
fn mistakes_on_the_command_line_end_with_2() {
    let project = starter();
    let stage = run(saasauth()
        .args(["diff", "--stage", "prd"])
        .current_dir(&project))
    .expect(2);
    assert!(
        stage.stderr.contains("there is no stage `prd`"),
        "{stage:?}"
    );
    for arguments in [
        &["deplyo"][..],
        &["deploy", "--sage", "dev"],
        &[],
        &["destroy", "--confirm", "dev"],
    ] {
        let wrong = run(saasauth().args(arguments).current_dir(&project)).expect(2);
        assert_eq!(wrong.stdout, "", "{arguments:?}");
    }
    let empty = folder("empty");
    let nowhere = run(saasauth().arg("check").current_dir(&empty)).expect(2);
    assert!(nowhere.stderr.contains("saasauth init"), "{nowhere:?}");
    assert_eq!(fs::read_dir(empty).unwrap().count(), 0);
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let binary = env!("CARGO_BIN_EXE_saasauth");
    let piped = run(Command::new("bash")
        .args(["-c", "set -o pipefail; \"$0\" schema | head -n 1", binary])
        .current_dir(repository()));
    assert_eq!((piped.code, piped.stderr.as_str()), (0, ""), "{piped:?}");
}

#[test]
fn a_protected_stage_is_never_destroyed() {
    let project = starter();
    let arguments = ["destroy", "--stage", "prod", "--yes", "--confirm", "prod"];
    let refused = run(unreachable(&project).args(arguments)).expect(3);
    assert!(refused.stderr.contains("`protect: true`"), "{refused:?}");
}

#[test]
fn without_a_build_there_is_nothing_to_deploy() {
    let project = starter();
    let deployed = run(unreachable(&project).args(["deploy", "--no-build"])).expect(1);
    assert!(deployed.stderr.contains("saasauth build"), "{deployed:?}");
}
