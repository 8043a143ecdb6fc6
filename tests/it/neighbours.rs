//! What others set on our resources, and the project file says nothing of, survives our updates. Cognito
//! resets whatever an update leaves out, so this has to be seen.

use serde_json::{Value, json};

use crate::support::{Project, answered_after};

/// A deployed project, and what others do to its resources.
struct Neighbourhood {
    project: Project,
    pool: Value,
    client: Value,
}

impl Neighbourhood {
    fn new() -> Self {
        let project = Project::starter();
        let outputs = project.deploy()["outputs"].clone();
        Self::of(project, &outputs)
    }

    fn of(project: Project, outputs: &Value) -> Self {
        Self {
            project,
            pool: outputs["user_pool_id"].clone(),
            client: outputs["clients"]["web"]["client_id"].clone(),
        }
    }

    fn pool(&self) -> Value {
        let pool = json!({ "UserPoolId": self.pool });
        self.project
            .client("cognito-idp", "describe_user_pool", pool)["UserPool"]
            .clone()
    }

    fn client(&self) -> Value {
        let client = json!({ "UserPoolId": self.pool, "ClientId": self.client });
        let answer = self
            .project
            .client("cognito-idp", "describe_user_pool_client", client);
        answer["UserPoolClient"].clone()
    }

    /// Somebody hangs a trigger of their own into the pool, and has it remember devices and passwords.
    fn settle_in_pool(&self) {
        let pool = self.pool();
        let mut lambdas = pool["LambdaConfig"].clone();
        lambdas["CustomMessage"] = json!(THEIR_MESSAGE);
        let mut policies = pool["Policies"].clone();
        policies["PasswordPolicy"]["PasswordHistorySize"] = json!(7);
        let mut invitations = pool["AdminCreateUserConfig"].clone();
        // Answered unasked, and refused beside the days of temporary passwords.
        let members = invitations.as_object_mut().unwrap();
        members.remove("UnusedAccountValidityDays");
        // The body is whole for the reason above.
        self.project.client(
            "cognito-idp",
            "update_user_pool",
            json!({
                "UserPoolId": self.pool,
                "LambdaConfig": lambdas,
                "DeviceConfiguration": their_devices(),
                "UserPoolTags": pool["UserPoolTags"],
                "Policies": policies,
                "DeletionProtection": pool["DeletionProtection"],
                "AutoVerifiedAttributes": pool["AutoVerifiedAttributes"],
                "VerificationMessageTemplate": pool["VerificationMessageTemplate"],
                "EmailConfiguration": pool["EmailConfiguration"],
                "AdminCreateUserConfig": invitations,
                "AccountRecoverySetting": pool["AccountRecoverySetting"],
                "UserPoolTier": pool["UserPoolTier"],
            }),
        );
    }

    /// Somebody gives the client a longer session and a default redirect.
    fn settle_in_client(&self) {
        let mut client = self.client();
        let redirect = client["CallbackURLs"][0].clone();
        let fields = client.as_object_mut().unwrap();
        for read_only in ["CreationDate", "LastModifiedDate", "ClientSecret"] {
            fields.remove(read_only);
        }
        fields.insert("AuthSessionValidity".to_owned(), json!(7));
        fields.insert("DefaultRedirectURI".to_owned(), redirect);
        self.project
            .client("cognito-idp", "update_user_pool_client", client);
    }

    /// The pool after an update of ours, with what they set.
    fn updated_pool(&self) -> Value {
        let pool = self.pool();
        assert_eq!(
            pool["LambdaConfig"]["CustomMessage"], THEIR_MESSAGE,
            "{pool}"
        );
        assert_eq!(pool["DeviceConfiguration"], their_devices(), "{pool}");
        assert_eq!(
            pool["Policies"]["PasswordPolicy"]["MinimumLength"], 14,
            "{pool}"
        );
        pool
    }

    /// The client after an update of ours, with what they set.
    fn updated_client(&self) -> Value {
        let client = self.client();
        assert_eq!(client["AuthSessionValidity"], 7, "{client}");
        assert_eq!(
            client["DefaultRedirectURI"], client["CallbackURLs"][0],
            "{client}"
        );
        let validity = (
            &client["AccessTokenValidity"],
            &client["TokenValidityUnits"]["AccessToken"],
        );
        assert_eq!(validity, (&json!(1200), &json!("seconds")), "{client}");
        client
    }

    /// Edits the file: another password length, token validity and memory.
    fn edit(&self) {
        self.project.edit("min_length: 12", "min_length: 14");
        self.project
            .edit("access: 15m, id: 15m", "access: 20m, id: 20m");
        self.project.edit("memory_mb: 512", "memory_mb: 640");
    }

    /// Deploys the edited file: an update of the pool, the client and a function.
    fn update(&self) {
        self.edit();
        let plan = self.project.deploy();
        assert_eq!(plan["summary"]["update"], 3, "{plan}");
    }
}

/// A trigger that isn't ours.
const THEIR_MESSAGE: &str = "arn:aws:lambda:eu-west-1:123456789012:function:somebody-elses-message";

fn their_devices() -> Value {
    json!({ "ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": true })
}

#[test]
fn settings_of_a_pool_that_the_file_does_not_know_survive_an_update() {
    let there = Neighbourhood::new();
    there.settle_in_pool();
    there.update();
    let pool = there.updated_pool();
    assert_eq!(
        pool["LambdaConfig"]["PreTokenGenerationConfig"]["LambdaVersion"], "V2_0",
        "{pool}"
    );
    let history = |pool: &Value| pool["Policies"]["PasswordPolicy"]["PasswordHistorySize"].clone();
    assert_eq!(history(&pool), 7, "{pool}");

    // Once the file names one of them, it is the file's.
    for size in [4, 0] {
        let named = |size: u32| format!("min_length: 14, history: {size}");
        let before = if size == 4 {
            "min_length: 14".to_owned()
        } else {
            named(4)
        };
        there.project.edit(&before, &named(size));
        let plan = there.project.deploy();
        assert_eq!(plan["summary"]["update"], 1, "{plan}");
        assert_eq!(history(&there.pool()), size);
        let plan = there.project.deploy();
        assert_eq!(plan["summary"]["update"], 0, "{plan}");
    }
}

#[test]
fn settings_of_a_client_that_the_file_does_not_know_survive_an_update() {
    let there = Neighbourhood::new();
    there.settle_in_client();
    there.update();
    there.updated_client();
}

#[test]
fn what_others_set_while_somebody_reads_the_plan_survives_as_well() {
    let project = Project::dev();
    let deploy = ["deploy", "--no-build", "--stage", "dev"];
    let unasked = [&deploy[..], &["--yes"]].concat();
    // The second one takes the sender's identity into use, which is verified in the meantime.
    project.run(&unasked).expect(0);
    project.run(&unasked).expect(0);
    let outputs = ["outputs", "--format", "json", "--stage", "dev"];
    let outputs = project.run(&outputs).expect(0).json();
    let there = Neighbourhood::of(project, &outputs);
    there.edit();
    let deployed = answered_after(&there.project, "y", &deploy, || {
        there.settle_in_pool();
        there.settle_in_client();
    });
    deployed.expect(0);
    there.updated_pool();
    there.updated_client();
}

#[test]
fn settings_of_a_function_that_the_file_does_not_know_survive_an_update() {
    let there = Neighbourhood::new();
    let name = "starter-local-generate-token";
    let tracing = json!({ "FunctionName": name, "TracingConfig": { "Mode": "Active" } });
    there
        .project
        .client("lambda", "update_function_configuration", tracing);
    there.update();
    let function = json!({ "FunctionName": name });
    let function = there
        .project
        .client("lambda", "get_function_configuration", function);
    assert_eq!(function["TracingConfig"]["Mode"], "Active", "{function}");
    assert_eq!(function["MemorySize"], 640, "{function}");
}

#[test]
fn users_and_what_they_were_granted_survive_a_deploy() {
    let there = Neighbourhood::new();
    let user = json!({ "pk": { "S": "USER#1" }, "role": { "S": "admin" } });
    let table = "starter-local-permissions";
    there.project.client(
        "dynamodb",
        "put_item",
        json!({ "TableName": table, "Item": user }),
    );
    there.update();
    let key = json!({ "TableName": table, "Key": { "pk": { "S": "USER#1" } } });
    assert_eq!(
        there.project.client("dynamodb", "get_item", key)["Item"],
        user
    );
}
