//! How long commands take when every request takes as long as it does on the way to AWS: a benchmark, which measures and
//! asserts nothing.
//!
//! ```console
//! cargo build --release
//! SAASAUTH_BENCH=target/release/saasauth cargo test --test it -- --ignored --nocapture speed::
//! ```
//!
//! A hand-made minimal graph and Terraform stand beside it in the README.
#![expect(clippy::print_stdout, reason = "a benchmark tells what it measured")]

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Answer, Between, Calls, Cloud, Hook, Output, Project, Question, run};

/// What each request takes longer than to the emulator: a way to a region and back.
const WAY: Duration = Duration::from_millis(80);

const ROUNDS: usize = 5;

struct Far;

impl Hook for Far {
    async fn before(&self, _: &Question) -> Option<Answer> {
        tokio::time::sleep(WAY).await;
        None
    }

    async fn after(&self, _: &Question, answer: Answer) -> Option<Answer> {
        Some(answer)
    }
}

/// The program to measure: by default the one under test, which is not optimised.
fn command(project: &Project, arguments: &[&str]) -> Command {
    let same = project.command(arguments);
    let program = std::env::var_os("SAASAUTH_BENCH").map(PathBuf::from);
    let Some(program) = program else {
        return same;
    };
    let root = crate::support::repository();
    let mut command = Command::new(root.join(program));
    command.args(same.get_args());
    command.current_dir(&project.directory);
    command.env_clear();
    command.envs(std::env::vars_os());
    for (name, value) in same.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

struct Measured {
    name: &'static str,
    took: Vec<Duration>,
    requests: usize,
    depth: u32,
}

#[test]
#[ignore = "a benchmark: it measures time"]
fn commands_at_a_distance() {
    let names = ["cold", "unchanged", "diff", "code only", "destroy"];
    let mut measured: Vec<Measured> = names
        .map(|name| Measured {
            name,
            took: Vec::new(),
            requests: 0,
            depth: 0,
        })
        .into();
    for _ in 0..ROUNDS {
        let mut project = Project::starter();
        let far = Between::new(&Cloud::shared().endpoint_url, Far);
        project.endpoint_url = Some(far.endpoint_url.clone());
        let commands: [&[&str]; 5] = [
            &["deploy", "--no-build", "-v"],
            &["deploy", "--no-build", "-v"],
            &["diff", "--no-build", "-v"],
            &["deploy", "--no-build", "-v"],
            &["destroy", "-v"],
        ];
        for (one, arguments) in measured.iter_mut().zip(commands) {
            if one.name == "code only" {
                super::rollback::other_code(&project, b"other");
            }
            let began = Instant::now();
            let output: Output = run(&mut command(&project, arguments)).expect(0);
            one.took.push(began.elapsed());
            let calls = Calls::of(&output);
            (one.requests, one.depth) = (calls.actions.len(), calls.depth);
        }
    }
    println!("{:10} {:>8} {:>9} {:>6}", "", "median", "requests", "depth");
    for mut one in measured {
        one.took.sort();
        println!(
            "{:10} {:>6.2} s {:>9} {:>6}   {:.2?}",
            one.name,
            one.took[ROUNDS / 2].as_secs_f64(),
            one.requests,
            one.depth,
            one.took
        );
    }
}
