//! The project file as it is written: every key there is, and nothing resolved.
//!
//! Every key is optional here, because a stage may hold any part of the whole; what must be there
//! in the end, and which defaults stand in, `validate` says. The doc comments become the
//! descriptions an editor shows, by way of the JSON Schema.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::stage::{
    Architecture, ClientKind, Engine, MfaMethod, MfaMode, PasswordRule, Plan, SignInName, Target,
    TokenScopes, VerifyBy, VerifyHow,
};
use super::tree::At;

/// A key the user picked.
pub type Name = At<String>;

/// A saasauth project: a sign-up and sign-in backend on AWS.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "saasauth.yaml")]
pub struct File {
    /// The version of this format: 1.
    #[schemars(required, range(min = 1, max = 1))]
    pub version: Option<At<u32>>,
    /// The project's name, the first part of every resource's name: 3-32 of a-z, 0-9 and `-`.
    #[schemars(required, regex(pattern = r"^[a-z][a-z0-9-]{1,30}[a-z0-9]$"))]
    pub project: Option<At<String>>,
    /// The AWS region, such as `eu-west-1`.
    pub region: Option<At<String>>,
    /// The only AWS account to deploy to, 12 digits in quotes. Usually set per stage.
    #[schemars(regex(pattern = r"^[0-9]{12}$"))]
    pub account: Option<At<String>>,
    /// What carries a deploy out: `direct` (the default) or `cloudformation`.
    pub engine: Option<At<Engine>>,
    /// Whether destroying and replacing are refused. Default: false.
    pub protect: Option<bool>,
    /// How users sign up and sign in.
    pub sign_in: Option<SignIn>,
    /// The applications that talk to the user pool, by name.
    pub clients: Option<BTreeMap<Name, Client>>,
    /// Cognito's own sign-in pages: either `prefix`, or `domain` and `certificate_arn`.
    pub hosted_ui: Option<At<HostedUi>>,
    /// Roles and their permissions.
    pub access: Option<Access>,
    /// What tokens say of a user. How long they last, each client says.
    pub tokens: Option<TokenClaims>,
    /// Companies by mail domain; their users join them at sign-up.
    pub domains: Option<BTreeMap<Name, Domain>>,
    /// Your own mail sender, through SES. Without it Cognito sends, at most 50 mails a day.
    pub email: Option<At<Email>>,
    /// Marketing platforms that receive users who opted in.
    pub marketing: Option<At<Marketing>>,
    /// Alarms for the two functions: errors, throttling, and answers near Cognito's limit of 5 s.
    /// None without this key; `{}` makes them without telling anybody.
    pub alarms: Option<Alarms>,
    /// The two Lambda functions.
    pub triggers: Option<Triggers>,
    /// What the functions are built for: `arm64` (the default) or `x86_64`.
    pub architecture: Option<Architecture>,
    /// Tags for every resource.
    pub tags: Option<BTreeMap<Name, At<String>>>,
    /// Stages by name, each with what differs from the rest of the file. The stage `local` is
    /// always there; so is `dev` when this key is not.
    pub stages: Option<BTreeMap<Name, Option<Stage>>>,
}

/// What differs in one stage: mappings are merged key by key, lists are replaced, and `null` takes
/// a setting away.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Where the stage lives: `aws` (the default), or `local` for the emulator on this machine.
    pub target: Option<At<Target>>,
    /// The AWS region.
    pub region: Option<At<String>>,
    /// The only AWS account this stage may be deployed to, 12 digits in quotes.
    #[schemars(regex(pattern = r"^[0-9]{12}$"))]
    pub account: Option<At<String>>,
    /// What carries a deploy out: `direct` (the default) or `cloudformation`.
    pub engine: Option<At<Engine>>,
    /// Whether destroying and replacing are refused. Default: false.
    pub protect: Option<bool>,
    /// How users sign up and sign in.
    pub sign_in: Option<SignIn>,
    /// The applications that talk to the user pool, by name.
    pub clients: Option<BTreeMap<Name, Client>>,
    /// Cognito's own sign-in pages; taken whole, not merged.
    pub hosted_ui: Option<At<HostedUi>>,
    /// Roles and their permissions.
    pub access: Option<Access>,
    /// What tokens say of a user.
    pub tokens: Option<TokenClaims>,
    /// Companies by mail domain.
    pub domains: Option<BTreeMap<Name, Domain>>,
    /// Your own mail sender, through SES.
    pub email: Option<At<Email>>,
    /// Marketing platforms that receive users who opted in.
    pub marketing: Option<At<Marketing>>,
    /// Alarms for the two functions; `{}` makes them without telling anybody.
    pub alarms: Option<Alarms>,
    /// The two Lambda functions.
    pub triggers: Option<Triggers>,
    /// What the functions are built for: `arm64` or `x86_64`.
    pub architecture: Option<Architecture>,
    /// Tags for every resource.
    pub tags: Option<BTreeMap<Name, At<String>>>,
}

/// How users sign up and sign in.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// What users sign in with: `email` (the default), `phone`, both, or `username` alone. It
    /// can't change once the user pool exists.
    pub with: Option<At<Vec<At<SignInName>>>>,
    /// What is known of a user: OpenID Connect's standard attributes by their own names, and up to
    /// 50 of yours.
    pub attributes: Option<BTreeMap<Name, Attribute>>,
    /// The password policy.
    pub password: Option<Password>,
    /// How a new user proves the address or number.
    pub verify: Option<Verify>,
    /// Multi-factor authentication.
    pub mfa: Option<Mfa>,
    /// The Cognito feature plan: `essentials` (the default) or `plus`.
    pub plan: Option<At<Plan>>,
}

/// An attribute of a user. A standard attribute (`name`, `phone_number`, …) has its type already;
/// one of your own needs `type`, and becomes `custom:NAME`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// The type of an attribute of your own.
    #[serde(rename = "type")]
    pub kind: Option<At<AttributeType>>,
    /// Whether sign-up fails without it; standard attributes only. Default: false.
    pub required: Option<At<bool>>,
    /// Whether it can change after sign-up. Default: true.
    pub mutable: Option<bool>,
    /// Shortest value of a string, in characters.
    pub min_length: Option<At<u32>>,
    /// Longest value of a string, in characters; at most 2048.
    pub max_length: Option<At<u32>>,
    /// Smallest value of a number.
    pub min: Option<At<i64>>,
    /// Largest value of a number.
    pub max: Option<At<i64>>,
}

/// The type of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AttributeType {
    /// Text.
    String,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A moment.
    DateTime,
}

/// The password policy.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Password {
    /// Shortest password, 6 to 99 characters. Default: 12.
    #[schemars(range(min = 6, max = 99))]
    pub min_length: Option<At<u32>>,
    /// Kinds of characters every password needs. Default: lowercase, uppercase, digits.
    pub require: Option<Vec<PasswordRule>>,
    /// How many days the temporary password of a user made by an administrator lasts, 1 to 365.
    /// Default: 7.
    #[schemars(range(min = 1, max = 365))]
    pub temporary_password_days: Option<At<u32>>,
}

/// How a new user proves the address or number.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// Which way the message goes: `email` or `sms`. Default: the way users sign in.
    pub by: Option<At<VerifyBy>>,
    /// What the message holds: `code` (the default), or `link` by email.
    pub how: Option<At<VerifyHow>>,
}

/// Multi-factor authentication.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mfa {
    /// `off` (the default), `optional` or `required`.
    pub mode: Option<At<MfaMode>>,
    /// The second factors. Default: totp.
    pub methods: Option<At<Vec<At<MfaMethod>>>>,
}

/// An application that talks to the user pool.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// `spa` (a browser application), `server` (with a secret), `native` (a phone or desktop
    /// application) or `machine` (a program without a user). It can't change once it exists.
    pub kind: Option<At<ClientKind>>,
    /// Where sign-in through the hosted UI may return to.
    pub callback_urls: Option<At<Vec<At<String>>>>,
    /// Where sign-out may return to.
    pub logout_urls: Option<At<Vec<At<String>>>>,
    /// How long its tokens last.
    pub tokens: Option<At<Tokens>>,
    /// OAuth scopes. Default: openid, email, profile. A machine's are permissions, such as
    /// `projects:read`.
    pub scopes: Option<At<Vec<At<String>>>>,
    /// Attributes it may read. Default: all.
    pub read: Option<At<Vec<At<String>>>>,
    /// Attributes it may write. Default: all.
    pub write: Option<At<Vec<At<String>>>>,
}

/// How long a client's tokens last, as a number and a unit: `90s`, `15m`, `1h` or `30d`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// Access token, 5m to 1d. Default: 1h.
    #[schemars(regex(pattern = r"^[0-9]+[smhd]$"))]
    pub access: Option<At<String>>,
    /// ID token, 5m to 1d. Default: 1h.
    #[schemars(regex(pattern = r"^[0-9]+[smhd]$"))]
    pub id: Option<At<String>>,
    /// Refresh token, 1h to 3650d. Default: 30d.
    #[schemars(regex(pattern = r"^[0-9]+[smhd]$"))]
    pub refresh: Option<At<String>>,
}

/// Where Cognito's own sign-in pages live.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostedUi {
    /// The pages live at `https://PREFIX.auth.REGION.amazoncognito.com`.
    #[schemars(regex(pattern = r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"))]
    pub prefix: Option<At<String>>,
    /// A host name of your own, such as `auth.acme.com`.
    pub domain: Option<At<String>>,
    /// An ACM certificate for it, in us-east-1.
    pub certificate_arn: Option<At<String>>,
}

/// Roles and their permissions.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// The role of a user nobody gave another. Default: member.
    pub default_role: Option<At<String>>,
    /// Permissions by role, as `resource:action`; either part may be `*`.
    pub roles: Option<BTreeMap<Name, Vec<At<String>>>>,
}

/// What tokens say of a user, beside the role.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenClaims {
    /// Whether access tokens carry the permissions as OAuth scopes as well: `none` (the default) or
    /// `permissions`.
    pub scopes: Option<At<TokenScopes>>,
    /// How many bytes of a token role, permissions and domains may take, 512 to 8192. What exceeds
    /// it is left out, and the token says so. Default: 4096.
    #[schemars(range(min = 512, max = 8192))]
    pub budget: Option<At<u32>>,
}

/// A company whose users join it at sign-up.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// The role its users have in it. Default: `access.default_role`.
    pub role: Option<At<String>>,
}

/// Your own mail sender, through SES.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// The sender, such as `Acme <hello@acme.com>`.
    pub from: Option<At<String>>,
    /// The SES identity the sender belongs to: a domain, or an address.
    pub identity: Option<At<String>>,
    /// The email a confirmed user receives.
    pub welcome: Option<At<Welcome>>,
}

/// The email a confirmed user receives: an SES template, in which `{{name}}` stands for the user's
/// attribute `name`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Welcome {
    /// The subject line.
    pub subject: Option<At<String>>,
    /// The file with the HTML body.
    pub html: Option<At<String>>,
    /// The file with the plain-text body.
    pub text: Option<At<String>>,
    /// The same in other languages, by the user's attribute `locale`: a language such as `de`, or a
    /// language and a region such as `pt-BR`.
    pub locales: Option<BTreeMap<Name, At<LocalWelcome>>>,
}

/// The welcome email in another language.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalWelcome {
    /// The subject line.
    pub subject: Option<At<String>>,
    /// The file with the HTML body.
    pub html: Option<At<String>>,
    /// The file with the plain-text body.
    pub text: Option<At<String>>,
}

/// Marketing platforms that receive users who opted in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Marketing {
    /// The attribute that says a user opted in.
    pub opt_in: Option<At<String>>,
    /// A Mailchimp audience.
    pub mailchimp: Option<At<Mailchimp>>,
    /// HubSpot contacts.
    pub hubspot: Option<At<Hubspot>>,
    /// A Beehiiv publication.
    pub beehiiv: Option<At<Beehiiv>>,
    /// A Kit (once ConvertKit) form.
    pub kit: Option<At<Kit>>,
    /// Any other receiver, by a signed request.
    pub webhook: Option<At<Webhook>>,
}

/// A Mailchimp audience.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mailchimp {
    /// The audience's ID.
    pub list: Option<At<String>>,
    /// The API key, as `ssm:/name`.
    pub api_key: Option<At<String>>,
    /// Whether a user counts only after confirming in the platform's own mail. Default: true.
    pub double_opt_in: Option<bool>,
    /// Tags every user gets.
    pub tags: Option<Vec<At<String>>>,
    /// The platform's fields, each with the attribute that fills it.
    pub fields: Option<BTreeMap<Name, At<String>>>,
    /// Another address of the platform's API: a regional host, a proxy, a test.
    pub endpoint: Option<At<String>>,
}

/// HubSpot contacts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hubspot {
    /// A private app's access token, as `ssm:/name`.
    pub token: Option<At<String>>,
    /// The platform's fields, each with the attribute that fills it.
    pub fields: Option<BTreeMap<Name, At<String>>>,
    /// Another address of the platform's API: a regional host, a proxy, a test.
    pub endpoint: Option<At<String>>,
}

/// A Beehiiv publication.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Beehiiv {
    /// The publication's ID, such as `pub_0f2c…`.
    pub publication: Option<At<String>>,
    /// The API key, as `ssm:/name`.
    pub api_key: Option<At<String>>,
    /// Whether a user counts only after confirming in the platform's own mail. Default: true.
    pub double_opt_in: Option<bool>,
    /// Tags every user gets.
    pub tags: Option<Vec<At<String>>>,
    /// The platform's fields, each with the attribute that fills it.
    pub fields: Option<BTreeMap<Name, At<String>>>,
    /// Another address of the platform's API: a regional host, a proxy, a test.
    pub endpoint: Option<At<String>>,
}

/// A Kit (once ConvertKit) form.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kit {
    /// The form's ID, in quotes.
    pub form: Option<At<String>>,
    /// The API key, as `ssm:/name`.
    pub api_key: Option<At<String>>,
    /// Whether a user counts only after confirming in the platform's own mail. Default: true.
    pub double_opt_in: Option<bool>,
    /// Tags every user gets.
    pub tags: Option<Vec<At<String>>>,
    /// The platform's fields, each with the attribute that fills it.
    pub fields: Option<BTreeMap<Name, At<String>>>,
    /// Another address of the platform's API: a regional host, a proxy, a test.
    pub endpoint: Option<At<String>>,
}

/// A receiver of signed requests.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where the request goes; https.
    pub url: Option<At<String>>,
    /// What it is signed with, as `ssm:/name`.
    pub secret: Option<At<String>>,
}

/// The two Lambda functions.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Triggers {
    /// Runs once a user is confirmed. Default path: lambdas/confirm-user.
    pub confirm_user: Option<Trigger>,
    /// Runs before tokens are made. Default path: lambdas/generate-token.
    pub generate_token: Option<Trigger>,
}

/// One Lambda function.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// The folder of its Rust crate, from the project file's folder.
    pub path: Option<At<String>>,
    /// Memory in MB, 128 to 10240; processor time follows it. Default: 256.
    #[schemars(range(min = 128, max = 10240))]
    pub memory_mb: Option<At<u32>>,
    /// How long it may run, 1 to 5 seconds: Cognito waits no longer. Default: 5.
    #[schemars(range(min = 1, max = 5))]
    pub timeout_seconds: Option<At<u32>>,
    /// How long its logs are kept, one of CloudWatch's steps. Default: 30.
    pub log_retention_days: Option<At<u32>>,
}

/// Alarms for the two functions.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alarms {
    /// The SNS topic that is told, by its ARN; it lives in the stage's region.
    pub topic: Option<At<String>>,
}
