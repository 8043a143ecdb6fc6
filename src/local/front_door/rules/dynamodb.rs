//! Tables.

use super::{Rule, When, given, list, refuse_if, text};

const INVALID: &str = "ValidationException";

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "backups of a table that isn't there",
        service: "dynamodb",
        operations: &["UpdateContinuousBackups", "DescribeContinuousBackups"],
        code: "TableNotFoundException",
        when: When::Facts(|facts| {
            Box::pin(async {
                let name = text(facts.input, "/TableName")?;
                let there = facts.table(table_name(name)).await.is_some();
                (!there).then(|| format!("Table not found: {}", table_name(name)))
            })
        }),
        source: "model, errors of both operations: not ResourceNotFoundException",
    },
    Rule {
        name: "deleting a protected table",
        service: "dynamodb",
        operations: &["DeleteTable"],
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                let table = facts
                    .table(table_name(text(facts.input, "/TableName")?))
                    .await?;
                refuse_if(
                    table["DeletionProtectionEnabled"] == true,
                    "Resource cannot be deleted as it is currently protected against deletion. Disable deletion \
                     protection first.",
                )
            })
        }),
        source: "guide, Using deletion protection to protect your table",
    },
    Rule {
        name: "an expiry that is on already",
        service: "dynamodb",
        operations: &["UpdateTimeToLive"],
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                let name = table_name(text(facts.input, "/TableName")?);
                let live = facts.time_to_live(name).await?;
                let wanted = facts.input.pointer("/TimeToLiveSpecification/Enabled")?;
                let is_on = live["TimeToLiveStatus"] == "ENABLED";
                match (wanted.as_bool()?, is_on) {
                    (true, true) => Some("TimeToLive is already enabled".into()),
                    (false, false) => Some("TimeToLive is already disabled".into()),
                    _ => None,
                }
            })
        }),
        source: "localstack/localstack, snapshots of its DynamoDB tests; API reference, UpdateTimeToLive",
    },
    Rule {
        name: "capacity for a table that is paid by the request",
        service: "dynamodb",
        operations: &["CreateTable", "UpdateTable"],
        code: INVALID,
        when: When::Input(|input| {
            refuse_if(
                input["BillingMode"] == "PAY_PER_REQUEST" && given(input, "/ProvisionedThroughput"),
                "One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be \
                 specified when BillingMode is PAY_PER_REQUEST",
            )
        }),
        source: "API reference, CreateTable.BillingMode",
    },
    Rule {
        name: "a table without a billing mode or a capacity",
        service: "dynamodb",
        operations: &["CreateTable"],
        code: INVALID,
        when: When::Input(|input| {
            refuse_if(
                input["BillingMode"] != "PAY_PER_REQUEST"
                    && !given(input, "/ProvisionedThroughput"),
                "No provisioned throughput specified for the table",
            )
        }),
        source: "API reference, CreateTable.ProvisionedThroughput",
    },
    Rule {
        name: "attributes that no key of a table has",
        service: "dynamodb",
        operations: &["CreateTable"],
        code: INVALID,
        when: When::Input(|input| {
            let indexes = ["/GlobalSecondaryIndexes", "/LocalSecondaryIndexes"];
            let indexes = indexes.iter().flat_map(|name| list(input, name));
            let keys: Vec<&str> = std::iter::once(input)
                .chain(indexes)
                .flat_map(|one| list(one, "/KeySchema"))
                .filter_map(|key| key["AttributeName"].as_str())
                .collect();
            let defined = || {
                let definitions = list(input, "/AttributeDefinitions").iter();
                definitions.filter_map(|one| one["AttributeName"].as_str())
            };
            refuse_if(
                defined().any(|name| !keys.contains(&name))
                    || keys.iter().any(|key| !defined().any(|name| name == *key)),
                "One or more parameter values were invalid: Some AttributeDefinitions are not used, or some index key \
                 attributes are not defined in AttributeDefinitions.",
            )
        }),
        source: "API reference, CreateTable.AttributeDefinitions: the attributes of the keys, and no others",
    },
];

/// A table's name, where its ARN may stand as well.
fn table_name(name: &str) -> &str {
    name.rsplit_once(":table/").map_or(name, |(_, name)| name)
}
