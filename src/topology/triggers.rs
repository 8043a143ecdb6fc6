//! The two functions, their roles, permissions and logs.

use std::collections::BTreeMap;

use super::access::{DOMAINS_TABLE, PERMISSIONS_TABLE};
use super::{Builder, cognito, email};
use crate::project::stage::{Architecture, Stage, Trigger};
use crate::resource::function::{ARTIFACT_BUCKET, Code, Environment, Function, Permission};
use crate::resource::{
    Expr, LogGroup, LogicalId, PolicyDocument, Resource, Role, RolePolicy, Statement,
};

/// Logical ID of confirmUser.
pub const CONFIRM_USER: &str = "ConfirmUser";
/// Logical ID of generateToken.
pub const GENERATE_TOKEN: &str = "GenerateToken";

/// The template parameter that says which package a function runs.
pub fn code_parameter(function: &str) -> LogicalId {
    format!("{function}Code")
}

/// The functions: logical ID, name in the project file, and what it says there.
pub fn functions(stage: &Stage) -> [(&'static str, &'static str, &Trigger); 2] {
    [
        (CONFIRM_USER, "confirm_user", &stage.triggers.confirm_user),
        (
            GENERATE_TOKEN,
            "generate_token",
            &stage.triggers.generate_token,
        ),
    ]
}

pub(super) fn declare(builder: &mut Builder<'_>) {
    let stage = builder.stage;
    let mut environment = tables(builder);
    environment.insert(
        "DEFAULT_ROLE".to_owned(),
        Expr::from(stage.access.default_role.as_str()),
    );

    let generate_token = Spec {
        id: GENERATE_TOKEN,
        thing: "generate-token",
        description: "Adds role, permissions and domains to the tokens of a user",
        trigger: &stage.triggers.generate_token,
        environment: environment.clone(),
        statements: generate_token_statements(builder),
    };

    if let Some((sender, welcome)) = stage
        .email
        .as_ref()
        .and_then(|sender| Some((sender, sender.welcome.as_ref()?)))
    {
        environment.insert(
            "WELCOME_FIELDS".to_owned(),
            Expr::from(email::welcome_fields(welcome)),
        );
        environment.insert("EMAIL_FROM".to_owned(), Expr::from(sender.from.as_str()));
        environment.insert(
            "WELCOME_TEMPLATE".to_owned(),
            Expr::from(email::welcome_template(builder)),
        );
        environment.insert(
            "CONFIGURATION_SET".to_owned(),
            Expr::from(email::configuration_set(builder)),
        );
    }
    if let Some(marketing) = &stage.marketing {
        builder.note(
            "marketing: the opt-in is kept with the user; no address is sent to a platform yet",
        );
        environment.insert(
            "OPT_IN_ATTRIBUTE".to_owned(),
            Expr::from(cognito::attribute_name(stage, &marketing.opt_in)),
        );
    }
    let confirm_user = Spec {
        id: CONFIRM_USER,
        thing: "confirm-user",
        description: "Writes the record of a confirmed user and welcomes them",
        trigger: &stage.triggers.confirm_user,
        environment,
        statements: confirm_user_statements(builder),
    };
    declare_function(builder, confirm_user);
    declare_function(builder, generate_token);
}

/// What differs between the two functions.
struct Spec<'a> {
    id: &'static str,
    thing: &'static str,
    description: &'static str,
    trigger: &'a Trigger,
    environment: BTreeMap<String, Expr>,
    statements: Vec<Statement>,
}

fn declare_function(builder: &mut Builder<'_>, spec: Spec<'_>) {
    let name = builder.name(spec.thing);
    let log_group_name = format!("/aws/lambda/{name}");
    let role_id = format!("{}Role", spec.id);

    let role = Role {
        role_name: name.clone(),
        description: format!("What {name} may do"),
        assume_role_policy_document: PolicyDocument::trust("lambda.amazonaws.com"),
        tags: builder.tags(),
    };
    builder.add(role_id.clone(), Resource::Role(role));

    let mut statements = spec.statements;
    // The log group is declared, so the function may not create one; it would have no retention.
    statements.push(Statement::allow(
        "WriteLogs",
        &["logs:CreateLogStream", "logs:PutLogEvents"],
        vec![Expr::arn("logs", format!("log-group:{log_group_name}:*"))],
    ));
    let policy = RolePolicy {
        policy_name: name.clone(),
        role_name: Expr::reference(role_id.as_str()),
        policy_document: PolicyDocument::new(statements),
    };
    builder.add(format!("{}Policy", spec.id), Resource::RolePolicy(policy));

    let logs = LogGroup {
        log_group_name,
        retention_in_days: spec.trigger.log_retention_days,
        tags: builder.tags(),
    };
    builder.add(format!("{}Logs", spec.id), Resource::LogGroup(logs));

    let architecture = match builder.stage.architecture {
        Architecture::Arm64 => "arm64",
        Architecture::X86_64 => "x86_64",
    };
    let function = Function {
        function_name: name,
        description: spec.description.to_owned(),
        role: Expr::attribute(role_id, "Arn"),
        runtime: "provided.al2023".to_owned(),
        handler: "bootstrap".to_owned(),
        architectures: vec![architecture.to_owned()],
        memory_size: spec.trigger.memory_mb,
        timeout: spec.trigger.timeout_seconds,
        environment: Environment {
            variables: spec.environment,
        },
        code: Code {
            s3_bucket: Expr::reference(ARTIFACT_BUCKET),
            s3_key: Expr::reference(code_parameter(spec.id)),
        },
        tags: builder.tags(),
    };
    builder.add(spec.id, Resource::Function(function));

    // Without SourceArn and SourceAccount any pool of any account could invoke the function.
    let permission = Permission {
        function_name: Expr::reference(spec.id),
        action: "lambda:InvokeFunction".to_owned(),
        principal: "cognito-idp.amazonaws.com".to_owned(),
        source_arn: Expr::attribute(cognito::USER_POOL, "Arn"),
        source_account: Expr::reference("AWS::AccountId"),
    };
    builder.add(
        format!("{}Permission", spec.id),
        Resource::Permission(permission),
    );
}

/// Table names are literals, not references: the functions need the names, not the tables, so
/// neither waits for the other.
fn tables(builder: &Builder<'_>) -> BTreeMap<String, Expr> {
    debug_assert!(builder.resources.contains_key(PERMISSIONS_TABLE));
    debug_assert!(builder.resources.contains_key(DOMAINS_TABLE));
    BTreeMap::from([
        (
            "PERMISSIONS_TABLE".to_owned(),
            Expr::from(builder.name("permissions")),
        ),
        (
            "DOMAINS_TABLE".to_owned(),
            Expr::from(builder.name("domains")),
        ),
    ])
}

fn table_arn(builder: &Builder<'_>, thing: &str) -> Expr {
    Expr::arn("dynamodb", format!("table/{}", builder.name(thing)))
}

fn confirm_user_statements(builder: &Builder<'_>) -> Vec<Statement> {
    let mut statements = vec![
        Statement::allow(
            "WriteUser",
            &["dynamodb:PutItem", "dynamodb:UpdateItem"],
            vec![table_arn(builder, "permissions")],
        ),
        Statement::allow(
            "JoinDomain",
            &["dynamodb:GetItem", "dynamodb:PutItem"],
            vec![table_arn(builder, "domains")],
        ),
    ];
    if let Some(sender) = builder
        .stage
        .email
        .as_ref()
        .filter(|email| email.welcome.is_some())
    {
        statements.push(Statement::allow(
            "SendWelcome",
            &["ses:SendEmail", "ses:SendTemplatedEmail"],
            vec![
                Expr::arn("ses", format!("identity/{}", sender.identity)),
                Expr::arn(
                    "ses",
                    format!("configuration-set/{}", email::configuration_set(builder)),
                ),
                Expr::arn(
                    "ses",
                    format!("template/{}", email::welcome_template(builder)),
                ),
            ],
        ));
    }
    statements
}

fn generate_token_statements(builder: &Builder<'_>) -> Vec<Statement> {
    vec![
        Statement::allow(
            "ReadOrMakeUser",
            // PutItem makes the record of a user nobody confirmed: one made by an administrator.
            &["dynamodb:GetItem", "dynamodb:PutItem"],
            vec![table_arn(builder, "permissions")],
        ),
        Statement::allow(
            "ReadDomains",
            &["dynamodb:Query"],
            vec![table_arn(builder, "domains")],
        ),
    ]
}
