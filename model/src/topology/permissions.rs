//! What the two functions may do in AWS: every statement of their roles, and nothing else says so.
//!
//! Both tables hold items of several kinds, and each right is to one kind, by what its keys begin with: confirmUser, which
//! handles what strangers type, can't define a role or a domain.
//!
//! Each action here is one that a function sends, and each resource one that it sends it to. A test takes
//! each of them away in turn, and something must fail (`tests/it/permissions.rs`).

use std::collections::BTreeMap;

use super::{Builder, email, triggers};
use crate::project::stage::Marketing;
use crate::resource::{Expr, Statement};
use saasauth_contract::keys::{DOMAIN_PREFIX, ROLE_PREFIX, USER_PREFIX};

/// Of confirmUser, whose function has this name.
pub(super) fn confirm_user(builder: &Builder<'_>, function: &str) -> Vec<Statement> {
    let mut statements = vec![
        items(
            builder,
            "WriteUser",
            &[
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
            ],
            ("permissions", USER_PREFIX),
        ),
        hand_over(function),
        keep_failures(builder),
    ];
    statements.extend(join_domain(builder));
    statements.extend(send_welcome(builder));
    let marketing = builder.stage.marketing.as_ref();
    statements.extend(marketing.map(|marketing| read_secrets(marketing)));
    statements
}

/// Of generateToken; `confirm_user` is the name of the other function.
pub(super) fn generate_token(builder: &Builder<'_>, confirm_user: &str) -> Vec<Statement> {
    let mut statements = vec![
        items(
            builder,
            "ReadOrMakeUser",
            // PutItem makes the record of a user nobody confirmed: one made by an administrator. UpdateItem has the address on it
            // follow Cognito's.
            &[
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
            ],
            ("permissions", USER_PREFIX),
        ),
        items(
            builder,
            "ReadRoles",
            &["dynamodb:BatchGetItem"],
            ("permissions", ROLE_PREFIX),
        ),
        items(
            builder,
            "ReadMemberships",
            &["dynamodb:Query"],
            ("domains", USER_PREFIX),
        ),
        items(
            builder,
            "ReadDomains",
            &["dynamodb:BatchGetItem"],
            ("domains", DOMAIN_PREFIX),
        ),
        hand_over(confirm_user),
    ];
    // A user of an identity provider joins the company at the first sign-in, which may be all the
    // confirmation there ever is. The record is made in the same transaction, by the right above.
    let stage = builder.stage;
    if !stage.domains.is_empty() && !stage.sign_in.providers.is_empty() {
        statements.extend(join_domain(builder));
    }
    statements
}

/// To read a domain and to make a user a member of it.
fn join_domain(builder: &Builder<'_>) -> [Statement; 2] {
    let find = ("domains", DOMAIN_PREFIX);
    let join = ("domains", USER_PREFIX);
    [
        items(builder, "FindDomain", &["dynamodb:GetItem"], find),
        items(builder, "JoinDomain", &["dynamodb:PutItem"], join),
    ]
}

/// Of both: their own log group, where Lambda writes with the function's role. It is declared, so a
/// function may not create one; that would have no retention.
pub(super) fn write_logs(log_group: &str) -> Statement {
    Statement::allow(
        "WriteLogs",
        &["logs:CreateLogStream", "logs:PutLogEvents"],
        vec![Expr::arn("logs", format!("log-group:{log_group}:*"))],
    )
}

/// The statement that lets a function use the key of the tables.
pub const OPEN_TABLES: &str = "OpenTables";

/// With a key of one's own: to have it open the function's variables and the items of the tables, each through its service
/// alone. Lambda names the function in the encryption context
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html>); DynamoDB asks KMS as whoever asks it
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html>).
pub(super) fn use_key(builder: &Builder<'_>, function: &str) -> Vec<Statement> {
    let Some(key) = builder.kms_key() else {
        return Vec::new();
    };
    let decrypt = |sid: &str, operator: &str, condition: (&str, Expr)| Statement {
        condition: Some(BTreeMap::from([(
            operator.to_owned(),
            BTreeMap::from([(condition.0.to_owned(), condition.1)]),
        )])),
        ..Statement::allow(sid, &["kms:Decrypt"], vec![Expr::from(key.as_str())])
    };
    let this = Expr::arn("lambda", format!("function:{function}"));
    vec![
        decrypt(
            "OpenVariables",
            "StringEquals",
            ("kms:EncryptionContext:aws:lambda:FunctionArn", this),
        ),
        decrypt(
            OPEN_TABLES,
            "StringLike",
            ("kms:ViaService", Expr::from("dynamodb.*")),
        ),
    ]
}

/// Both hand the deliveries owed to a user to an asynchronous invocation of confirmUser. The ARN is put
/// together from the name: a reference would have the role wait for the function, which waits for it.
fn hand_over(confirm_user: &str) -> Statement {
    Statement::allow(
        "HandOverDeliveries",
        &["lambda:InvokeFunction"],
        vec![Expr::arn("lambda", format!("function:{confirm_user}"))],
    )
}

/// What failed each time it was tried, Lambda sends to the queue with the function's role. The ARN is put together from the
/// name, so that the role doesn't wait for the queue.
fn keep_failures(builder: &Builder<'_>) -> Statement {
    Statement::allow(
        "KeepFailures",
        &["sqs:SendMessage"],
        vec![Expr::arn("sqs", triggers::failures(builder))],
    )
}

/// SES wants the right on everything the request names: sender, configuration set and template. In its
/// sandbox it wants it on the identity that covers the recipient, too (aws/aws-sdk-js#3641), and nobody
/// knows which that will be. So it is any identity, for mail from our own sender alone.
fn send_welcome(builder: &Builder<'_>) -> Option<Statement> {
    let sender = builder.stage.email.as_ref()?;
    let welcome = sender.welcome.as_ref()?;
    let mut resources = vec![
        Expr::arn("ses", "identity/*".to_owned()),
        Expr::arn(
            "ses",
            format!("configuration-set/{}", email::configuration_set(builder)),
        ),
    ];
    let templates = email::templates(builder, welcome).map(|(_, name, _)| name);
    resources.extend(templates.map(|name| Expr::arn("ses", format!("template/{name}"))));
    // The bare address, whatever name stands before it.
    let from = Expr::from(sender.from.address());
    let ours = BTreeMap::from([("ses:FromAddress".to_owned(), from)]);
    Some(Statement {
        condition: Some(BTreeMap::from([("StringEquals".to_owned(), ours)])),
        ..Statement::allow(
            "SendWelcome",
            &["ses:SendEmail", "ses:SendTemplatedEmail"],
            resources,
        )
    })
}

/// Exactly the secrets the project file names. No `kms:Decrypt`: they are encrypted under the account's
/// key `aws/ssm`, whose own policy lets every principal of the account decrypt through SSM. A key of
/// one's own would need it.
fn read_secrets(marketing: &Marketing) -> Statement {
    Statement::allow(
        "ReadSecrets",
        &["ssm:GetParameter"],
        marketing
            .secrets()
            .into_iter()
            .map(|name| Expr::arn("ssm", format!("parameter{name}")))
            .collect(),
    )
}

/// Rights to the items of a table whose partition keys all begin so. Each of these actions names its keys, so the condition,
/// which holds of a request without any, has something to look at. `ForAllValues`, since one request can name several:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html>.
fn items(
    builder: &Builder<'_>,
    sid: &str,
    actions: &[&str],
    (thing, prefix): (&str, &str),
) -> Statement {
    let name = match thing {
        "permissions" => builder.permissions_table(),
        thing => builder.name(thing),
    };
    let table = Expr::arn("dynamodb", format!("table/{name}"));
    let keys = Expr::from(format!("{prefix}*"));
    let these = BTreeMap::from([("dynamodb:LeadingKeys".to_owned(), keys)]);
    Statement {
        condition: Some(BTreeMap::from([(
            "ForAllValues:StringLike".to_owned(),
            these,
        )])),
        ..Statement::allow(sid, actions, vec![table])
    }
}
