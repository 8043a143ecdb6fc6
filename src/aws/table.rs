//! `AWS::DynamoDB::Table`.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
    PointInTimeRecoverySpecification, PointInTimeRecoveryStatus, Projection, ProjectionType,
    ScalarAttributeType, SseSpecification, SseStatus, SseType, TableDescription, TableStatus, Tag,
};
use serde_json::{Value, json};

use super::classify::{found, gone};
use super::lifecycle::{Change, Lifecycle, each};
use super::wait::READINESS;
use super::{Aws, Fault, Result, Waiting, Wanted, live, removed_tags, tag_list, trace, with_arn};
use saasauth_model::resource::table::{self, Table};
use saasauth_model::resource::{self, Kind, Live, LogicalId};

impl Lifecycle for Table {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        each(wanted, async |id| aws.read_table(id).await).await
    }

    async fn create(&self, aws: &Aws, _id: &str, waiting: Waiting<'_>) -> Result<Live> {
        aws.create_table(self, waiting).await
    }

    async fn update(&self, aws: &Aws, change: Change<'_>, _waiting: Waiting<'_>) -> Result<()> {
        aws.update_table(self, change.live, change.changed).await
    }

    async fn delete(aws: &Aws, physical_id: &str, _waiting: Waiting<'_>) -> Result<()> {
        aws.delete_table(physical_id).await
    }

    async fn settle(aws: &Aws, physical_id: &str, waiting: Waiting<'_>) -> Result<()> {
        aws.active_table(physical_id, waiting).await.map(drop)
    }
}

impl Aws {
    /// A table by its name, whoever's it is.
    pub async fn read_table(&self, name: &str) -> Result<Option<Live>> {
        let known = self.arn("dynamodb", &format!("table/{name}"));
        let (description, rest) = match &known {
            // Nothing waits for the ARN that follows from the name.
            Some(arn) => {
                let (description, rest) = futures::join!(
                    trace::beside(self.describe_table(name)),
                    trace::beside(self.rest_of_table(name, arn))
                );
                (description?, Some(rest))
            }
            None => (self.describe_table(name).await?, None),
        };
        // What was said of a table that isn't there doesn't count.
        let Some(description) = description else {
            return Ok(None);
        };
        let arn = description.table_arn().unwrap_or_default();
        let (recovery, tags) = match rest {
            Some(rest) => rest?,
            None => self.rest_of_table(name, arn).await?,
        };
        let (tags, owner) = tag_list(tags.iter().map(|tag| (tag.key(), tag.value())));
        let mut properties = properties(&description);
        properties["PointInTimeRecoverySpecification"] =
            json!({ "PointInTimeRecoveryEnabled": recovery });
        properties["Tags"] = tags;
        Ok(Some(Live {
            owner,
            ..with_arn(live(Kind::Table, name, properties), Some(arn))
        }))
    }

    /// What DescribeTable doesn't tell: whether it can be restored to a point in time, and its tags.
    async fn rest_of_table(&self, name: &str, arn: &str) -> Result<(bool, Vec<Tag>)> {
        let (recovery, tags) = futures::join!(
            trace::beside(self.point_in_time_recovery(name)),
            trace::beside(self.table_tags(arn))
        );
        Ok((recovery?, tags?))
    }

    /// `None` when it isn't there, or is on its way out.
    async fn describe_table(&self, name: &str) -> Result<Option<TableDescription>> {
        let answer = self.dynamodb.describe_table().table_name(name).send().await;
        let table = found(answer.map_err(Fault::from))?.and_then(|answer| answer.table);
        Ok(table.filter(|table| table.table_status() != Some(&TableStatus::Deleting)))
    }

    async fn point_in_time_recovery(&self, name: &str) -> Result<bool> {
        let answer = self
            .dynamodb
            .describe_continuous_backups()
            .table_name(name)
            .send()
            .await?;
        let status = answer
            .continuous_backups_description()
            .and_then(|backups| backups.point_in_time_recovery_description())
            .and_then(|recovery| recovery.point_in_time_recovery_status());
        Ok(status == Some(&PointInTimeRecoveryStatus::Enabled))
    }

    async fn table_tags(&self, arn: &str) -> Result<Vec<Tag>> {
        let mut tags = Vec::new();
        let mut token = None;
        loop {
            let request = self.dynamodb.list_tags_of_resource().resource_arn(arn);
            let page = request.set_next_token(token).send().await?;
            tags.extend(page.tags.unwrap_or_default());
            token = page.next_token;
            if token.is_none() {
                return Ok(tags);
            }
        }
    }

    pub(super) async fn create_table(&self, one: &Table, waiting: Waiting<'_>) -> Result<Live> {
        let name = one.table_name.as_str();
        let attributes = one
            .attribute_definitions
            .iter()
            .map(attribute)
            .collect::<Result<_>>()?;
        let indexes = one
            .global_secondary_indexes
            .iter()
            .map(index)
            .collect::<Result<Vec<_>>>()?;
        let request = self
            .dynamodb
            .create_table()
            .table_name(name)
            .billing_mode(BillingMode::from(one.billing_mode.as_str()))
            .set_attribute_definitions(Some(attributes))
            .set_key_schema(Some(key_schema(&one.key_schema)?))
            .set_global_secondary_indexes((!indexes.is_empty()).then_some(indexes))
            .sse_specification(encryption(one))
            .deletion_protection_enabled(one.deletion_protection_enabled)
            .set_tags(Some(tags(&one.tags)?));
        // Busy: a table of that name is still being deleted.
        let answer = request.send().await?;
        let mut table = answer.table_description;
        if table.as_ref().and_then(TableDescription::table_status) != Some(&TableStatus::Active) {
            table = Some(self.active_table(name, waiting).await?);
        }
        if one
            .point_in_time_recovery_specification
            .point_in_time_recovery_enabled
        {
            self.put_point_in_time_recovery(one).await?;
        }
        let arn = table.as_ref().and_then(TableDescription::table_arn);
        Ok(with_arn(self.made(Kind::Table, name, one), arn))
    }

    /// Until the table can be used.
    async fn active_table(&self, name: &str, waiting: Waiting<'_>) -> Result<TableDescription> {
        let reason = "the table to become active";
        self.until(
            READINESS,
            waiting,
            reason,
            name,
            "become active",
            || async {
                let table = self.describe_table(name).await?;
                Ok(table.filter(|table| table.table_status() == Some(&TableStatus::Active)))
            },
        )
        .await
    }

    async fn put_point_in_time_recovery(&self, one: &Table) -> Result<()> {
        let enabled = one
            .point_in_time_recovery_specification
            .point_in_time_recovery_enabled;
        let specification = PointInTimeRecoverySpecification::builder()
            .point_in_time_recovery_enabled(enabled)
            .build()?;
        let request = self
            .dynamodb
            .update_continuous_backups()
            .table_name(&one.table_name)
            .point_in_time_recovery_specification(specification);
        request.send().await?;
        Ok(())
    }

    pub(super) async fn update_table(
        &self,
        one: &Table,
        live: &Live,
        changed: &BTreeSet<String>,
    ) -> Result<()> {
        let update = || self.dynamodb.update_table().table_name(&one.table_name);
        // UpdateTable refuses some combinations, so each change goes alone. Only what differs from
        // live is sent: it also refuses a change to what already is.
        let differs = |property: &str, declared: Value| {
            changed.contains(property) && live.properties[property] != declared
        };
        if differs("BillingMode", json!(one.billing_mode)) {
            let mode = BillingMode::from(one.billing_mode.as_str());
            update().billing_mode(mode).send().await?;
        }
        if differs("SSESpecification", json!(one.sse_specification)) {
            update().sse_specification(encryption(one)).send().await?;
        }
        if differs(
            "DeletionProtectionEnabled",
            json!(one.deletion_protection_enabled),
        ) {
            let enabled = one.deletion_protection_enabled;
            update().deletion_protection_enabled(enabled).send().await?;
        }
        if changed.contains("PointInTimeRecoverySpecification") {
            self.put_point_in_time_recovery(one).await?;
        }
        if changed.contains("Tags") {
            self.put_table_tags(one, live).await?;
        }
        Ok(())
    }

    async fn put_table_tags(&self, one: &Table, live: &Live) -> Result<()> {
        let arn = live
            .attributes
            .get("Arn")
            .map(String::as_str)
            .unwrap_or_default();
        let request = self
            .dynamodb
            .tag_resource()
            .resource_arn(arn)
            .set_tags(Some(tags(&one.tags)?));
        request.send().await?;
        let removed = removed_tags(&live.properties["Tags"], &one.tags);
        if removed.is_empty() {
            return Ok(());
        }
        let request = self
            .dynamodb
            .untag_resource()
            .resource_arn(arn)
            .set_tag_keys(Some(removed));
        request.send().await?;
        Ok(())
    }

    /// Takes the deletion protection off first when it is on; whether that is wanted was decided
    /// long before. Done once DynamoDB has accepted it.
    pub(super) async fn delete_table(&self, name: &str) -> Result<()> {
        let Some(table) = self.describe_table(name).await? else {
            return Ok(());
        };
        if table.deletion_protection_enabled() == Some(true) {
            let update = self.dynamodb.update_table().table_name(name);
            let update = update.deletion_protection_enabled(false).send().await;
            gone(update.map_err(Fault::from))?;
        }
        let request = self.dynamodb.delete_table().table_name(name);
        gone(request.send().await.map_err(Fault::from))
    }
}

/// What DescribeTable tells, in CloudFormation's words.
fn properties(table: &TableDescription) -> Value {
    let attributes: Vec<Value> = table
        .attribute_definitions()
        .iter()
        .map(|attribute| {
            json!({
                "AttributeName": attribute.attribute_name(),
                "AttributeType": attribute.attribute_type().as_str(),
            })
        })
        .collect();
    let indexes: Vec<Value> = table
        .global_secondary_indexes()
        .iter()
        .map(|index| {
            let projection = index
                .projection()
                .and_then(|projection| projection.projection_type());
            json!({
                "IndexName": index.index_name(),
                "KeySchema": live_keys(index.key_schema()),
                "Projection": { "ProjectionType": projection.map(ProjectionType::as_str) },
            })
        })
        .collect();
    // A table without a summary was made before on-demand existed, or never left the default.
    let billing = table
        .billing_mode_summary()
        .and_then(|summary| summary.billing_mode())
        .unwrap_or(&BillingMode::Provisioned);
    // No description is the key DynamoDB owns. On the way to a state counts as being there.
    let sse = table.sse_description();
    let encrypted = sse.and_then(|sse| sse.status()).is_some_and(|status| {
        matches!(
            status,
            SseStatus::Enabled | SseStatus::Enabling | SseStatus::Updating
        )
    });
    json!({
        "TableName": table.table_name(),
        "BillingMode": billing.as_str(),
        "AttributeDefinitions": attributes,
        "KeySchema": live_keys(table.key_schema()),
        "GlobalSecondaryIndexes": indexes,
        "SSESpecification": {
            "SSEEnabled": encrypted,
            "SSEType": sse.and_then(|sse| sse.sse_type()).map(SseType::as_str),
            "KMSMasterKeyId": sse.and_then(|sse| sse.kms_master_key_arn()),
        },
        "DeletionProtectionEnabled": table.deletion_protection_enabled().unwrap_or(false),
    })
}

fn live_keys(keys: &[KeySchemaElement]) -> Vec<Value> {
    keys.iter()
        .map(|key| {
            json!({ "AttributeName": key.attribute_name(), "KeyType": key.key_type().as_str() })
        })
        .collect()
}

fn attribute(one: &table::AttributeDefinition) -> Result<AttributeDefinition> {
    Ok(AttributeDefinition::builder()
        .attribute_name(&one.attribute_name)
        .attribute_type(ScalarAttributeType::from(one.attribute_type.as_str()))
        .build()?)
}

fn key_schema(keys: &[table::Key]) -> Result<Vec<KeySchemaElement>> {
    keys.iter()
        .map(|key| {
            Ok(KeySchemaElement::builder()
                .attribute_name(&key.attribute_name)
                .key_type(KeyType::from(key.key_type.as_str()))
                .build()?)
        })
        .collect()
}

fn index(one: &table::Index) -> Result<GlobalSecondaryIndex> {
    let projection = ProjectionType::from(one.projection.projection_type.as_str());
    Ok(GlobalSecondaryIndex::builder()
        .index_name(&one.index_name)
        .set_key_schema(Some(key_schema(&one.key_schema)?))
        .projection(Projection::builder().projection_type(projection).build())
        .build()?)
}

fn encryption(one: &Table) -> SseSpecification {
    SseSpecification::builder()
        .enabled(one.sse_specification.sse_enabled)
        .set_sse_type(one.sse_specification.sse_type.as_deref().map(SseType::from))
        .set_kms_master_key_id(one.sse_specification.kms_master_key_id.clone())
        .build()
}

fn tags(tags: &[resource::Tag]) -> Result<Vec<Tag>> {
    tags.iter()
        .map(|tag| Ok(Tag::builder().key(&tag.key).value(&tag.value).build()?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Class;
    use crate::aws::replay::{self, error, ok};
    use crate::aws::wait::UNWATCHED;

    fn declared() -> Table {
        Table {
            table_name: "t".to_owned(),
            billing_mode: "PAY_PER_REQUEST".to_owned(),
            attribute_definitions: vec![table::AttributeDefinition::string("pk")],
            key_schema: vec![table::Key::hash("pk")],
            global_secondary_indexes: vec![],
            point_in_time_recovery_specification: table::PointInTimeRecovery {
                point_in_time_recovery_enabled: true,
            },
            sse_specification: table::Sse {
                sse_enabled: true,
                sse_type: None,
                kms_master_key_id: None,
            },
            deletion_protection_enabled: true,
            tags: vec![],
        }
    }

    fn status(status: &str) -> Value {
        json!({ "TableName": "t", "TableStatus": status, "TableArn": "arn:t",
            "DeletionProtectionEnabled": status == "ACTIVE" })
    }

    #[tokio::test]
    async fn a_new_table_is_waited_for_and_so_are_its_backups() {
        let (aws, replay) = replay::aws([
            error(400, "ResourceInUseException", "Table is being deleted: t"),
            ok(json!({ "TableDescription": status("CREATING") })),
            ok(json!({ "Table": status("CREATING") })),
            ok(json!({ "Table": status("ACTIVE") })),
            error(
                400,
                "ContinuousBackupsUnavailableException",
                "Backups are being enabled for the table: t",
            ),
            ok(json!({})),
        ]);
        let live = aws
            .create_table(&declared(), UNWATCHED)
            .await
            .expect("it becomes active");
        assert_eq!(live.attributes["Arn"], "arn:t");
        assert_eq!(
            replay.operations(),
            [
                "CreateTable",
                "CreateTable",
                "DescribeTable",
                "DescribeTable",
                "UpdateContinuousBackups",
                "UpdateContinuousBackups"
            ]
        );
    }

    #[tokio::test]
    async fn a_taken_name_is_not_waited_for() {
        let (aws, replay) = replay::aws([error(
            400,
            "ResourceInUseException",
            "Table already exists: t",
        )]);
        let fault = aws
            .create_table(&declared(), UNWATCHED)
            .await
            .expect_err("taken");
        assert_eq!(fault.class, Class::AlreadyExists);
        replay.finish();
    }

    #[tokio::test]
    async fn protection_comes_off_only_where_it_is_on() {
        let (aws, replay) = replay::aws([
            ok(json!({ "Table": status("ACTIVE") })),
            ok(json!({})),
            error(
                400,
                "ResourceInUseException",
                "Attempt to change a resource which is still in use: Table is being updated: t",
            ),
            ok(json!({})),
        ]);
        aws.delete_table("t").await.expect("deleted");
        assert_eq!(
            replay.operations(),
            ["DescribeTable", "UpdateTable", "DeleteTable", "DeleteTable"]
        );

        let (aws, replay) = replay::aws([ok(json!({ "Table": status("DELETING") }))]);
        aws.delete_table("t").await.expect("already on its way out");
        replay.finish();
    }

    #[tokio::test]
    async fn an_update_sends_one_change_at_a_time_and_only_what_differs() {
        let mut live = with_arn(live(Kind::Table, "t", json!(declared())), Some("arn:t"));
        live.properties["SSESpecification"]["SSEEnabled"] = json!(false);
        live.properties["DeletionProtectionEnabled"] = json!(false);
        let everything = json!(declared())
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect();
        let (aws, replay) =
            replay::aws([ok(json!({})), ok(json!({})), ok(json!({})), ok(json!({}))]);
        aws.update_table(&declared(), &live, &everything)
            .await
            .expect("updated");
        let sent = replay.finish();
        assert_eq!(
            sent[0].body,
            json!({ "TableName": "t", "SSESpecification": { "Enabled": true } })
        );
        assert_eq!(
            sent[1].body,
            json!({ "TableName": "t", "DeletionProtectionEnabled": true })
        );
        assert_eq!(sent[2].what, "UpdateContinuousBackups");
        assert_eq!(sent[3].what, "TagResource");
    }
}
