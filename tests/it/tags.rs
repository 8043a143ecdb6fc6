//! Tags that others put on stay, whatever the project file says of ours; ours that leave the file go.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::Project;

/// What an auto-tagger puts on everything.
const THEIRS: &str = "AutoTag_Creator";

/// One resource of each service that has tags of its own kind.
#[derive(Debug)]
struct Tagged {
    pool: String,
    table: String,
    function: String,
    role: String,
    log_group: String,
    queue: String,
}

impl Tagged {
    fn of(project: &Project) -> Self {
        let outputs = project.outputs();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let table = json!({ "TableName": outputs["permissions_table"] });
        let table = project.client("dynamodb", "describe_table", table);
        let function = json!({ "FunctionName": "starter-local-confirm-user" });
        let function = project.client("lambda", "get_function", function);
        let pool = json!({ "UserPoolId": outputs["user_pool_id"] });
        let pool = project.client("cognito-idp", "describe_user_pool", pool);
        let logs = json!({ "logGroupNamePrefix": "/aws/lambda/starter-local-confirm-user" });
        let logs = project.client("logs", "describe_log_groups", logs);
        let queue = json!({ "QueueName": "starter-local-confirm-user-failures" });
        let queue = project.client("sqs", "get_queue_url", queue);
        Self {
            queue: text(&queue["QueueUrl"]),
            pool: text(&pool["UserPool"]["Arn"]),
            table: text(&table["Table"]["TableArn"]),
            function: text(&function["Configuration"]["FunctionArn"]),
            role: last(&function["Configuration"]["Role"]),
            log_group: text(&logs["logGroups"][0]["arn"])
                .trim_end_matches(":*")
                .to_owned(),
        }
    }

    fn tag(&self, project: &Project) {
        let mapped = json!({ THEIRS: "somebody" });
        let listed = json!([{ "Key": THEIRS, "Value": "somebody" }]);
        let calls = [
            (
                "cognito-idp",
                "tag_resource",
                json!({ "ResourceArn": self.pool, "Tags": mapped }),
            ),
            (
                "dynamodb",
                "tag_resource",
                json!({ "ResourceArn": self.table, "Tags": listed }),
            ),
            (
                "lambda",
                "tag_resource",
                json!({ "Resource": self.function, "Tags": mapped }),
            ),
            (
                "iam",
                "tag_role",
                json!({ "RoleName": self.role, "Tags": listed }),
            ),
            (
                "logs",
                "tag_resource",
                json!({ "resourceArn": self.log_group, "tags": mapped }),
            ),
            (
                "sqs",
                "tag_queue",
                json!({ "QueueUrl": self.queue, "Tags": mapped }),
            ),
        ];
        for (service, operation, parameters) in calls {
            project.client(service, operation, parameters);
        }
    }

    /// The keys of each, but for the ownership tags.
    fn keys(&self, project: &Project) -> Vec<(&'static str, BTreeSet<String>)> {
        let calls = [
            (
                "cognito-idp",
                "list_tags_for_resource",
                json!({ "ResourceArn": self.pool }),
                "Tags",
            ),
            (
                "dynamodb",
                "list_tags_of_resource",
                json!({ "ResourceArn": self.table }),
                "Tags",
            ),
            (
                "lambda",
                "list_tags",
                json!({ "Resource": self.function }),
                "Tags",
            ),
            (
                "iam",
                "list_role_tags",
                json!({ "RoleName": self.role }),
                "Tags",
            ),
            (
                "logs",
                "list_tags_for_resource",
                json!({ "resourceArn": self.log_group }),
                "tags",
            ),
            (
                "sqs",
                "list_queue_tags",
                json!({ "QueueUrl": self.queue }),
                "Tags",
            ),
        ];
        let keys = calls.map(|(service, operation, parameters, tags)| {
            let answer = project.client(service, operation, parameters);
            let mapped = answer[tags].as_object().into_iter().flatten();
            let mapped = mapped.map(|(key, _)| key.clone());
            let listed = answer[tags].as_array().into_iter().flatten();
            let listed = listed.filter_map(|tag| tag["Key"].as_str().map(str::to_owned));
            let keys = mapped.chain(listed);
            let keys = keys.filter(|key| !key.starts_with("saasauth:"));
            (service, keys.collect())
        });
        keys.into()
    }
}

/// The name at the end of an ARN.
fn last(arn: &Value) -> String {
    let arn = arn.as_str().unwrap();
    arn.rsplit('/').next().unwrap().to_owned()
}

#[track_caller]
fn has(tagged: &Tagged, project: &Project, expected: &[&str]) {
    let expected: BTreeSet<String> = expected.iter().map(|&key| key.to_owned()).collect();
    for (service, keys) in tagged.keys(project) {
        assert_eq!(keys, expected, "{service}");
    }
}

#[test]
fn a_tag_of_others_stays_and_one_that_left_the_file_goes() {
    let project = Project::starter();
    project.deploy();
    let tagged = Tagged::of(&project);
    tagged.tag(&project);
    has(&tagged, &project, &["team", THEIRS]);

    // Theirs is no difference.
    project
        .run(&["diff", "--no-build", "--detailed-exitcode"])
        .expect(0);

    project.edit("{ team: identity }", "{ owner: ada }");
    project.deploy();
    has(&tagged, &project, &["owner", THEIRS]);

    project.edit("tags: { owner: ada }", "");
    project.deploy();
    has(&tagged, &project, &[THEIRS]);
    project
        .run(&["diff", "--no-build", "--detailed-exitcode"])
        .expect(0);
}
