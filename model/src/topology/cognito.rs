//! The user pool and what lives in it.

use std::collections::{BTreeMap, BTreeSet};

use super::triggers::{CONFIRM_USER, GENERATE_TOKEN};
use super::{Builder, email, id, sign_in};
use crate::project::At;
use crate::project::stage::{
    Attribute, AttributeType, Client, ClientKind, EMAIL_VERIFIED, FeaturePlan, HostedUi,
    POOL_ITSELF, PasswordRule, Provider, ProviderKind, SignInName, Stage, VerifyBy, VerifyHow,
    attribute_name, is_standard_attribute,
};
use crate::resource::user_pool::{
    AdminCreateUserConfig, LambdaConfig, NumberConstraints, PasswordPolicy, Policies,
    PreTokenGenerationConfig, SchemaAttribute, StringConstraints, UserAttributeUpdateSettings,
    UserPool, UserPoolAddOns, UsernameConfiguration, VerificationMessageTemplate,
};
use crate::resource::user_pool_client::{RefreshTokenRotation, TokenValidityUnits};
use crate::resource::user_pool_domain::CustomDomainConfig;
use crate::resource::user_pool_resource_server::ResourceServerScope;
use crate::resource::{
    Expr, LogicalId, Resource, UserPoolClient, UserPoolDomain, UserPoolGroup,
    UserPoolIdentityProvider, UserPoolResourceServer,
};

/// Logical ID of the user pool.
pub const USER_POOL: &str = "UserPool";
/// Logical ID of the hosted UI's domain.
pub const HOSTED_UI: &str = "HostedUi";
const RESOURCE_SERVER: &str = "ResourceServer";
/// What the logical IDs of identity providers begin with.
pub(super) const PROVIDER: &str = "Provider";

pub(super) fn declare(builder: &mut Builder<'_>) {
    let sends_sms = sign_in::declare_sms(builder);
    let pool = user_pool(builder, sends_sms);
    // Cognito tries the role out before it takes a pool that names it, policy and all.
    let tried_out = if sends_sms {
        vec![sign_in::SMS_POLICY.to_owned()]
    } else {
        Vec::new()
    };
    builder.add_after(USER_POOL, Resource::UserPool(pool), tried_out);
    sign_in::note(builder);

    let stage = builder.stage;
    declare_resource_server(builder);
    for (name, provider) in &stage.sign_in.providers {
        declare_identity_provider(builder, name, provider);
    }
    for (name, client) in &stage.clients {
        let logical_id = client_id(name, client);
        let client = user_pool_client(builder, name, client);
        builder.add(logical_id, Resource::UserPoolClient(client));
    }
    if let Some(hosted_ui) = &stage.hosted_ui {
        builder.add(
            HOSTED_UI,
            Resource::UserPoolDomain(user_pool_domain(hosted_ui)),
        );
    }
    for role in stage.access.roles.keys() {
        let group = UserPoolGroup {
            group_name: role.to_string(),
            user_pool_id: Expr::reference(USER_POOL),
            description: Some(format!("Users with the role {role}")),
        };
        builder.add(id("Group", role), Resource::UserPoolGroup(group));
    }
}

fn user_pool(builder: &Builder<'_>, sends_sms: bool) -> UserPool {
    let stage = builder.stage;
    let settings = &stage.sign_in;
    let (username_attributes, alias_attributes) = if settings.is_with(SignInName::Username) {
        (None, Some(vec!["email".to_owned()]))
    } else {
        let names = settings
            .with
            .iter()
            .map(|name| match **name {
                SignInName::Phone => "phone_number".to_owned(),
                SignInName::Email | SignInName::Username => "email".to_owned(),
            })
            .collect();
        (Some(names), None)
    };
    let verified = match *settings.verify.by {
        VerifyBy::Email => "email",
        VerifyBy::Sms => "phone_number",
    };
    let (mfa_configuration, enabled_mfas) = sign_in::second_factors(builder);
    UserPool {
        user_pool_name: builder.name("users"),
        user_pool_tier: match *settings.plan {
            FeaturePlan::Lite => "LITE",
            FeaturePlan::Essentials => "ESSENTIALS",
            FeaturePlan::Plus => "PLUS",
        }
        .to_owned(),
        deletion_protection: "ACTIVE".to_owned(),
        username_attributes,
        alias_attributes,
        username_configuration: UsernameConfiguration {
            case_sensitive: false,
        },
        auto_verified_attributes: vec![verified.to_owned()],
        schema: settings
            .attributes
            .iter()
            .map(|(name, attribute)| schema_attribute(name, attribute))
            .collect(),
        policies: Policies {
            password_policy: PasswordPolicy {
                minimum_length: *settings.password.min_length,
                require_lowercase: settings.password.require.contains(&PasswordRule::Lowercase),
                require_uppercase: settings.password.require.contains(&PasswordRule::Uppercase),
                require_numbers: settings.password.require.contains(&PasswordRule::Digits),
                require_symbols: settings.password.require.contains(&PasswordRule::Symbols),
                temporary_password_validity_days: Some(*settings.password.temporary_password_days),
                password_history_size: settings.password.history.as_deref().copied(),
            },
        },
        verification_message_template: Some(verification_message_template(builder.stage)),
        mfa_configuration,
        enabled_mfas,
        account_recovery_setting: Some(sign_in::account_recovery(settings)),
        admin_create_user_config: AdminCreateUserConfig {
            allow_admin_create_user_only: false,
        },
        user_attribute_update_settings: Some(UserAttributeUpdateSettings {
            attributes_require_verification_before_update: vec![verified.to_owned()],
        }),
        email_configuration: email::email_configuration(builder),
        sms_configuration: sends_sms.then(|| sign_in::sms_configuration(builder)),
        user_pool_add_ons: Some(UserPoolAddOns {
            advanced_security_mode: match *settings.plan {
                FeaturePlan::Plus => "ENFORCED",
                FeaturePlan::Lite | FeaturePlan::Essentials => "OFF",
            }
            .to_owned(),
        }),
        lambda_config: Some(LambdaConfig {
            post_confirmation: Some(Expr::attribute(CONFIRM_USER, "Arn")),
            pre_token_generation_config: Some(PreTokenGenerationConfig {
                lambda_arn: Expr::attribute(GENERATE_TOKEN, "Arn"),
                // The later one adds the tokens of machines, which are no business of a stage without.
                lambda_version: match resource_server(stage) {
                    Some(_) => "V3_0",
                    None => "V2_0",
                }
                .to_owned(),
            }),
        }),
        user_pool_tags: builder
            .tags()
            .into_iter()
            .map(|tag| (tag.key, tag.value))
            .collect::<BTreeMap<_, _>>(),
    }
}

fn verification_message_template(stage: &Stage) -> VerificationMessageTemplate {
    let project = &stage.project;
    let code = *stage.sign_in.verify.how == VerifyHow::Code;
    VerificationMessageTemplate {
        default_email_option: match *stage.sign_in.verify.how {
            VerifyHow::Code => "CONFIRM_WITH_CODE",
            VerifyHow::Link => "CONFIRM_WITH_LINK",
        }
        .to_owned(),
        email_subject: code.then(|| format!("Your {project} code")),
        email_message: code.then(|| format!("Your {project} code is {{####}}.")),
        email_subject_by_link: (!code).then(|| format!("Confirm your {project} account")),
        email_message_by_link: (!code)
            .then(|| format!("Confirm your {project} account: {{##confirm my address##}}")),
        sms_message: Some(format!("Your {project} code is {{####}}.")),
    }
}

fn schema_attribute(name: &str, attribute: &Attribute) -> SchemaAttribute {
    let mut schema = SchemaAttribute {
        name: name.to_owned(),
        attribute_data_type: match *attribute.kind {
            AttributeType::String => "String",
            AttributeType::Number => "Number",
            AttributeType::Boolean => "Boolean",
            AttributeType::DateTime => "DateTime",
        }
        .to_owned(),
        mutable: attribute.mutable,
        required: *attribute.required,
        string_attribute_constraints: None,
        number_attribute_constraints: None,
    };
    let Attribute {
        min_length,
        max_length,
        min,
        max,
        ..
    } = attribute;
    let or =
        |length: &Option<At<u32>>, default: u32| length.as_deref().unwrap_or(&default).to_string();
    match *attribute.kind {
        // Cognito writes these bounds by itself when left out; written here, they are ours to compare.
        AttributeType::String if !is_standard_attribute(name) => {
            schema.string_attribute_constraints = Some(StringConstraints {
                min_length: Some(or(min_length, 0)),
                max_length: Some(or(max_length, 2048)),
            });
        }
        AttributeType::Number if min.is_some() || max.is_some() => {
            schema.number_attribute_constraints = Some(NumberConstraints {
                min_value: min.as_ref().map(ToString::to_string),
                max_value: max.as_ref().map(ToString::to_string),
            });
        }
        _ => {}
    }
    schema
}

/// The permissions that machines may ask for.
fn machine_scopes(stage: &Stage) -> BTreeSet<&str> {
    let machines = stage
        .clients
        .values()
        .filter(|client| client.kind == ClientKind::Machine);
    machines
        .flat_map(|client| client.scopes.iter().map(|scope| scope.as_str()))
        .collect()
}

/// The identifier of the resource server whose scopes are permissions, where machines ask for some.
pub(super) fn resource_server(stage: &Stage) -> Option<&str> {
    (!machine_scopes(stage).is_empty()).then_some(stage.project.as_str())
}

/// The logical ID of a client: one that was renamed keeps what it had, and with that the ID in AWS.
pub fn client_id(name: &str, client: &Client) -> LogicalId {
    id("Client", client.first_name(name))
}

fn declare_resource_server(builder: &mut Builder<'_>) {
    let Some(identifier) = resource_server(builder.stage) else {
        return;
    };
    let scopes = machine_scopes(builder.stage);
    let server = UserPoolResourceServer {
        identifier: identifier.to_owned(),
        name: builder.name("api"),
        user_pool_id: Expr::reference(USER_POOL),
        scopes: scopes
            .into_iter()
            .map(|scope| ResourceServerScope {
                scope_name: scope.to_owned(),
                scope_description: format!("The permission {scope}"),
            })
            .collect(),
    };
    builder.add(RESOURCE_SERVER, Resource::UserPoolResourceServer(server));
}

/// How long a rotated refresh token stays good when the file doesn't say, in seconds: for an answer that got lost, or two tabs
/// that refresh at once.
const RETRY_GRACE: u32 = 10;

fn user_pool_client(builder: &Builder<'_>, name: &str, client: &Client) -> UserPoolClient {
    let machine = client.kind == ClientKind::Machine;
    let rotation = client.rotates().map(|rotates| RefreshTokenRotation {
        feature: if rotates { "ENABLED" } else { "DISABLED" }.to_owned(),
        retry_grace_period_seconds: rotates.then(|| {
            let said = client.tokens.retry_grace.as_ref();
            said.map_or(RETRY_GRACE, |grace| grace.seconds())
        }),
    });
    let flows: &[&str] = match *client.kind {
        ClientKind::Spa | ClientKind::Native => {
            &["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"]
        }
        ClientKind::Server => &[
            "ALLOW_ADMIN_USER_PASSWORD_AUTH",
            "ALLOW_REFRESH_TOKEN_AUTH",
            "ALLOW_USER_SRP_AUTH",
        ],
        // An empty list would mean Cognito's default flows, which let users sign in.
        ClientKind::Machine => &["ALLOW_REFRESH_TOKEN_AUTH"],
    };
    let oauth: &[&str] = match *client.kind {
        ClientKind::Machine => &["client_credentials"],
        _ if client.callback_urls.is_empty() => &[],
        _ => &["code"],
    };
    let scopes = client.scopes.iter().map(|scope| {
        if machine {
            Expr::join([
                Expr::reference(RESOURCE_SERVER),
                Expr::from(format!("/{scope}")),
            ])
        } else {
            Expr::from(scope.as_str())
        }
    });
    let attributes = |names: &BTreeSet<At<String>>| {
        let names = names
            .iter()
            .map(|name| attribute_name(name))
            .collect::<BTreeSet<_>>();
        (!machine).then(|| names.into_iter().collect::<Vec<_>>())
    };
    let seconds = || "seconds".to_owned();
    UserPoolClient {
        client_name: builder.name(name),
        user_pool_id: Expr::reference(USER_POOL),
        generate_secret: matches!(*client.kind, ClientKind::Server | ClientKind::Machine),
        // Cognito refuses the flow beside rotation, which takes its place (developer guide, "Refresh tokens").
        explicit_auth_flows: flows
            .iter()
            .filter(|flow| client.rotates() != Some(true) || **flow != "ALLOW_REFRESH_TOKEN_AUTH")
            .map(|&flow| flow.to_owned())
            .collect(),
        allowed_oauth_flows_user_pool_client: !oauth.is_empty(),
        allowed_oauth_flows: oauth.iter().map(|&flow| flow.to_owned()).collect(),
        allowed_oauth_scopes: if oauth.is_empty() {
            vec![]
        } else {
            scopes.collect()
        },
        callback_urls: texts(&client.callback_urls),
        logout_urls: texts(&client.logout_urls),
        supported_identity_providers: if machine {
            vec![Expr::from("COGNITO")]
        } else {
            client
                .providers
                .iter()
                .map(|name| provider_name(name))
                .collect()
        },
        read_attributes: attributes(&client.read).map(with_proofs),
        write_attributes: attributes(&client.write),
        access_token_validity: client.tokens.access.seconds(),
        id_token_validity: client.tokens.id.seconds(),
        refresh_token_validity: client.tokens.refresh.seconds(),
        token_validity_units: TokenValidityUnits {
            access_token: seconds(),
            id_token: seconds(),
            refresh_token: seconds(),
        },
        refresh_token_rotation: rotation,
        prevent_user_existence_errors: "ENABLED".to_owned(),
        enable_token_revocation: true,
    }
}

/// Whoever reads an address reads whether its user has proved to own it: an ID token without that word can't be
/// told from one of somebody who signed up with another's.
fn with_proofs(mut names: Vec<String>) -> Vec<String> {
    for name in ["email", "phone_number"] {
        let proof = format!("{name}_verified");
        if names.iter().any(|other| other == name) && !names.contains(&proof) {
            names.push(proof);
        }
    }
    names.sort();
    names
}

fn texts(list: &[At<String>]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

/// What a client's list calls a provider: a reference, since it has to exist before.
fn provider_name(name: &str) -> Expr {
    match name {
        POOL_ITSELF => Expr::from("COGNITO"),
        name => Expr::reference(id(PROVIDER, name)),
    }
}

fn declare_identity_provider(builder: &mut Builder<'_>, name: &str, provider: &Provider) {
    let logical_id = id(PROVIDER, name);
    let mut details: BTreeMap<String, Expr> = BTreeMap::new();
    let mut tell = |key: &str, value: &str| {
        if !value.is_empty() {
            details.insert(key.to_owned(), Expr::from(value));
        }
    };
    let scopes: Vec<&str> = provider.scopes.iter().map(|scope| scope.as_str()).collect();
    // The one API whose scopes are a list with commas.
    let between = match *provider.kind {
        ProviderKind::Facebook => ",",
        _ => " ",
    };
    tell("client_id", &provider.client_id);
    tell("authorize_scopes", &scopes.join(between));
    match *provider.kind {
        ProviderKind::Apple => {
            tell("team_id", &provider.team_id);
            tell("key_id", &provider.key_id);
        }
        ProviderKind::Oidc => {
            tell("oidc_issuer", &provider.issuer);
            tell("attributes_request_method", "GET");
        }
        ProviderKind::Saml => {
            tell("MetadataURL", &provider.metadata_url);
            tell("MetadataFile", provider.metadata_file.contents());
        }
        ProviderKind::Google | ProviderKind::Facebook | ProviderKind::Amazon => {}
    }
    if let Some((key, secret)) = provider.secret() {
        let parameter = format!("{logical_id}Secret");
        details.insert(key.to_owned(), Expr::reference(parameter.as_str()));
        builder.secrets.insert(parameter, secret.name().to_owned());
    }
    let (provider_name, provider_type) = match *provider.kind {
        ProviderKind::Google => ("Google", "Google"),
        ProviderKind::Apple => ("SignInWithApple", "SignInWithApple"),
        ProviderKind::Facebook => ("Facebook", "Facebook"),
        ProviderKind::Amazon => ("LoginWithAmazon", "LoginWithAmazon"),
        ProviderKind::Oidc => (name, "OIDC"),
        ProviderKind::Saml => (name, "SAML"),
    };
    let mapping = provider.attributes.iter();
    let resource = UserPoolIdentityProvider {
        user_pool_id: Expr::reference(USER_POOL),
        provider_name: provider_name.to_owned(),
        provider_type: provider_type.to_owned(),
        provider_details: details,
        attribute_mapping: mapping
            .map(|(ours, theirs)| {
                let ours = match ours.as_str() {
                    EMAIL_VERIFIED => EMAIL_VERIFIED.to_owned(),
                    ours => attribute_name(ours),
                };
                (ours, theirs.to_string())
            })
            .collect(),
        idp_identifiers: texts(&provider.identifiers),
    };
    builder.add(logical_id, Resource::UserPoolIdentityProvider(resource));
}

fn user_pool_domain(hosted_ui: &HostedUi) -> UserPoolDomain {
    let certificate = hosted_ui.certificate_arn.as_ref();
    let custom_domain_config = certificate.map(|arn| CustomDomainConfig {
        certificate_arn: arn.to_string(),
    });
    UserPoolDomain {
        domain: hosted_ui.name().to_owned(),
        user_pool_id: Expr::reference(USER_POOL),
        managed_login_version: 1,
        custom_domain_config,
    }
}
