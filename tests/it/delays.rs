//! Every example is deployed, changed and destroyed while AWS lags, throttles, fails and loses answers: one
//! delay of `support/delays.rs` at a time.

use serde_json::{Value, json};

use crate::support::{Cloud, DELAYS, Delay, Delayed, Project};

/// What is there of an example, and how it is changed: text of its file, and what takes its place. The
/// change touches whatever an update can touch.
struct Example {
    name: &'static str,
    change: &'static [(&'static str, &'static str)],
}

const EXAMPLES: [Example; 3] = [
    Example {
        name: "minimal",
        change: &[(
            "  web: { kind: spa }",
            "  web: { kind: spa, tokens: { access: 10m } }\n  second: { kind: server }",
        )],
    },
    Example {
        name: "starter",
        change: &[
            ("min_length: 12", "min_length: 14"),
            ("    marketing_opt_in: { type: boolean }", "    plan_name: { type: string }\n    marketing_opt_in: { type: boolean }"),
            ("access: 15m", "access: 20m"),
            ("memory_mb: 256", "memory_mb: 320"),
            ("    admin: [", "    viewer: [\"projects:read\"]\n    admin: ["),
            ("subject: \"Welcome, {{name}}\"", "subject: \"Hello, {{name}}\""),
            ("  example.com: { role: admin }", "  example.org: { role: member }"),
            ("team: identity", "team: accounts"),
        ],
    },
    Example {
        name: "full",
        change: &[
            ("min_length: 14", "min_length: 16"),
            ("methods: [totp, sms, email]", "methods: [totp]"),
            ("how: link", "how: code"),
            ("access: 15m", "access: 20m"),
            ("memory_mb: 256", "memory_mb: 320"),
            ("    viewer: []", "    viewer: [\"projects:read\"]\n    auditor: [\"billing:read\"]"),
            ("{{name}}, welcome aboard", "{{name}}, good to see you"),
            ("subject: \"Willkommen, {{name}}\"", "subject: \"Hallo, {{name}}\""),
            ("identifiers: [globex.example]", "identifiers: [globex.example, globex.test]"),
            ("team: identity", "team: accounts"),
        ],
    },
];

/// What went wrong, if anything.
type Outcome = Result<usize, String>;

/// Deploys, finds nothing to do, changes, finds nothing to do, and destroys. Returns how often the delay
/// was felt.
fn live_through(example: &Example, delay: Delay) -> Outcome {
    let mut project = Project::example(example.name).on_the_shared_cloud();
    set_secrets(&project);
    let delayed = Delayed::by(&Cloud::shared().endpoint_url, delay);
    let direct = project.endpoint_url.replace(delayed.endpoint_url.clone());
    let run = |arguments: &[&str], doing: &str| {
        let output = project.run(arguments);
        match output.code {
            0 => Ok(()),
            _ => Err(format!("{doing}: {output:?}")),
        }
    };
    let settled = |doing: &str| {
        let arguments = ["diff", "--no-build", "--detailed-exitcode"];
        run(&arguments, &format!("nothing to do after {doing}"))
    };
    run(&["deploy", "--no-build"], "deploy")?;
    settled("the deploy")?;
    for (from, to) in example.change {
        project.edit(from, to);
    }
    run(&["deploy", "--no-build"], "change")?;
    settled("the change")?;
    run(&["destroy"], "destroy")?;
    let felt = delayed.felt();
    project.endpoint_url = direct;
    nothing_is_left(&project)?;
    Ok(felt)
}

/// The secrets of the examples; where a file names none, nobody reads them.
fn set_secrets(project: &Project) {
    for name in ["google-secret", "facebook-secret", "amazon-secret", "apple-key", "globex-secret"] {
        let parameter = json!({
            "Name": format!("/full/{name}"), "Value": "a-secret", "Type": "SecureString",
        });
        if project.directory.join("saml").exists() {
            project.client("ssm", "put_parameter", parameter);
        }
    }
}

fn nothing_is_left(project: &Project) -> Result<(), String> {
    let inventory = project.inventory();
    let left: Vec<(&String, &Value)> = inventory
        .as_object()
        .unwrap()
        .iter()
        .filter(|(what, names)| {
            let ledger = *what == "tables" && **names == json!(["saasauth-ledger"]);
            !ledger && **names != json!([])
        })
        .collect();
    match left[..] {
        [] => Ok(()),
        _ => Err(format!("left behind: {left:?}")),
    }
}

/// Fails with everything that went wrong; says how many combinations were run.
fn all(examples: &[&Example]) {
    let mut wrong = Vec::new();
    let mut run = 0;
    for delay in DELAYS {
        let mut felt = 0;
        for example in examples {
            run += 1;
            match live_through(example, *delay) {
                Ok(times) => felt += times,
                Err(what) => wrong.push(format!("{} while {}: {what}", example.name, delay.name)),
            }
        }
        let sms = delay.name.contains("SMS") && examples.iter().all(|one| one.name != "full");
        if felt == 0 && !sms {
            wrong.push(format!("nobody felt that {}", delay.name));
        }
    }
    println!("{run} combinations of example and delay, {} failed", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_starter_lives_through_every_delay() {
    all(&[&EXAMPLES[1]]);
}

#[test]
#[ignore = "takes minutes: `cargo test --test it -- --ignored every_example`"]
fn every_example_lives_through_every_delay() {
    all(&EXAMPLES.iter().collect::<Vec<_>>());
}
