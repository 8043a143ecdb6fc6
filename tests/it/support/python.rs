//! Third-party clients of AWS, in Python: installed, pinned, by the same code that installs the tools of
//! a person.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use super::command::{Output, clean, run};
use super::folders::repository;

/// All of them, with their hashes; what they are made from stands beside it. `cryptography` is pinned as well: PyJWT
/// takes any, and what is tested should not change by itself.
const LOCK: &str = include_str!("../../python/clients.txt");

fn environment() -> &'static Path {
    static ENVIRONMENT: OnceLock<PathBuf> = OnceLock::new();
    // On a thread of its own: whoever asks first may be driving tasks.
    let make = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime
            .block_on(saasauth::tools::environment(LOCK, "clients", &|_| {}))
            .unwrap()
    };
    ENVIRONMENT.get_or_init(|| std::thread::spawn(make).join().unwrap())
}

/// A program of the environment, such as `aws`.
pub(crate) fn python_tool(name: &str) -> Command {
    let mut command = Command::new(saasauth::tools::executable(environment(), name));
    clean(&mut command);
    command
}

/// A script of `tests/python`, not yet run.
pub(crate) fn script(name: &str) -> Command {
    let mut command = python_tool("python");
    command.arg(repository().join("tests/python").join(name));
    command
}

/// Runs a script of `tests/python` with a JSON document as its input; it answers with one.
#[track_caller]
pub(crate) fn python(name: &str, arguments: &[&str], input: &Value) -> Value {
    answer(script(name).args(arguments), input).expect(0).json()
}

fn answer(command: &mut Command, input: &Value) -> Output {
    // The input is small enough for the pipe, so it can be written before anybody reads.
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(input.to_string().as_bytes()).unwrap();
    drop(writer);
    run(command.stdin(Stdio::from(reader)))
}

/// Sends one request with boto3, as `account`. Parameters and answer are boto3's own.
#[track_caller]
pub(crate) fn client(
    endpoint_url: &str,
    account: &str,
    service: &str,
    operation: &str,
    parameters: &Value,
) -> Value {
    python(
        "request.py",
        &[endpoint_url, account, service, operation],
        parameters,
    )
}
