//! What tests stand on that need the binary and nothing else.

#[path = "../support/command.rs"]
#[expect(
    dead_code,
    reason = "only the tests with a local cloud leave a program running"
)]
mod command;
#[path = "../support/folders.rs"]
#[expect(
    dead_code,
    reason = "only the tests with a local cloud wait for something"
)]
mod folders;
#[path = "../support/golden.rs"]
mod golden;

use std::fs;
use std::path::PathBuf;

pub(crate) use command::{run, saasauth};
pub(crate) use folders::{copy, files, folder, repository};
pub(crate) use golden::assert_golden;

/// A folder with `examples/starter` as it is after `git clone`.
pub(crate) fn starter() -> PathBuf {
    let folder = folder("starter");
    let example = repository().join("examples/starter");
    copy(&example.join("emails"), &folder.join("emails"));
    let text = fs::read_to_string(example.join("saasauth.yaml")).unwrap();
    let lambdas = format!("{}/lambdas/", repository().display());
    fs::write(
        folder.join("saasauth.yaml"),
        text.replace("../../lambdas/", &lambdas),
    )
    .unwrap();
    folder
}
