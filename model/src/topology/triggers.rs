//! The two functions: environment, role, logs, and who may invoke them.

use saasauth_contract::environment;
use saasauth_contract::federation::ProviderDomains;

use super::access::{DOMAINS_TABLE, PERMISSIONS_TABLE};
use super::{Builder, cognito, email, permissions};
use crate::project::stage::{Architecture, Stage, TokenDomains, TokenScopes, Trigger};
use crate::resource::event_invoke_config::{Destination, DestinationConfig, LATEST};
use crate::resource::function::ARTIFACT_BUCKET;
use crate::resource::{
    Code, Environment, EventInvokeConfig, Expr, Function, LogGroup, LogicalId, Permission,
    PolicyDocument, Queue, Resource, Role, RolePolicy, Statement,
};

/// Logical ID of confirmUser.
pub const CONFIRM_USER: &str = "ConfirmUser";
/// Logical ID of generateToken.
pub const GENERATE_TOKEN: &str = "GenerateToken";

/// Logical ID of the queue with what confirmUser was handed and failed to do, however often Lambda tried.
pub const FAILURES: &str = "ConfirmUserFailures";

/// The longest that SQS keeps a message, in seconds: fourteen days.
const LONGEST_RETENTION: u32 = 14 * 24 * 60 * 60;

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
    let confirm_user = builder.name("confirm-user");
    let generate_token = Spec {
        id: GENERATE_TOKEN,
        thing: "generate-token",
        description: "Adds role, permissions and domains to the tokens of a user",
        trigger: &stage.triggers.generate_token,
        environment: of_generate_token(builder, &confirm_user).to_vars(),
        statements: permissions::generate_token(builder, &confirm_user),
    };
    let confirm_user = Spec {
        id: CONFIRM_USER,
        thing: "confirm-user",
        description: "Writes the record of a confirmed user and welcomes them",
        trigger: &stage.triggers.confirm_user,
        environment: of_confirm_user(builder).to_vars(),
        statements: permissions::confirm_user(builder, &confirm_user),
    };
    declare_function(builder, confirm_user);
    declare_function(builder, generate_token);

    // Deliveries run in asynchronous invocations of confirmUser; what fails for a while is tried again.
    // Two attempts and six hours are the most Lambda has. What fails even so waits in a queue for `saasauth repair`.
    //
    // It gets there as the failure's destination and not as a dead letter (`DeadLetterConfig`), which is what the function was
    // handed and nothing more. A destination's record also says of which function it is and how that failed, so `repair` can
    // tell its own; and it is set beside the function, which so waits for no queue.
    let queue = Queue {
        queue_name: failures(builder),
        message_retention_period: LONGEST_RETENTION,
        sqs_managed_sse_enabled: true,
        tags: builder.tags(),
    };
    builder.add(FAILURES, Resource::Queue(queue));
    let retries = EventInvokeConfig {
        function_name: Expr::reference(CONFIRM_USER),
        qualifier: LATEST.to_owned(),
        maximum_retry_attempts: 2,
        maximum_event_age_in_seconds: 21_600,
        destination_config: DestinationConfig {
            on_failure: Destination {
                destination: Expr::attribute(FAILURES, "Arn"),
            },
        },
    };
    // Lambda looks whether the function's role may send there.
    builder.add_after(
        format!("{CONFIRM_USER}Retries"),
        Resource::EventInvokeConfig(retries),
        vec![format!("{CONFIRM_USER}Policy")],
    );
}

/// The name of the queue with what failed.
pub(super) fn failures(builder: &Builder<'_>) -> String {
    builder.name("confirm-user-failures")
}

fn of_generate_token(builder: &Builder<'_>, confirm_user: &str) -> environment::GenerateToken {
    let stage = builder.stage;
    let roles = stage.access.roles.keys();
    environment::GenerateToken {
        tables: tables(builder),
        roles: environment::GenerateToken::roles(
            &stage.access.default_role,
            roles.map(|role| role.as_str()),
        ),
        claims_budget: *stage.tokens.budget as usize,
        permissions_as_scopes: stage.tokens.scopes == TokenScopes::Permissions,
        domain_roles: stage.tokens.domains == TokenDomains::Roles,
        confirm_user_function: Some(confirm_user.to_owned()),
        resource_server: cognito::resource_server(stage).map(str::to_owned),
        provider_domains: provider_domains(stage),
    }
}

fn of_confirm_user(builder: &Builder<'_>) -> environment::ConfirmUser {
    let stage = builder.stage;
    let sender = stage.email.as_ref();
    environment::ConfirmUser {
        tables: tables(builder),
        welcome: sender.and_then(|sender| {
            let welcome = sender.welcome.as_ref()?;
            let locales = welcome.locales.keys();
            Some(environment::WelcomeMail {
                from: sender.from.to_string(),
                template: email::welcome_template(builder),
                locales: locales.map(|locale| locale.to_string()).collect(),
                configuration_set: Some(email::configuration_set(builder)),
                fields: email::welcome_fields(welcome),
            })
        }),
        // Names of secrets, never secrets: whoever may read the function may read its environment.
        marketing: stage
            .marketing
            .as_ref()
            .map(|marketing| marketing.settings_text()),
        provider_domains: provider_domains(stage),
    }
}

/// Whose domains a company's identity provider may vouch for.
fn provider_domains(stage: &Stage) -> ProviderDomains {
    stage.sign_in.provider_domains()
}

/// What differs between the two functions.
struct Spec<'a> {
    id: &'static str,
    thing: &'static str,
    description: &'static str,
    trigger: &'a Trigger,
    environment: environment::Variables,
    statements: Vec<Statement>,
}

fn declare_function(builder: &mut Builder<'_>, spec: Spec<'_>) {
    let name = builder.name(spec.thing);
    let log_group_name = format!("/aws/lambda/{name}");
    let role_id = format!("{}Role", spec.id);

    let role = Role {
        role_name: builder.role_name(spec.thing),
        description: format!("What {name} may do"),
        assume_role_policy_document: PolicyDocument::trust("lambda.amazonaws.com"),
        tags: builder.tags(),
    };
    builder.add(role_id.clone(), Resource::Role(role));

    let mut statements = spec.statements;
    statements.push(permissions::write_logs(&log_group_name));
    statements.extend(permissions::use_key(builder, &name));
    let policy = RolePolicy {
        policy_name: name.clone(),
        role_name: Expr::reference(role_id.as_str()),
        policy_document: PolicyDocument::new(statements),
    };
    builder.add(format!("{}Policy", spec.id), Resource::RolePolicy(policy));

    let logs = LogGroup {
        log_group_name,
        retention_in_days: *spec.trigger.log_retention_days,
        kms_key_id: builder.kms_key(),
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
            variables: spec
                .environment
                .into_iter()
                .map(|(name, value)| (name.to_owned(), Expr::from(value)))
                .collect(),
        },
        kms_key_arn: builder.kms_key(),
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
fn tables(builder: &Builder<'_>) -> environment::Tables {
    debug_assert!(builder.resources.contains_key(PERMISSIONS_TABLE));
    debug_assert!(builder.resources.contains_key(DOMAINS_TABLE));
    environment::Tables {
        permissions: builder.permissions_table(),
        domains: builder.name("domains"),
        default_role: builder.stage.access.default_role.to_string(),
    }
}
