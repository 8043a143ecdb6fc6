//! A create whose name is taken: what has it is taken over when it is this stage's, because a deploy was cut off
//! or the answer to the create got lost.

use super::{Aws, Class, Fault, Result, Waiting, Wanted, lifecycle};
use saasauth_model::plan;
use saasauth_model::resource::{Live, Resolved};

impl Aws {
    /// Makes a resource. A name that is taken is taken over when its tags say it is this stage's;
    /// otherwise it is an error.
    pub async fn create(
        &self,
        id: &str,
        resource: &Resolved,
        waiting: Waiting<'_>,
    ) -> Result<Live> {
        match lifecycle::create(self, id, resource, waiting).await {
            Err(fault) if fault.class == Class::AlreadyExists => {
                match self.look_for(id, resource).await? {
                    Some(live) => self.adopt(id, resource, live, fault, waiting).await,
                    None => Err(fault),
                }
            }
            created => created,
        }
    }

    /// What is there under the name that was to be made.
    async fn look_for(&self, id: &str, resource: &Resolved) -> Result<Option<Live>> {
        let wanted = Wanted {
            id: id.to_owned(),
            kind: resource.kind(),
            physical_id: None,
            declared: resource.properties(),
        };
        let mut found = self.read_afresh(&[wanted], |_| true).await?;
        Ok(found.remove(id))
    }

    /// Takes what is there for what was to be made, if it is ours, and makes it what is declared.
    async fn adopt(
        &self,
        id: &str,
        resource: &Resolved,
        mut live: Live,
        taken: Fault,
        waiting: Waiting<'_>,
    ) -> Result<Live> {
        let tagged = live.owner.is_some()
            || live.properties.get("Tags").is_some()
            || live.properties.get("UserPoolTags").is_some();
        if tagged && live.owner.as_ref() != Some(self.owner()) {
            let whose = live.owner.as_ref().map_or_else(
                || "it has no ownership tags".to_owned(),
                |owner| {
                    format!(
                        "it belongs to project `{}`, stage `{}`",
                        owner.project, owner.stage
                    )
                },
            );
            return Err(Fault {
                message: format!("{} ({whose})", taken.message),
                ..taken
            });
        }
        let (kind, declared) = (resource.kind(), resource.properties());
        let changed = plan::differences(kind.rules(), &declared, &mut live.properties);
        if !changed.is_empty() {
            self.update(id, resource, &live, &changed, waiting).await?;
        }
        // A step of its own waits for what can be referred to before it can be used.
        if !kind.rules().settles {
            self.settle(kind, &live.physical_id, waiting).await?;
        }
        Ok(live)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::replay::{self, error, ok};
    use crate::aws::wait::UNWATCHED;
    use saasauth_model::resource::{Kind, LogGroup, PROJECT_TAG, Resource, STAGE_TAG, Tag};

    fn log_group() -> Resolved {
        let tag = |key: &str, value: &str| Tag {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        Resource::LogGroup(LogGroup {
            log_group_name: "g".to_owned(),
            retention_in_days: 7,
            kms_key_id: None,
            tags: vec![tag(PROJECT_TAG, "acme"), tag(STAGE_TAG, "dev")],
        })
    }

    fn taken() -> (u16, String) {
        error(400, "ResourceAlreadyExistsException", "it exists")
    }

    fn described(retention: Value) -> (u16, String) {
        let group = json!({ "logGroupName": "g", "arn": "arn:g:*", "retentionInDays": retention });
        ok(json!({ "logGroups": [group] }))
    }

    fn tags(project: &str) -> (u16, String) {
        let tags = json!({ PROJECT_TAG: project, STAGE_TAG: "dev", "AutoTag_Creator": "somebody" });
        ok(json!({ "tags": tags }))
    }

    #[tokio::test]
    async fn what_was_made_and_not_told_is_taken_over_and_finished() {
        let lost = (500, String::new());
        // CreateLogGroup takes no retention, which its lost answer kept from being set.
        let done = ok(json!({}));
        let (aws, replay) =
            replay::aws([lost, taken(), described(Value::Null), tags("acme"), done]);
        let made = aws.create("Logs", &log_group(), UNWATCHED).await;
        assert_eq!(made.expect("taken over").physical_id, "g");
        assert_eq!(
            replay.operations(),
            [
                "CreateLogGroup",
                "CreateLogGroup",
                "DescribeLogGroups",
                "ListTagsForResource",
                // What is as declared is not sent, and tags of others are not taken away.
                "PutRetentionPolicy",
            ]
        );
    }

    #[tokio::test]
    async fn what_belongs_to_others_is_left_alone() {
        let (aws, replay) = replay::aws([taken(), described(json!(7)), tags("other")]);
        let refused = aws.create("Logs", &log_group(), UNWATCHED).await;
        let message = refused.expect_err("it is theirs").message;
        assert!(message.contains("project `other`"), "{message}");
        replay.finish();
    }

    #[tokio::test]
    async fn a_role_that_iam_does_not_show_yet_is_looked_for_again() {
        let document = json!({ "Version": "2012-10-17", "Statement": [] });
        let role: Resolved = Resolved::from_properties(
            Kind::Role,
            json!({
                "RoleName": "r", "Description": "d", "AssumeRolePolicyDocument": document,
                "Tags": [{ "Key": PROJECT_TAG, "Value": "acme" }, { "Key": STAGE_TAG, "Value": "dev" }],
            }),
        )
        .expect("a role");
        let refusal = |status: u16, code: &str| {
            let body = format!(
                "<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
            );
            (status, body)
        };
        let member = |key: &str, value: &str| {
            format!("<member><Key>{key}</Key><Value>{value}</Value></member>")
        };
        let shown = format!(
            "<GetRoleResponse><GetRoleResult><Role><Path>/</Path><RoleName>r</RoleName><RoleId>AROA1</RoleId>\
             <Arn>arn:r</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate><Description>d</Description>\
             <AssumeRolePolicyDocument>{}</AssumeRolePolicyDocument><Tags>{}{}</Tags></Role></GetRoleResult>\
             </GetRoleResponse>",
            percent_encoding::utf8_percent_encode(
                &document.to_string(),
                percent_encoding::NON_ALPHANUMERIC
            ),
            member(PROJECT_TAG, "acme"),
            member(STAGE_TAG, "dev"),
        );
        let answers = [
            refusal(409, "EntityAlreadyExists"),
            refusal(404, "NoSuchEntity"),
            refusal(404, "NoSuchEntity"),
            (200, shown),
        ];
        let (aws, replay) = replay::aws(answers);
        let made = aws.create("Role", &role, UNWATCHED).await;
        let made = made.expect("it is ours");
        assert_eq!(made.attributes["Arn"], "arn:r");
        assert_eq!(made.attributes["RoleId"], "AROA1");
        assert_eq!(replay.finish().len(), 4);
    }
}
