//! The two functions: environment, role, logs, and who may invoke them.

use std::collections::BTreeMap;

use super::access::{DOMAINS_TABLE, PERMISSIONS_TABLE};
use super::{Builder, cognito, email, permissions};
use crate::project::stage::{Architecture, Stage, TokenScopes, Trigger};
use crate::resource::event_invoke_config::LATEST;
use crate::resource::function::ARTIFACT_BUCKET;
use crate::resource::{
    Code, Environment, EventInvokeConfig, Expr, Function, LogGroup, LogicalId, Permission,
    PolicyDocument, Resource, Role, RolePolicy, Statement,
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
    let mut shared = tables(builder);
    shared.insert(
        "DEFAULT_ROLE".to_owned(),
        Expr::from(stage.access.default_role.as_str()),
    );
    let confirm_user = builder.name("confirm-user");
    let generate_token = Spec {
        id: GENERATE_TOKEN,
        thing: "generate-token",
        description: "Adds role, permissions and domains to the tokens of a user",
        trigger: &stage.triggers.generate_token,
        environment: of_generate_token(builder, shared.clone(), &confirm_user),
        statements: permissions::generate_token(builder, &confirm_user),
    };
    let confirm_user = Spec {
        id: CONFIRM_USER,
        thing: "confirm-user",
        description: "Writes the record of a confirmed user and welcomes them",
        trigger: &stage.triggers.confirm_user,
        environment: of_confirm_user(builder, shared),
        statements: permissions::confirm_user(builder, &confirm_user),
    };
    declare_function(builder, confirm_user);
    declare_function(builder, generate_token);

    // Deliveries run in asynchronous invocations of confirmUser; what fails for a while is tried again.
    // Two attempts and six hours are the most Lambda has.
    let retries = EventInvokeConfig {
        function_name: Expr::reference(CONFIRM_USER),
        qualifier: LATEST.to_owned(),
        maximum_retry_attempts: 2,
        maximum_event_age_in_seconds: 21_600,
    };
    builder.add(
        format!("{CONFIRM_USER}Retries"),
        Resource::EventInvokeConfig(retries),
    );
}

type Variables = BTreeMap<String, Expr>;

fn set(variables: &mut Variables, name: &str, value: impl Into<String>) {
    variables.insert(name.to_owned(), Expr::from(value.into()));
}

fn of_generate_token(
    builder: &Builder<'_>,
    mut variables: Variables,
    confirm_user: &str,
) -> Variables {
    let stage = builder.stage;
    set(&mut variables, "CONFIRM_USER_FUNCTION", confirm_user);
    set(&mut variables, "ROLES", known_roles(stage));
    set(
        &mut variables,
        "CLAIMS_BUDGET",
        stage.tokens.budget.to_string(),
    );
    if stage.tokens.scopes == TokenScopes::Permissions {
        set(&mut variables, "TOKEN_SCOPES", "permissions");
    }
    if let Some(server) = cognito::resource_server(stage) {
        set(&mut variables, "RESOURCE_SERVER", server);
    }
    variables
}

/// The roles to read while a process starts. All variables of a function share 4 KB, so of very many roles
/// the last are read when a token asks for them.
fn known_roles(stage: &Stage) -> String {
    const LONGEST: usize = 1024;
    let default_role = &stage.access.default_role;
    let others = stage.access.roles.keys();
    let others = others.filter(|role| *role != default_role);
    let mut names = String::new();
    for role in std::iter::once(default_role).chain(others) {
        if names.len() + role.len() >= LONGEST {
            break;
        }
        if !names.is_empty() {
            names.push(',');
        }
        names.push_str(role);
    }
    names
}

fn of_confirm_user(builder: &Builder<'_>, mut variables: Variables) -> Variables {
    let stage = builder.stage;
    if let Some(sender) = &stage.email
        && let Some(welcome) = &sender.welcome
    {
        let fields = email::welcome_fields(welcome);
        set(&mut variables, "WELCOME_FIELDS", fields);
        set(&mut variables, "EMAIL_FROM", sender.from.to_string());
        let template = email::welcome_template(builder);
        set(&mut variables, "WELCOME_TEMPLATE", template);
        let set_name = email::configuration_set(builder);
        set(&mut variables, "CONFIGURATION_SET", set_name);
        if !welcome.locales.is_empty() {
            let locales: Vec<&str> = welcome
                .locales
                .keys()
                .map(|locale| locale.as_str())
                .collect();
            set(&mut variables, "WELCOME_LOCALES", locales.join(","));
        }
    }
    if let Some(marketing) = &stage.marketing {
        // Names of secrets, never secrets: whoever may read the function may read its environment.
        set(
            &mut variables,
            "MARKETING",
            marketing.settings().to_string(),
        );
    }
    variables
}

/// What differs between the two functions.
struct Spec<'a> {
    id: &'static str,
    thing: &'static str,
    description: &'static str,
    trigger: &'a Trigger,
    environment: Variables,
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
    statements.push(permissions::write_logs(&log_group_name));
    let policy = RolePolicy {
        policy_name: name.clone(),
        role_name: Expr::reference(role_id.as_str()),
        policy_document: PolicyDocument::new(statements),
    };
    builder.add(format!("{}Policy", spec.id), Resource::RolePolicy(policy));

    let logs = LogGroup {
        log_group_name,
        retention_in_days: *spec.trigger.log_retention_days,
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
        memory_size: *spec.trigger.memory_mb,
        timeout: *spec.trigger.timeout_seconds,
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
fn tables(builder: &Builder<'_>) -> Variables {
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
