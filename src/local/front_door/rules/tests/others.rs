//! IAM, Lambda, DynamoDB, SES, and what runs beside a stage.

use serde_json::{Value, json};

use super::{Case, account, case};

pub(super) fn cases() -> Vec<Case> {
    let statement = |more: Value| {
        let mut statement = json!({
            "Effect": "Allow",
            "Principal": { "Service": "lambda.amazonaws.com" },
            "Action": "sts:AssumeRole",
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            statement[name] = value.clone();
        }
        json!({ "Version": "2012-10-17", "Statement": [statement] })
    };
    let role =
        |policy: Value| json!({ "RoleName": "r", "AssumeRolePolicyDocument": policy.to_string() });
    let inline = |more: Value| {
        let mut statement = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
        for (name, value) in more.as_object().into_iter().flatten() {
            statement[name] = value.clone();
        }
        json!({
            "RoleName": "r",
            "PolicyName": "p",
            "PolicyDocument": json!({ "Version": "2012-10-17", "Statement": statement }).to_string(),
        })
    };
    let good = || role(statement(json!({})));
    let function = |more: Value| {
        let mut input = json!({
            "FunctionName": "f",
            "Role": "arn:aws:iam::111122223333:role/function",
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Code": { "ZipFile": "UEsDBA==" },
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            input[name] = value.clone();
        }
        input
    };
    let variables = |name: &str, value: String| {
        let mut variables = json!({});
        variables[name] = value.into();
        function(json!({ "Environment": { "Variables": variables } }))
    };
    let table = |more: Value| {
        let mut input = json!({
            "TableName": "t",
            "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
            "BillingMode": "PAY_PER_REQUEST",
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            input[name] = value.clone();
        }
        input
    };
    let alarm = |period: i64, periods: i64, points: i64| json!({ "AlarmName": "a", "Period": period, "EvaluationPeriods": periods, "DatapointsToAlarm": points });
    let create = |rule, refused, passes| case(rule, "CreateFunction", refused, passes, account());
    let in_account =
        |rule, operation, refused, passes| case(rule, operation, refused, passes, account());
    let failures = |function: &str, queue: &str| {
        let queue = format!("arn:aws:sqs:eu-west-1:111122223333:{queue}");
        json!({
            "FunctionName": function,
            "DestinationConfig": { "OnFailure": { "Destination": queue } },
        })
    };
    let queue =
        |attributes: Value| json!({ "QueueUrl": "http://queue/1/q", "Attributes": attributes });
    vec![
        in_account(
            "failures to a queue that isn't there",
            "PutFunctionEventInvokeConfig",
            failures("sends", "none"),
            failures("sends", "failures"),
        ),
        in_account(
            "failures to where the role may not send",
            "PutFunctionEventInvokeConfig",
            failures("mute", "failures"),
            failures("sends", "failures"),
        ),
        in_account(
            "failures to where the role may not send",
            "UpdateFunctionEventInvokeConfig",
            failures("sends", "others"),
            failures("sends", "failures"),
        ),
        in_account(
            "a name no queue has",
            "CreateQueue",
            json!({ "QueueName": "a.b" }),
            json!({ "QueueName": "a_b.fifo" }),
        ),
        in_account(
            "two encryptions of a queue",
            "SetQueueAttributes",
            queue(json!({ "KmsMasterKeyId": "alias/aws/sqs", "SqsManagedSseEnabled": "true" })),
            queue(json!({ "KmsMasterKeyId": "", "SqsManagedSseEnabled": "true" })),
        ),
        in_account(
            "attributes that are SQS's to say",
            "SetQueueAttributes",
            queue(json!({ "QueueArn": "arn" })),
            queue(json!({ "VisibilityTimeout": "60" })),
        ),
        in_account(
            "a trust policy that isn't JSON",
            "CreateRole",
            json!({ "RoleName": "r", "AssumeRolePolicyDocument": "{" }),
            good(),
        ),
        in_account(
            "a trust policy about a resource",
            "CreateRole",
            role(statement(json!({ "Resource": "*" }))),
            good(),
        ),
        in_account(
            "a trust policy that trusts nobody",
            "CreateRole",
            role(statement(json!({ "Principal": null }))),
            good(),
        ),
        in_account(
            "a trust policy about another service's actions",
            "UpdateAssumeRolePolicy",
            json!({ "RoleName": "r", "PolicyDocument": statement(json!({ "Action": "s3:GetObject" })).to_string() }),
            json!({ "RoleName": "r", "PolicyDocument": statement(json!({})).to_string() }),
        ),
        in_account(
            "a role's own policy that names a principal",
            "PutRolePolicy",
            inline(json!({ "Principal": "*" })),
            inline(json!({})),
        ),
        in_account(
            "an action of no service",
            "PutRolePolicy",
            inline(json!({ "Action": "Publish" })),
            inline(json!({ "Action": ["sns:Publish"] })),
        ),
        in_account(
            "a resource that is no ARN",
            "PutRolePolicy",
            inline(json!({ "Resource": ["*", "topic"] })),
            inline(json!({ "Resource": "arn:aws:sns:*:*:*" })),
        ),
        in_account(
            "more inline policy than a role may have",
            "PutRolePolicy",
            json!({ "RoleName": "r", "PolicyName": "p", "PolicyDocument": "x".repeat(10_241) }),
            json!({ "RoleName": "r", "PolicyName": "p", "PolicyDocument": "x".repeat(10_240) }),
        ),
        in_account(
            "deleting a role that has policies",
            "DeleteRole",
            json!({ "RoleName": "sms" }),
            json!({ "RoleName": "function" }),
        ),
        create(
            "a role that Lambda can't assume",
            function(json!({ "Role": "arn:aws:iam::111122223333:role/gone" })),
            function(json!({})),
        ),
        create(
            "a role that Lambda can't assume",
            function(json!({ "Role": "arn:aws:iam::111122223333:role/sms" })),
            function(json!({})),
        ),
        create(
            "a zip without a runtime or a handler",
            function(json!({ "Handler": null })),
            function(json!({})),
        ),
        create(
            "a package that is no zip",
            function(json!({ "Code": { "ZipFile": "aGVsbG8=" } })),
            function(json!({})),
        ),
        create(
            "a variable that is Lambda's",
            variables("AWS_REGION", "eu-west-1".into()),
            variables("REGION", "eu-west-1".into()),
        ),
        create(
            "more variables than fit",
            variables("LONG", "x".repeat(4096)),
            variables("LONG", "x".repeat(4000)),
        ),
        create(
            "a function that may run for longer than any",
            function(json!({ "Timeout": 901 })),
            function(json!({ "Timeout": 900 })),
        ),
        in_account(
            "backups of a table that isn't there",
            "UpdateContinuousBackups",
            json!({ "TableName": "gone" }),
            json!({ "TableName": "arn:aws:dynamodb:eu-west-1:111122223333:table/scratch" }),
        ),
        in_account(
            "deleting a protected table",
            "DeleteTable",
            json!({ "TableName": "users" }),
            json!({ "TableName": "scratch" }),
        ),
        in_account(
            "an expiry that is on already",
            "UpdateTimeToLive",
            json!({ "TableName": "expiring", "TimeToLiveSpecification": { "Enabled": true } }),
            json!({ "TableName": "expiring", "TimeToLiveSpecification": { "Enabled": false } }),
        ),
        in_account(
            "capacity for a table that is paid by the request",
            "CreateTable",
            table(
                json!({ "ProvisionedThroughput": { "ReadCapacityUnits": 1, "WriteCapacityUnits": 1 } }),
            ),
            table(json!({})),
        ),
        in_account(
            "a table without a billing mode or a capacity",
            "CreateTable",
            table(json!({ "BillingMode": null })),
            table(json!({
                "BillingMode": "PROVISIONED",
                "ProvisionedThroughput": { "ReadCapacityUnits": 1, "WriteCapacityUnits": 1 },
            })),
        ),
        in_account(
            "attributes that no key of a table has",
            "CreateTable",
            table(json!({ "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }] })),
            table(json!({})),
        ),
        in_account(
            "mail from a sender that SES hasn't verified",
            "SendEmail",
            json!({ "FromEmailAddress": "Acme <hello@new.acme.org>" }),
            json!({ "FromEmailAddress": "Acme <hello@mail.acme.com>" }),
        ),
        in_account(
            "mail with a configuration set that isn't there",
            "SendEmail",
            json!({ "ConfigurationSetName": "gone" }),
            json!({ "ConfigurationSetName": "set" }),
        ),
        in_account(
            "an identity that is there already",
            "CreateEmailIdentity",
            json!({ "EmailIdentity": "acme.com" }),
            json!({ "EmailIdentity": "other.com" }),
        ),
        in_account(
            "deleting an identity that isn't there",
            "DeleteEmailIdentity",
            json!({ "EmailIdentity": "other.com" }),
            json!({ "EmailIdentity": "acme.com" }),
        ),
        in_account(
            "deleting a configuration set that isn't there",
            "DeleteConfigurationSet",
            json!({ "ConfigurationSetName": "gone" }),
            json!({ "ConfigurationSetName": "set" }),
        ),
        in_account(
            "a configuration set by a name that none can have",
            "CreateConfigurationSet",
            json!({ "ConfigurationSetName": "a.b" }),
            json!({ "ConfigurationSetName": "a-b" }),
        ),
        in_account(
            "a template by a name that none can have",
            "CreateEmailTemplate",
            json!({ "TemplateName": "a b", "TemplateContent": { "Text": "t" } }),
            json!({ "TemplateName": "a_b", "TemplateContent": { "Text": "t" } }),
        ),
        in_account(
            "a template without anything to read",
            "UpdateEmailTemplate",
            json!({ "TemplateName": "a", "TemplateContent": { "Subject": "s" } }),
            json!({ "TemplateName": "a", "TemplateContent": { "Subject": "s", "Html": "h" } }),
        ),
        in_account(
            "an identity that is neither a domain nor an address",
            "CreateEmailIdentity",
            json!({ "EmailIdentity": "acme" }),
            json!({ "EmailIdentity": "hello@acme.com" }),
        ),
        in_account(
            "logs kept for a number of days that isn't offered",
            "PutRetentionPolicy",
            json!({ "logGroupName": "g", "retentionInDays": 4 }),
            json!({ "logGroupName": "g", "retentionInDays": 3 }),
        ),
        in_account(
            "an alarm over a period that CloudWatch doesn't count in",
            "PutMetricAlarm",
            alarm(90, 1, 1),
            alarm(60, 1, 1),
        ),
        in_account(
            "an alarm that looks back further than alarms do",
            "PutMetricAlarm",
            alarm(300, 289, 1),
            alarm(300, 288, 1),
        ),
        in_account(
            "an alarm of more data points than periods",
            "PutMetricAlarm",
            alarm(60, 2, 3),
            alarm(60, 2, 2),
        ),
        in_account(
            "a parameter by a name that is AWS's",
            "PutParameter",
            json!({ "Name": "/aws/key", "Value": "v" }),
            json!({ "Name": "/acme/key", "Value": "v" }),
        ),
        in_account(
            "a parameter larger than its tier",
            "PutParameter",
            json!({ "Name": "/acme/key", "Value": "v".repeat(4097) }),
            json!({ "Name": "/acme/key", "Value": "v".repeat(4097), "Tier": "Advanced" }),
        ),
        in_account(
            "a parameter overwritten and tagged at once",
            "PutParameter",
            json!({ "Name": "/k", "Value": "v", "Overwrite": true, "Tags": [{ "Key": "k", "Value": "v" }] }),
            json!({ "Name": "/k", "Value": "v", "Overwrite": true }),
        ),
        in_account(
            "a secret parameter's key without a secret",
            "PutParameter",
            json!({ "Name": "/k", "Value": "v", "Type": "String", "KeyId": "alias/k" }),
            json!({ "Name": "/k", "Value": "v", "Type": "SecureString", "KeyId": "alias/k" }),
        ),
    ]
}
