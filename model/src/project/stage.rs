//! The resolved stage: plain data with every override applied and every default written.
//!
//! This is all the topology sees of the project file. It holds no spans and no paths relative to
//! anything: what is wrong with the file was said before a [`Stage`] was made. The words are the
//! file's own, so that a reader who knows one knows the other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One stage of a project, ready to become a topology.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stage {
    /// The project's name; the first part of every physical name.
    pub project: String,
    /// The stage's name; the second part of every physical name.
    pub name: String,
    /// The AWS region.
    pub region: String,
    /// Where the stage lives.
    pub target: Target,
    /// The only AWS account this stage may be deployed to, when the file names one.
    pub account: Option<String>,
    /// What carries the plan out.
    pub engine: Engine,
    /// Whether destroying and replacing are refused.
    pub protect: bool,
    /// How users sign up and sign in.
    pub sign_in: SignIn,
    /// The applications that talk to the user pool, by name.
    pub clients: BTreeMap<String, Client>,
    /// Cognito's own sign-in pages, when wanted.
    pub hosted_ui: Option<HostedUi>,
    /// Roles and their permissions.
    pub access: Access,
    /// What tokens say of a user.
    pub tokens: TokenClaims,
    /// Companies by mail domain, in lower case.
    pub domains: BTreeMap<String, Domain>,
    /// The mail sender; without one Cognito's own sender is used and there is no welcome email.
    pub email: Option<Email>,
    /// Marketing platforms that receive users who opted in.
    pub marketing: Option<Marketing>,
    /// Alarms for the two functions, when wanted.
    pub alarms: Option<Alarms>,
    /// The two Lambda functions.
    pub triggers: Triggers,
    /// What the functions are built for; for [`Target::Local`] the host's own.
    pub architecture: Architecture,
    /// Tags put on everything taggable, beside the ownership tags.
    pub tags: BTreeMap<String, String>,
}

/// Where a stage lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// An AWS account.
    #[default]
    Aws,
    /// The AWS emulator that saasauth runs on this machine.
    Local,
}

/// What carries a plan out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// The AWS APIs, in parallel.
    #[default]
    Direct,
    /// A CloudFormation change set.
    CloudFormation,
}

/// How users sign up and sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignIn {
    /// What a user signs in with, in the file's order, without repeats. `username` never stands
    /// beside another: see [`SignInName`].
    pub with: Vec<SignInName>,
    /// Every attribute of a user by its name in the file (no `custom:` prefix). Holds `email` and
    /// `phone_number` too where signing in or verifying needs them, even if the file is silent.
    pub attributes: BTreeMap<String, Attribute>,
    /// The password policy.
    pub password: Password,
    /// How a new user proves the address or number.
    pub verify: Verify,
    /// Multi-factor authentication.
    pub mfa: Mfa,
    /// The Cognito feature plan, which decides the price.
    pub plan: Plan,
}

/// What a user signs in with.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum SignInName {
    /// The email address (Cognito's `UsernameAttributes`).
    Email,
    /// The phone number (Cognito's `UsernameAttributes`).
    Phone,
    /// A name the user picks. Cognito can't combine it with the other two in `UsernameAttributes`.
    Username,
}

/// One attribute of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attribute {
    /// Whether sign-up fails without it; only standard attributes can be.
    pub required: bool,
    /// Its type and the limits of its values.
    pub kind: AttributeKind,
    /// Whether it is one of OpenID Connect's standard claims; others become `custom:NAME`.
    pub standard: bool,
    /// Whether it can change after sign-up.
    pub mutable: bool,
}

/// An attribute's type and the limits of its values; `None` is no limit of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AttributeKind {
    /// Text; lengths in characters, at most 2048.
    String {
        /// Shortest value.
        min_length: Option<u32>,
        /// Longest value.
        max_length: Option<u32>,
    },
    /// A whole number.
    Number {
        /// Smallest value.
        min: Option<i64>,
        /// Largest value.
        max: Option<i64>,
    },
    /// `true` or `false`.
    Boolean,
    /// A moment.
    DateTime,
}

/// The password policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Password {
    /// Shortest password, 6 to 99 characters.
    pub min_length: u32,
    /// Kinds of characters every password needs.
    pub require: BTreeSet<PasswordRule>,
    /// How many days the temporary password of a user made by an administrator lasts.
    pub temporary_password_days: u32,
}

/// A kind of character every password needs.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum PasswordRule {
    /// a to z.
    Lowercase,
    /// A to Z.
    Uppercase,
    /// 0 to 9.
    Digits,
    /// Punctuation, as Cognito lists it.
    Symbols,
}

/// How a new user proves the address or number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Verify {
    /// Which way the message goes.
    pub by: VerifyBy,
    /// What the message holds.
    pub how: VerifyHow,
}

/// Which way the verification message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VerifyBy {
    /// By email.
    Email,
    /// By text message.
    Sms,
}

/// What the verification message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VerifyHow {
    /// A code to type.
    #[default]
    Code,
    /// A link to open; by email only.
    Link,
}

/// Multi-factor authentication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mfa {
    /// Whether users may or must use it.
    pub mode: MfaMode,
    /// The second factors; empty exactly when the mode is off.
    pub methods: BTreeSet<MfaMethod>,
}

/// Whether users may or must use a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MfaMode {
    /// Nobody does.
    #[default]
    Off,
    /// Users choose.
    Optional,
    /// Everybody must.
    Required,
}

/// A second factor.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum MfaMethod {
    /// An authenticator app.
    Totp,
    /// A text message.
    Sms,
    /// An email; needs the plan `essentials` and a sender of your own under `email`.
    Email,
}

/// The Cognito feature plan, which decides the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    /// The cheapest; has no claims in access tokens, so saasauth can't use it.
    Lite,
    /// Claims in access tokens; what saasauth needs.
    #[default]
    Essentials,
    /// Essentials and threat protection.
    Plus,
}

/// An application that talks to the user pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Client {
    /// What it is, which decides its flows and whether it has a secret.
    pub kind: ClientKind,
    /// Where sign-in may return to; empty when the client doesn't use the hosted UI.
    pub callback_urls: Vec<String>,
    /// Where sign-out may return to.
    pub logout_urls: Vec<String>,
    /// How long its tokens last.
    pub tokens: Tokens,
    /// OAuth scopes. For [`ClientKind::Machine`] these are permissions such as `projects:read`,
    /// without wildcards: the custom scopes of the resource server. For the others, OpenID scopes.
    pub scopes: Vec<String>,
    /// Attributes it may read, by their names in the file; empty for [`ClientKind::Machine`].
    pub read: BTreeSet<String>,
    /// Attributes it may write, by their names in the file; empty for [`ClientKind::Machine`].
    pub write: BTreeSet<String>,
}

/// What an application is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientKind {
    /// A browser application: no secret.
    Spa,
    /// A web server: has a secret.
    Server,
    /// A phone or desktop application: no secret.
    Native,
    /// A program without a user: client credentials.
    Machine,
}

/// How long a client's tokens last, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Tokens {
    /// Access token, 5 minutes to 1 day.
    pub access_seconds: u32,
    /// ID token, 5 minutes to 1 day.
    pub id_seconds: u32,
    /// Refresh token, 1 hour to 3650 days, and longer than the other two.
    pub refresh_seconds: u32,
}

/// Where Cognito's own sign-in pages live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HostedUi {
    /// `https://PREFIX.auth.REGION.amazoncognito.com`.
    Prefix(String),
    /// A domain of your own.
    Domain {
        /// The host name.
        domain: String,
        /// An ACM certificate for it, in us-east-1.
        certificate_arn: String,
    },
}

/// Roles and their permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Access {
    /// The role of a user nobody gave another.
    pub default_role: String,
    /// Permissions (`resource:action`, either part may be `*`) by role.
    pub roles: BTreeMap<String, Vec<String>>,
}

/// What tokens say of a user, beside the role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TokenClaims {
    /// What the scopes of access tokens hold of ours.
    pub scopes: TokenScopes,
    /// Bytes of a token that our claims may take.
    pub budget: u32,
}

/// What the scopes of access tokens hold of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenScopes {
    /// Nothing.
    #[default]
    None,
    /// The user's permissions.
    Permissions,
}

/// A company whose users join it at sign-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Domain {
    /// The role its users have in it.
    pub role: String,
}

/// The mail sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Email {
    /// The whole sender, such as `Acme <hello@acme.com>`.
    pub from: String,
    /// The address of `from` alone, such as `hello@acme.com`.
    pub from_address: String,
    /// The SES identity: a domain (signed by DKIM) or an address.
    pub identity: String,
    /// The email a confirmed user receives, when wanted.
    pub welcome: Option<Welcome>,
}

/// The email a confirmed user receives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Welcome {
    /// For everybody whose language has no variant.
    pub standard: Mail,
    /// Variants by language tag, such as `de` or `pt-BR`.
    pub locales: BTreeMap<String, Mail>,
}

/// An SES template, whose variables read `{{name}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mail {
    /// The subject line.
    pub subject: String,
    /// The HTML body: the file's contents.
    pub html: String,
    /// The plain-text body: the file's contents.
    pub text: Option<String>,
}

/// Marketing platforms that receive users who opted in.
///
/// Written out as JSON, this is what confirmUser reads from its environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Marketing {
    /// The attribute that says so; a boolean, or a string `true`.
    pub opt_in: String,
    /// Where they go.
    pub platforms: Platforms,
}

/// The platforms in use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Platforms {
    /// A Mailchimp audience.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mailchimp: Option<Mailchimp>,
    /// HubSpot contacts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hubspot: Option<Hubspot>,
    /// A Beehiiv publication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beehiiv: Option<Beehiiv>,
    /// A Kit (once ConvertKit) form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kit: Option<Kit>,
    /// Any other receiver, by a signed request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
}

/// A Mailchimp audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mailchimp {
    /// The audience's ID.
    pub list: String,
    /// The API key.
    pub api_key: Secret,
    /// Whether a user counts only after confirming in the platform's own mail.
    pub double_opt_in: bool,
    /// Tags every user gets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The platform's fields, each with the attribute (as the file names it) that fills it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Another address of the platform's API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// HubSpot contacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hubspot {
    /// A private app's access token.
    pub token: Secret,
    /// The platform's fields, each with the attribute (as the file names it) that fills it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Another address of the platform's API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// A Beehiiv publication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Beehiiv {
    /// The publication's ID.
    pub publication: String,
    /// The API key.
    pub api_key: Secret,
    /// Whether a user counts only after confirming in the platform's own mail.
    pub double_opt_in: bool,
    /// Tags every user gets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The platform's fields, each with the attribute (as the file names it) that fills it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Another address of the platform's API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// A Kit (once ConvertKit) form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kit {
    /// The form's ID.
    pub form: String,
    /// The API key.
    pub api_key: Secret,
    /// Whether a user counts only after confirming in the platform's own mail.
    pub double_opt_in: bool,
    /// Tags every user gets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The platform's fields, each with the attribute (as the file names it) that fills it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Another address of the platform's API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// A receiver of signed requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Webhook {
    /// Where the request goes.
    pub url: String,
    /// What it is signed with.
    pub secret: Secret,
}

/// The name of an SSM SecureString, such as `/acme/mailchimp-key`; never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Secret(pub String);

impl Marketing {
    /// The names of the secrets the platforms need.
    pub fn secrets(&self) -> BTreeSet<&str> {
        let Platforms {
            mailchimp,
            hubspot,
            beehiiv,
            kit,
            webhook,
        } = &self.platforms;
        [
            mailchimp.as_ref().map(|platform| &platform.api_key),
            hubspot.as_ref().map(|platform| &platform.token),
            beehiiv.as_ref().map(|platform| &platform.api_key),
            kit.as_ref().map(|platform| &platform.api_key),
            webhook.as_ref().map(|platform| &platform.secret),
        ]
        .into_iter()
        .flatten()
        .map(|secret| secret.0.as_str())
        .collect()
    }
}

/// Alarms for the two functions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alarms {
    /// The SNS topic that is told, by its ARN.
    pub topic: Option<String>,
}

/// The two Lambda functions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Triggers {
    /// Runs once a user is confirmed.
    pub confirm_user: Trigger,
    /// Runs before tokens are made.
    pub generate_token: Trigger,
}

/// One Lambda function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trigger {
    /// The folder of its crate, absolute.
    pub path: PathBuf,
    /// Memory, 128 to 10240 MB; processor time follows it.
    pub memory_mb: u32,
    /// How long it may run; Cognito waits at most 5 seconds.
    pub timeout_seconds: u32,
    /// How long its logs are kept.
    pub log_retention_days: u32,
}

/// What a function is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// AWS Graviton.
    #[default]
    Arm64,
    /// 64-bit Intel and AMD.
    X86_64,
}

impl Architecture {
    /// What this machine is. Anything that isn't 64-bit Arm counts as `x86_64`, the more common of
    /// the two; building then says what it thinks of the machine.
    pub fn of_host() -> Self {
        if std::env::consts::ARCH == "aarch64" {
            Self::Arm64
        } else {
            Self::X86_64
        }
    }
}
