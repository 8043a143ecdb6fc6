//! A terminal with somebody in front of it.

use std::io::Write;
use std::process::{Command, Stdio};

use super::command::{Output, run, start};
use super::project::Project;
use super::python::script;

/// Runs `saasauth` on a terminal, and has `answer` typed when it asks.
#[track_caller]
pub(crate) fn on_a_terminal(project: &Project, answer: &str, arguments: &[&str]) -> Output {
    shown(&run(&mut terminal("at-once", project, answer, arguments)).expect(0))
}

/// Runs `saasauth` on a terminal; when it asks, does `meanwhile`, and then has `answer` typed.
#[track_caller]
pub(crate) fn answered_after(
    project: &Project,
    answer: &str,
    arguments: &[&str],
    meanwhile: impl FnOnce(),
) -> Output {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut command = terminal("when-told", project, answer, arguments);
    let mut started = start(command.stdin(Stdio::from(reader)));
    assert_eq!(started.line(), "asked");
    meanwhile();
    writer.write_all(b"\n").unwrap();
    shown(&started.end().expect(0))
}

fn terminal(how: &str, project: &Project, answer: &str, arguments: &[&str]) -> Command {
    let wanted = project.command(arguments);
    let mut command = script("terminal.py");
    command
        .args([how, answer])
        .arg(wanted.get_program())
        .args(wanted.get_args());
    for (name, value) in wanted.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.current_dir(&project.directory);
    command
}

/// What the terminal showed, and how the program on it ended.
#[track_caller]
fn shown(script: &Output) -> Output {
    let seen = script.json();
    Output {
        code: i32::try_from(seen["code"].as_i64().unwrap()).unwrap(),
        stdout: seen["shown"].as_str().unwrap().to_owned(),
        stderr: String::new(),
    }
}
