//! A project folder with an account of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::cloud::{Cloud, give_key};
use super::command::{Output, run, saasauth};
use super::folders::{copy, folder, repository};
use super::python::{client, python};

/// How the examples name the folder of the triggers.
pub(crate) const LAMBDAS: &str = "../../lambdas/";

/// How many resources `examples/starter` declares on the stage `local`.
pub(crate) const RESOURCES: usize = 25;

/// A project of its own, on the stage `local`.
pub(crate) struct Project {
    pub(crate) directory: PathBuf,
    pub(crate) account: String,
    /// Where it deploys to; `None` for a local cloud of its own.
    pub(crate) endpoint_url: Option<String>,
}

impl Project {
    /// A copy of `examples/starter` with the triggers built, on the shared local cloud.
    pub(crate) fn starter() -> Self {
        Self::alone().on_the_shared_cloud()
    }

    /// As [`Self::starter`], under a name of its own: the emulator ends the functions of a name in every account when one of
    /// them is changed, and other tests' users sign in meanwhile.
    pub(crate) fn called(name: &str) -> Self {
        let project = Self::starter();
        project.edit("project: starter ", &format!("project: {name} "));
        project
    }

    /// The same project, on the shared local cloud.
    pub(crate) fn on_the_shared_cloud(self) -> Self {
        Self {
            endpoint_url: Some(Cloud::shared().endpoint_url.clone()),
            ..self
        }
    }

    /// As [`Self::starter`], and its stage `dev`, an AWS one, has packages too. They are the local ones,
    /// which is as good for an emulator.
    pub(crate) fn dev() -> Self {
        let project = Self::starter();
        let build = project.directory.join(".saasauth/build");
        copy(&build.join("local"), &build.join("dev"));
        let host = if cfg!(target_arch = "aarch64") {
            "arm64"
        } else {
            "x86_64"
        };
        project.edit(
            "version: 1\n",
            &format!("version: 1\narchitecture: {host}\n"),
        );
        project.edit(
            "saasauth-starter-dev",
            &format!("saasauth-dev-{}", project.account),
        );
        project
    }

    /// A copy of `examples/starter` with the triggers built, and a local cloud of its own.
    pub(crate) fn alone() -> Self {
        let project = Self::unbuilt();
        copy(packages(), &project.directory.join(".saasauth/build/local"));
        project
    }

    /// A copy of `examples/starter` as it is after `git clone`.
    pub(crate) fn unbuilt() -> Self {
        Self::copied("starter")
    }

    /// A copy of an example with the triggers built, and every secret it names set, in a cloud that is
    /// still to be said.
    pub(crate) fn example(name: &str) -> Self {
        let project = Self::copied(name);
        copy(packages(), &project.directory.join(".saasauth/build/local"));
        project
    }

    fn copied(name: &str) -> Self {
        let project = Self::at(folder(name));
        copy(
            &repository().join("examples").join(name),
            &project.directory,
        );
        project.edit(LAMBDAS, &format!("{}/lambdas/", repository().display()));
        give_key(&project.directory);
        // A prefix belongs to one user pool in the whole region, whatever the account.
        let text = fs::read_to_string(project.file()).unwrap();
        let own = format!(
            "prefix: saasauth-{}",
            project.account.trim_start_matches('0')
        );
        let text = text.replace(&format!("prefix: saasauth-{name}-local"), &own);
        fs::write(project.file(), text).unwrap();
        project
    }

    /// The project of a folder, with an account of its own.
    pub(crate) fn at(directory: PathBuf) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self {
            directory,
            account: format!("{number:012}"),
            endpoint_url: None,
        }
    }

    /// The project file.
    pub(crate) fn file(&self) -> PathBuf {
        self.directory.join("saasauth.yaml")
    }

    /// Edits the project file.
    #[track_caller]
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.file()).unwrap();
        assert!(text.contains(from), "the project file has no `{from}`");
        fs::write(self.file(), text.replace(from, to)).unwrap();
    }

    /// `saasauth` with these arguments, for this project.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = saasauth();
        command
            .args(arguments)
            .current_dir(&self.directory)
            .env("AWS_ACCESS_KEY_ID", &self.account)
            .env("AWS_SECRET_ACCESS_KEY", "secret");
        if let Some(url) = &self.endpoint_url {
            command.args(["--endpoint-url", url]);
        }
        command
    }

    /// Runs `saasauth` with these arguments.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        run(&mut self.command(arguments))
    }

    /// Deploys, which must succeed, and returns the JSON document.
    #[track_caller]
    pub(crate) fn deploy(&self) -> Value {
        self.run(&["deploy", "--no-build", "--json"])
            .expect(0)
            .json()
    }

    /// The outputs as a front end reads them.
    #[track_caller]
    pub(crate) fn outputs(&self) -> Value {
        self.run(&["outputs", "--format", "json"]).expect(0).json()
    }

    /// Sends one request with boto3.
    #[track_caller]
    pub(crate) fn client(&self, service: &str, operation: &str, parameters: Value) -> Value {
        client(
            self.endpoint(),
            &self.account,
            service,
            operation,
            &parameters,
        )
    }

    /// Signs somebody up and in on the shared local cloud, and returns what the script saw.
    #[track_caller]
    pub(crate) fn sign_up(&self, address: &str, name: &str) -> Value {
        let cloud = Cloud::shared().directory().join("saasauth.yaml");
        let cloud = cloud.to_str().unwrap();
        let mail = [
            env!("CARGO_BIN_EXE_saasauth"),
            "local",
            "mail",
            "--json",
            "--project-file",
            cloud,
        ];
        let arguments = [&[address, name, "--"], &mail[..]].concat();
        python("sign_up.py", &arguments, &self.outputs())
    }

    /// Makes a confirmed user as an administrator does, past every trigger: there is no record. Returns
    /// the `sub`.
    #[track_caller]
    pub(crate) fn admin_made(&self, address: &str, password: &str) -> String {
        let pool = self.outputs()["user_pool_id"].clone();
        let user = json!({
            "UserPoolId": pool,
            "Username": address,
            "MessageAction": "SUPPRESS",
            "UserAttributes": [
                { "Name": "email", "Value": address },
                { "Name": "email_verified", "Value": "true" },
                { "Name": "name", "Value": "Ada" },
                { "Name": "custom:company", "Value": "Engines" },
            ],
        });
        let made = self.client("cognito-idp", "admin_create_user", user);
        let password = json!({
            "UserPoolId": pool, "Username": address, "Password": password, "Permanent": true,
        });
        self.client("cognito-idp", "admin_set_user_password", password);
        made["User"]["Username"].as_str().unwrap().to_owned()
    }

    /// The names of everything in the account.
    #[track_caller]
    pub(crate) fn inventory(&self) -> Value {
        python(
            "inventory.py",
            &[self.endpoint(), &self.account],
            &Value::Null,
        )
    }

    fn endpoint(&self) -> &str {
        self.endpoint_url.as_deref().unwrap()
    }

    /// What the ledger says of the stage, but for the resources.
    pub(crate) fn ledger(&self) -> Value {
        let answer = self.client(
            "dynamodb",
            "get_item",
            json!({ "TableName": "saasauth-ledger", "Key": Self::ledger_key(), "ConsistentRead": true }),
        );
        answer["Item"].clone()
    }

    /// The key of the ledger's item that holds the lock.
    pub(crate) fn ledger_key() -> Value {
        json!({ "pk": { "S": "starter#local" }, "sk": { "S": "STATE" } })
    }
}

/// The packages of the repository's triggers, built once in a run.
fn packages() -> &'static Path {
    static PACKAGES: OnceLock<PathBuf> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        let project = Project::unbuilt();
        project.run(&["build"]).expect(0);
        project.directory.join(".saasauth/build/local")
    })
}

/// The requests `-v` lists, and what it says of them.
#[derive(Debug)]
pub(crate) struct Calls {
    /// Service and action.
    pub(crate) actions: Vec<(String, String)>,
    pub(crate) depth: u32,
}

impl Calls {
    /// Reads the list out of what a command wrote to standard error.
    #[track_caller]
    pub(crate) fn of(output: &Output) -> Self {
        let mut lines = output
            .stderr
            .lines()
            .skip_while(|line| !line.trim_start().starts_with("level  service"));
        let header = lines
            .next()
            .unwrap_or_else(|| panic!("no requests are listed: {output:?}"));
        let column = |name: &str| header.find(name).unwrap();
        let (service, action, subject) = (column("service"), column("action"), column("subject"));
        let mut actions = Vec::new();
        for line in lines {
            if let Some((count, depth)) = line.split_once(", depth ") {
                let count = count.split(' ').next().unwrap();
                assert_eq!(count, actions.len().to_string(), "the sum of the list");
                return Self {
                    actions,
                    depth: depth.parse().unwrap(),
                };
            }
            let cell = |from: usize, to: usize| line[from..to].trim().to_owned();
            actions.push((cell(service, action), cell(action, subject)));
        }
        panic!("the list has no end: {output:?}")
    }

    /// The actions that aren't reads.
    pub(crate) fn writes(&self) -> Vec<&str> {
        const READS: [&str; 6] = ["Get", "List", "AdminList", "Describe", "Query", "BatchGet"];
        self.actions
            .iter()
            .map(|(_, action)| action.as_str())
            .filter(|action| !READS.iter().any(|read| action.starts_with(read)))
            .collect()
    }
}
