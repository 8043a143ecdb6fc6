//! `AWS::Lambda::Function`.

use std::borrow::Cow;
use std::collections::BTreeSet;

use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    Architecture, Environment, FunctionCode, FunctionConfiguration, LastUpdateStatus, Runtime,
    State,
};
use serde_json::{Value, json};

use super::classify::{found, gone};
use super::lifecycle::{Change, Lifecycle, each};
use super::wait::READINESS;
use super::{Aws, Fault, Package, Result, Waiting, Wanted, live, removed_tags, tag_list, with_arn};
use saasauth_model::resource::function::SENT_DIRECTLY;
use saasauth_model::resource::{Function, Kind, Live, LogicalId};

/// Properties that UpdateFunctionCode sends; all the others but tags are configuration.
const CODE: [&str; 2] = ["Code", "Architectures"];

impl Lifecycle for Function<String> {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        each(wanted, async |id| aws.read_function(id).await).await
    }

    async fn create(&self, aws: &Aws, id: &str, _waiting: Waiting<'_>) -> Result<Live> {
        aws.create_function(id, self).await
    }

    async fn update(&self, aws: &Aws, change: Change<'_>, waiting: Waiting<'_>) -> Result<()> {
        aws.update_function(change.id, self, change.live, change.changed, waiting)
            .await
    }

    async fn delete(aws: &Aws, physical_id: &str, _waiting: Waiting<'_>) -> Result<()> {
        aws.delete_function(physical_id).await
    }

    async fn settle(aws: &Aws, physical_id: &str, waiting: Waiting<'_>) -> Result<()> {
        aws.settle_function(physical_id, waiting).await
    }
}

impl Aws {
    pub(super) async fn read_function(&self, name: &str) -> Result<Option<Live>> {
        let answer = self.lambda.get_function().function_name(name).send().await;
        let Some(answer) = found(answer.map_err(Fault::from))? else {
            return Ok(None);
        };
        let configuration = answer
            .configuration()
            .ok_or_else(|| Fault::ours("GetFunction answered without a configuration"))?;
        let tags = answer.tags().into_iter().flatten();
        let (tags, owner) = tag_list(tags.map(|(key, value)| (key.as_str(), value.as_str())));
        let mut properties = properties(configuration);
        properties["Tags"] = tags;
        let live = with_arn(
            live(Kind::Function, name, properties),
            configuration.function_arn(),
        );
        Ok(Some(Live { owner, ..live }))
    }

    pub(super) async fn create_function(&self, id: &str, one: &Function<String>) -> Result<Live> {
        let name = one.function_name.as_str();
        let package = self.package(id, one).await?;
        let request = self
            .lambda
            .create_function()
            .function_name(name)
            .description(&one.description)
            .role(&one.role)
            .runtime(Runtime::from(one.runtime.as_str()))
            .handler(&one.handler)
            .set_architectures(Some(architectures(one)))
            .memory_size(megabytes(one))
            .timeout(seconds(one))
            .environment(environment(one))
            .set_kms_key_arn(one.kms_key_arn.clone())
            .code(
                FunctionCode::builder()
                    .zip_file(Blob::new(package.zip.clone()))
                    .build(),
            )
            // So that one can go back to it: see `kept_code`.
            .publish(true)
            .set_tags(Some(
                one.tags
                    .iter()
                    .map(|tag| (tag.key.clone(), tag.value.clone()))
                    .collect(),
            ));
        let answer = request.send().await?;
        active(name, answer.state(), answer.state_reason())?;
        Ok(with_arn(
            self.made(Kind::Function, name, one),
            answer.function_arn(),
        ))
    }

    /// Until a new function can be invoked. Nothing that refers to it has to wait for that.
    pub(super) async fn settle_function(&self, name: &str, waiting: Waiting<'_>) -> Result<()> {
        let reason = "the function to become active";
        self.until(
            READINESS,
            waiting,
            reason,
            name,
            "become active",
            || async {
                let now = self.configuration(name).await?;
                active(name, now.state(), now.state_reason())
            },
        )
        .await
    }

    pub(super) async fn update_function(
        &self,
        id: &str,
        one: &Function<String>,
        live: &Live,
        changed: &BTreeSet<String>,
        waiting: Waiting<'_>,
    ) -> Result<()> {
        if CODE.iter().any(|property| changed.contains(*property)) {
            self.put_code(id, one, waiting).await?;
        }
        let is_configuration = |property: &String| {
            !CODE.contains(&property.as_str())
                && !matches!(property.as_str(), "Tags" | "FunctionName")
        };
        if changed.iter().any(is_configuration) {
            self.put_configuration(one, waiting).await?;
        }
        if changed.contains("Tags") {
            self.put_function_tags(one, live).await?;
        }
        Ok(())
    }

    /// The package goes along even when only the architecture changed: AWS wants both together.
    async fn put_code(&self, id: &str, one: &Function<String>, waiting: Waiting<'_>) -> Result<()> {
        let zip = self.package(id, one).await?.zip.clone();
        let request = self
            .lambda
            .update_function_code()
            .function_name(&one.function_name)
            .zip_file(Blob::new(zip))
            .set_architectures(Some(architectures(one)))
            .publish(true);
        let answer = request.send().await?;
        let name = &one.function_name;
        let done = updated(
            name,
            answer.last_update_status(),
            answer.last_update_status_reason(),
        )?;
        self.until_updated(name, done, waiting).await?;
        self.drop_old_version(name, answer.version()).await
    }

    /// Sends every setting we declare. Lambda keeps what is left out, such as layers, but replaces the
    /// variables as a whole, and all of those are ours.
    async fn put_configuration(&self, one: &Function<String>, waiting: Waiting<'_>) -> Result<()> {
        let request = self
            .lambda
            .update_function_configuration()
            .function_name(&one.function_name)
            .description(&one.description)
            .role(&one.role)
            .runtime(Runtime::from(one.runtime.as_str()))
            .handler(&one.handler)
            .memory_size(megabytes(one))
            .timeout(seconds(one))
            .environment(environment(one))
            .set_kms_key_arn(one.kms_key_arn.clone());
        let answer = request.send().await?;
        let name = &one.function_name;
        let done = updated(
            name,
            answer.last_update_status(),
            answer.last_update_status_reason(),
        )?;
        self.until_updated(name, done, waiting).await
    }

    /// Until an update is in effect: before that, the next one is refused and the old code runs.
    async fn until_updated(
        &self,
        name: &str,
        done: Option<()>,
        waiting: Waiting<'_>,
    ) -> Result<()> {
        if done.is_some() {
            return Ok(());
        }
        let reason = "the function to take the change";
        self.until(
            READINESS,
            waiting,
            reason,
            name,
            "take the change",
            || async {
                let now = self.configuration(name).await?;
                updated(
                    name,
                    now.last_update_status(),
                    now.last_update_status_reason(),
                )
            },
        )
        .await
    }

    async fn put_function_tags(&self, one: &Function<String>, live: &Live) -> Result<()> {
        let arn = live
            .attributes
            .get("Arn")
            .map(String::as_str)
            .unwrap_or_default();
        let tags = one
            .tags
            .iter()
            .map(|tag| (tag.key.clone(), tag.value.clone()))
            .collect();
        let request = self
            .lambda
            .tag_resource()
            .resource(arn)
            .set_tags(Some(tags));
        request.send().await?;
        let removed = removed_tags(&live.properties["Tags"], &one.tags);
        if !removed.is_empty() {
            let request = self.lambda.untag_resource().resource(arn);
            request.set_tag_keys(Some(removed)).send().await?;
        }
        Ok(())
    }

    pub(super) async fn delete_function(&self, name: &str) -> Result<()> {
        let request = self.lambda.delete_function().function_name(name);
        gone(request.send().await.map_err(Fault::from))
    }

    async fn configuration(&self, name: &str) -> Result<GetFunctionConfigurationOutput> {
        Ok(self
            .lambda
            .get_function_configuration()
            .function_name(name)
            .send()
            .await?)
    }

    /// The package that was built for a function, or the earlier one it is to go back to.
    async fn package(&self, id: &str, one: &Function<String>) -> Result<Cow<'_, Package>> {
        let wanted = one.code.s3_key.as_str();
        if let Some(built) = self.packages.get(id).filter(|one| one.digest == wanted) {
            return Ok(Cow::Borrowed(built));
        }
        let kept = self.kept_package(&one.function_name, wanted).await?;
        kept.map(Cow::Owned).ok_or_else(|| {
            Fault::ours(format!(
                "no package was built for `{id}`, and Lambda keeps none of that digest"
            ))
        })
    }
}

/// Whether a function can be called; an error when it never will.
fn active(name: &str, state: Option<&State>, reason: Option<&str>) -> Result<Option<()>> {
    match state {
        Some(State::Pending) => Ok(None),
        Some(State::Failed) => Err(failed(name, "could not be made ready", reason)),
        // Inactive is a function that slept for weeks; a call wakes it.
        _ => Ok(Some(())),
    }
}

/// Whether an update is in effect; an error when it never will be.
fn updated(
    name: &str,
    status: Option<&LastUpdateStatus>,
    reason: Option<&str>,
) -> Result<Option<()>> {
    match status {
        Some(LastUpdateStatus::InProgress) => Ok(None),
        Some(LastUpdateStatus::Failed) => Err(failed(name, "could not take the change", reason)),
        _ => Ok(Some(())),
    }
}

fn failed(name: &str, what: &str, reason: Option<&str>) -> Fault {
    let reason = reason.unwrap_or("Lambda gives no reason");
    Fault::ours(format!("`{name}` {what}: {reason}"))
}

/// What GetFunction tells, in CloudFormation's words.
fn properties(configuration: &FunctionConfiguration) -> Value {
    let architectures: Vec<&str> = configuration
        .architectures()
        .iter()
        .map(Architecture::as_str)
        .collect();
    let variables = configuration
        .environment()
        .and_then(|environment| environment.variables());
    json!({
        "FunctionName": configuration.function_name(),
        "Description": configuration.description().unwrap_or_default(),
        "Role": configuration.role(),
        "Runtime": configuration.runtime().map(Runtime::as_str),
        "Handler": configuration.handler(),
        "Architectures": architectures,
        "MemorySize": configuration.memory_size(),
        "Timeout": configuration.timeout(),
        "Environment": { "Variables": variables.cloned().unwrap_or_default() },
        "KmsKeyArn": configuration.kms_key_arn().filter(|key| !key.is_empty()),
        "Code": { "S3Bucket": SENT_DIRECTLY, "S3Key": configuration.code_sha256() },
    })
}

fn architectures(one: &Function<String>) -> Vec<Architecture> {
    one.architectures
        .iter()
        .map(|name| Architecture::from(name.as_str()))
        .collect()
}

fn megabytes(one: &Function<String>) -> i32 {
    i32::try_from(one.memory_size).unwrap_or(i32::MAX)
}

fn seconds(one: &Function<String>) -> i32 {
    i32::try_from(one.timeout).unwrap_or(i32::MAX)
}

fn environment(one: &Function<String>) -> Environment {
    let variables = one.environment.variables.clone().into_iter().collect();
    Environment::builder()
        .set_variables(Some(variables))
        .build()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use super::*;
    use crate::aws::replay::{self, Replay, error, ok};
    use crate::aws::trace;
    use crate::aws::wait::UNWATCHED;
    use saasauth_model::resource;

    const UNKNOWN_ROLE: &str = "The role defined for the function cannot be assumed by Lambda.";

    fn declared() -> Function<String> {
        Function {
            function_name: "f".to_owned(),
            description: "d".to_owned(),
            role: "arn:role".to_owned(),
            runtime: "provided.al2023".to_owned(),
            handler: "bootstrap".to_owned(),
            architectures: vec!["arm64".to_owned()],
            memory_size: 256,
            timeout: 5,
            environment: resource::Environment {
                variables: BTreeMap::new(),
            },
            kms_key_arn: None,
            code: resource::Code {
                s3_bucket: SENT_DIRECTLY.to_owned(),
                s3_key: "new".to_owned(),
            },
            tags: vec![],
        }
    }

    fn aws(answers: impl IntoIterator<Item = (u16, String)>) -> (Aws, Replay) {
        let (aws, replay) = replay::aws(answers);
        let package = Package {
            zip: vec![1, 2, 3],
            digest: "new".to_owned(),
        };
        (
            aws.with_packages(BTreeMap::from([("F".to_owned(), package)])),
            replay,
        )
    }

    #[tokio::test]
    async fn a_new_role_is_waited_for_and_then_the_function() {
        let (aws, replay) = aws([
            error(400, "InvalidParameterValueException", UNKNOWN_ROLE),
            error(400, "InvalidParameterValueException", UNKNOWN_ROLE),
            ok(json!({ "State": "Pending", "FunctionArn": "arn:f" })),
            ok(json!({ "State": "Pending" })),
            ok(json!({ "State": "Active" })),
        ]);
        let told = Mutex::new(Vec::new());
        let waiting = |reason| told.lock().expect("not poisoned").push(reason);
        let function = declared();
        let create = aws.create_function("F", &function);
        let (live, _) = trace::scope_telling("F", 0, &waiting, create).await;
        let live = live.expect("the role becomes known");
        assert_eq!(live.attributes["Arn"], "arn:f");
        aws.settle_function("f", &waiting)
            .await
            .expect("it becomes active");
        assert_eq!(
            *told.lock().expect("not poisoned"),
            [
                "IAM to know the role",
                "IAM to know the role",
                "the function to become active"
            ]
        );
        let sent = replay.finish();
        assert_eq!(sent[2].body["Code"]["ZipFile"], "AQID");
        assert_eq!(sent[2].body["Architectures"], json!(["arm64"]));
    }

    #[tokio::test]
    async fn a_function_that_fails_says_why() {
        let (aws, replay) = aws([ok(
            json!({ "State": "Failed", "StateReason": "The image is invalid" }),
        )]);
        let fault = aws
            .create_function("F", &declared())
            .await
            .expect_err("it failed");
        assert_eq!(
            fault.message,
            "`f` could not be made ready: The image is invalid"
        );
        replay.finish();
    }

    #[tokio::test]
    async fn other_invalid_values_are_not_retried() {
        let (aws, replay) = aws([error(
            400,
            "InvalidParameterValueException",
            "Unzipped size must be smaller",
        )]);
        aws.create_function("F", &declared())
            .await
            .expect_err("too large");
        replay.finish();
    }

    #[tokio::test]
    async fn a_function_without_package_is_not_made() {
        let (aws, replay) = aws([ok(json!({ "Versions": [] }))]);
        let fault = aws
            .create_function("G", &declared())
            .await
            .expect_err("no package");
        assert_eq!(
            fault.message,
            "no package was built for `G`, and Lambda keeps none of that digest"
        );
        assert_eq!(
            replay.operations(),
            ["GET /2015-03-31/functions/f/versions"]
        );
    }

    #[tokio::test]
    async fn configuration_follows_once_the_code_is_in_effect() {
        let (aws, replay) = aws([
            ok(json!({ "LastUpdateStatus": "InProgress" })),
            ok(json!({ "LastUpdateStatus": "InProgress" })),
            ok(json!({ "LastUpdateStatus": "Successful" })),
            error(
                409,
                "ResourceConflictException",
                "An update is in progress for resource: f",
            ),
            ok(json!({ "LastUpdateStatus": "Successful" })),
        ]);
        let live = live(Kind::Function, "f", json!({}));
        let changed = BTreeSet::from(["Code".to_owned(), "Timeout".to_owned()]);
        aws.update_function("F", &declared(), &live, &changed, UNWATCHED)
            .await
            .expect("updated");
        assert_eq!(
            replay.operations(),
            [
                "PUT /2015-03-31/functions/f/code",
                "GET /2015-03-31/functions/f/configuration",
                "GET /2015-03-31/functions/f/configuration",
                "PUT /2015-03-31/functions/f/configuration",
                "PUT /2015-03-31/functions/f/configuration",
            ]
        );
    }

    #[tokio::test]
    async fn a_failed_update_says_why() {
        let (aws, _) = aws([ok(
            json!({ "LastUpdateStatus": "Failed", "LastUpdateStatusReason": "No room" }),
        )]);
        let live = live(Kind::Function, "f", json!({}));
        let changed = BTreeSet::from(["Architectures".to_owned()]);
        let fault = aws
            .update_function("F", &declared(), &live, &changed, UNWATCHED)
            .await
            .expect_err("the update failed");
        assert_eq!(fault.message, "`f` could not take the change: No room");
    }

    #[tokio::test]
    async fn tags_alone_touch_neither_code_nor_configuration() {
        let (aws, replay) = aws([(204, String::new()), (204, String::new())]);
        let tags = json!({ "Tags": [{ "Key": "old", "Value": "x" }] });
        let live = with_arn(live(Kind::Function, "f", tags), Some("arn:f"));
        let changed = BTreeSet::from(["Tags".to_owned()]);
        aws.update_function("F", &declared(), &live, &changed, UNWATCHED)
            .await
            .expect("updated");
        assert_eq!(
            replay.operations(),
            [
                "POST /2017-03-31/tags/arn%3Af",
                "DELETE /2017-03-31/tags/arn%3Af?tagKeys=old"
            ]
        );
    }
}
