//! A welcome that SES doesn't take yet, because it has not verified who sends or, in the sandbox, who gets
//! it: it waits with its reason, is found by `saasauth repair`, and goes out later.
//!
//! The functions find AWS at the gate of `faults.rs`, which answers as SES does.

use std::io::{PipeWriter, Write};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Emulator, Project, Started, ask, python, repository, script, start_with_input, until,
};

const CONFIRM_USER: &str = "starter-local-confirm-user";
const GENERATE_TOKEN: &str = "starter-local-generate-token";

struct Stage {
    project: Project,
    outputs: Value,
    emulator: Emulator,
    gate: String,
    _server: Started,
    /// The gate ends when its input does.
    _input: PipeWriter,
}

impl Stage {
    fn deployed() -> Self {
        let (mut server, mut input) = start_with_input(&mut script("aws_faults.py"));
        let gate = server.line();
        let emulator = Emulator::start(&gate, false);
        let stage = json!({ "endpoint_url": emulator.endpoint_url });
        writeln!(input, "{stage}").unwrap();
        let project = Project {
            endpoint_url: Some(emulator.endpoint_url.clone()),
            ..Project::alone()
        };
        let outputs = project.deploy()["outputs"].clone();
        // Lambda's own retries come when the emulator likes; here each attempt is asked for.
        let settings = json!({
            "FunctionName": CONFIRM_USER,
            "MaximumRetryAttempts": 0,
            "MaximumEventAgeInSeconds": 60,
        });
        project.client("lambda", "put_function_event_invoke_config", settings);
        Self {
            project,
            outputs,
            emulator,
            gate,
            _server: server,
            _input: input,
        }
    }

    /// Has SES refuse every mail, or none.
    fn refuse(&self, refused: bool) {
        let fault = json!({
            "name": "unverified", "action": "SendEmail", "kind": "unverified", "has": [],
            "operations": null, "requests": null,
        });
        let faults = if refused { vec![fault] } else { Vec::new() };
        let told = json!({ "account": self.project.account, "faults": faults });
        ask(Method::PUT, &format!("{}/_/faults", self.gate), Some(&told));
    }

    /// How often SES was asked.
    fn asked(&self) -> usize {
        let seen = ask(Method::GET, &format!("{}/_/seen", self.gate), None);
        let seen = seen.as_array().unwrap().iter();
        seen.filter(|request| request["action"] == "SendEmail")
            .count()
    }

    fn invoke(&self, function: &str, fixture: &str, sub: &str) {
        let file = repository().join("lambdas/triggers/fixtures").join(fixture);
        let mut event: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        event["userName"] = json!(sub);
        event["request"]["userAttributes"]["sub"] = json!(sub);
        event["request"]["userAttributes"]["email"] = json!(address(sub));
        let endpoint_url = &self.emulator.endpoint_url;
        let turns = json!([[[function, event]]]);
        let answers = python("invoke.py", &[endpoint_url, &self.project.account], &turns);
        assert_eq!(answers[0][0]["error"], false, "{answers}");
    }

    fn signs_in(&self, sub: &str) {
        self.invoke(GENERATE_TOKEN, "pre-token-generation-v2.json", sub);
    }

    fn records(&self, what: &str, sub: &str) -> Value {
        let url = &self.emulator.endpoint_url;
        let table = self.outputs["permissions_table"].as_str().unwrap();
        let arguments = [url, self.project.account.as_str(), table, what];
        python("records.py", &arguments, &json!([sub]))[sub].clone()
    }

    /// How the welcome stands, once it has been tried so often.
    #[track_caller]
    fn standing(&self, sub: &str, attempts: u32) -> Value {
        let standing = || self.records("now", sub)["deliveries"]["welcome"].clone();
        until("it is tried", || {
            let standing = standing();
            standing["attempts"] == attempts && standing["state"] != "claimed"
        });
        standing()
    }

    /// Hours pass for this user's record.
    fn age(&self, sub: &str) {
        let then = json!({ "S": "2026-01-01T00:00:00Z" });
        self.project.client(
            "dynamodb",
            "update_item",
            json!({
                "TableName": self.outputs["permissions_table"],
                "Key": { "pk": { "S": format!("USER#{sub}") } },
                "UpdateExpression":
                    "SET deliveries.welcome.#at = :then, deliveries.welcome.#until = :then",
                "ExpressionAttributeNames": { "#at": "at", "#until": "until" },
                "ExpressionAttributeValues": { ":then": then },
            }),
        );
    }

    fn mails(&self, sub: &str) -> usize {
        let mail = self.emulator.mail(&self.project.account);
        mail.iter()
            .filter(|mail| mail["To"] == json!([address(sub)]))
            .count()
    }
}

fn address(sub: &str) -> String {
    format!("{sub}@acme.test")
}

#[test]
fn a_mail_that_ses_refuses_for_now_waits_and_goes_out_later() {
    let stage = Stage::deployed();
    let (ada, bob) = ("ada", "bob");
    stage.refuse(true);
    for sub in [ada, bob] {
        stage.invoke(CONFIRM_USER, "post-confirmation.json", sub);
        let standing = stage.standing(sub, 1);
        assert_eq!(standing["state"], "not_yet", "{standing}");
        let reason = standing["reason"].as_str().unwrap();
        assert!(
            reason.starts_with("SES: MessageRejected: Email address is not verified."),
            "{reason}"
        );
        assert!(!reason.contains('@'), "{reason}");
        let record = stage.records("now", sub);
        assert_eq!(record["pending"], json!(["welcome"]), "{record}");
    }

    // Neither a sign-in nor Lambda asks SES again before its time.
    stage.signs_in(ada);
    assert_eq!(stage.asked(), 2);

    let shown = stage.project.run(&["repair", "--dry-run"]).expect(0);
    assert!(shown.stdout.contains("not yet"), "{shown:?}");
    assert!(
        shown.stdout.contains("welcome: SES: MessageRejected"),
        "{shown:?}"
    );
    assert!(
        shown.stderr.contains("waits for SES to verify"),
        "{shown:?}"
    );
    assert!(!shown.stdout.contains("failed for good"), "{shown:?}");

    // An operator is too early, too: still it waits, and is not given up.
    let repaired = stage.project.run(&["repair", "--json"]).expect(0).json();
    for owed in repaired["owed"].as_array().unwrap() {
        assert_eq!(owed["failed"], json!([]), "{owed}");
        assert_eq!(owed["not_yet"][0]["name"], "welcome", "{owed}");
        assert_eq!(owed["not_yet"][0]["attempts"], 1, "{owed}");
        assert_eq!(owed["handed_over"], true, "{owed}");
    }
    for sub in [ada, bob] {
        assert_eq!(stage.standing(sub, 2)["state"], "not_yet");
    }

    // SES has verified the domain. Who signs in hours later gets the mail then; for the other somebody
    // repairs, and need not wait.
    stage.refuse(false);
    stage.age(ada);
    stage.signs_in(ada);
    let record = stage.records("settled", ada);
    assert_eq!(record["pending"], Value::Null, "{record}");
    assert_eq!((stage.mails(ada), stage.mails(bob)), (1, 0));
    stage.project.run(&["repair"]).expect(0);
    stage.records("settled", bob);
    assert_eq!((stage.mails(ada), stage.mails(bob)), (1, 1));
    let repaired = stage.project.run(&["repair", "--json"]).expect(0).json();
    assert_eq!(repaired["owed"], json!([]));
}
