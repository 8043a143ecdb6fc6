//! The examples, and how each is changed in a test that deploys, changes and destroys all of them.

use serde_json::{Value, json};

use super::project::Project;

/// What is there of an example, and how it is changed: text of its file, and what takes its place. The
/// change touches whatever an update can touch.
pub(crate) struct Example {
    pub(crate) name: &'static str,
    change: &'static [(&'static str, &'static str)],
}

pub(crate) const EXAMPLES: [Example; 3] = [
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
            (
                "    marketing_opt_in: { type: boolean }",
                "    plan_name: { type: string }\n    marketing_opt_in: { type: boolean }",
            ),
            ("access: 15m", "access: 20m"),
            ("memory_mb: 256", "memory_mb: 320"),
            (
                "    admin: [",
                "    viewer: [\"projects:read\"]\n    admin: [",
            ),
            (
                "subject: \"Welcome, {{name}}\"",
                "subject: \"Hello, {{name}}\"",
            ),
            (
                "  example.com: { role: admin }",
                "  example.org: { role: member }",
            ),
            ("team: identity", "team: accounts"),
        ],
    },
    Example {
        name: "full",
        change: &[
            ("min_length: 14", "min_length: 16"),
            ("methods: [totp, sms, email]", "methods: [totp]"),
            ("access: 15m", "access: 20m"),
            ("memory_mb: 256", "memory_mb: 320"),
            (
                "    viewer: []",
                "    viewer: [\"projects:read\"]\n    auditor: [\"billing:read\"]",
            ),
            ("{{name}}, welcome aboard", "{{name}}, good to see you"),
            (
                "subject: \"Willkommen, {{name}}\"",
                "subject: \"Hallo, {{name}}\"",
            ),
            (
                "identifiers: [globex.example]",
                "identifiers: [globex.example, globex.test]",
            ),
            ("team: identity", "team: accounts"),
        ],
    },
];

impl Example {
    /// A project of its own on the shared local cloud, with its secrets set.
    pub(crate) fn project(&self) -> Project {
        let project = Project::example(self.name).on_the_shared_cloud();
        // A name of its own: the emulator ends the functions of a name in every account when one of them is
        // configured anew, and other tests have functions called after the starter.
        let named = format!("project: {}", self.name);
        project.edit(&named, &format!("{named}-again"));
        // Where the third-party clients look.
        let file = std::fs::read_to_string(project.file()).unwrap();
        for (there, here) in [
            ("region: us-east-1", "region: eu-west-1"),
            ("region: eu-central-1", "region: eu-west-1"),
            ("sns:eu-central-1", "sns:eu-west-1"),
        ] {
            if file.contains(there) {
                project.edit(there, here);
            }
        }
        set_secrets(&project);
        project
    }

    /// Changes whatever an update can touch.
    pub(crate) fn change(&self, project: &Project) {
        for (from, to) in self.change {
            project.edit(from, to);
        }
    }
}

/// Gives a value to every secret that the project's file names.
fn set_secrets(project: &Project) {
    let file = std::fs::read_to_string(project.file()).unwrap();
    for name in file.split("\"ssm:").skip(1) {
        let (name, _) = name.split_once('"').unwrap();
        let parameter = json!({ "Name": name, "Value": "a-secret", "Type": "SecureString" });
        project.client("ssm", "put_parameter", parameter);
    }
}

/// An error names what is left of a project that was destroyed.
pub(crate) fn nothing_is_left(project: &Project) -> Result<(), String> {
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
