//! Every key of a stage: one field in one struct, with what stands in when the file is silent.
//!
//! The same structs are read from the file, shown by the JSON Schema, checked and completed by
//! `validate`, and read by the topology. A key may stand at the top of the file or in a stage, so
//! every one of them is optional while it is read; which must be there in the end, a rule says. `null`
//! takes a key away, as if it weren't there.
//!
//! To the world outside there is only [`Stage`]: settings that every rule found right, with every
//! default written. Nothing but [`validate`](super::validate) makes one.
//!
//! The doc comments are the descriptions an editor shows. Defaults stand in the `Default` of each
//! struct; `At::default()` in one is a key whose default depends on others, or that must be there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use saasauth_contract::claims::DEFAULT_BUDGET;
use saasauth_contract::marketing;
use saasauth_contract::record::CUSTOM_PREFIX;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use saasauth_contract::federation::ProviderDomains;

pub use super::adoption::{Adopt, Adopted, AdoptedTable, Kept};
pub use super::spelling::{Lifetime, Secret, Sender};

use super::places::Places;
use super::tree::{At, Name};
use crate::error::{Error, ErrorKind, Place, Result};

/// One stage of a project, right in every setting: what the topology is made of.
///
/// It reads like its settings: `stage.sign_in.password.min_length`. Nobody can change one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage(Named);

/// Settings and whose they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The project's name; the first part of every physical name.
    pub project: String,
    /// The stage's name; the second part of every physical name.
    pub name: String,
    settings: Settings,
    places: Places,
}

impl Stage {
    /// A stage of settings that were checked and completed.
    pub(super) fn of_checked(project: &str, name: &str, settings: Settings) -> Self {
        Self(Named {
            project: project.to_owned(),
            name: name.to_owned(),
            settings,
            places: Places::default(),
        })
    }

    /// The same stage, with where its settings stand.
    pub(super) fn found_at(mut self, places: Places) -> Self {
        self.0.places = places;
        self
    }

    /// Where the file has what `path` leads to, its keys with `/` between them: `clients/web`, `sign_in`. Known of what has a
    /// name in the file, and of the sections that hold such.
    pub fn place(&self, path: &str) -> Option<Place> {
        self.0.places.find(path)
    }

    /// The names of all secrets the stage needs.
    pub fn secrets(&self) -> BTreeSet<&str> {
        let marketing = self.marketing.as_ref().map(|marketing| marketing.secrets());
        let mut names = marketing.unwrap_or_default();
        names.extend(self.sign_in.secrets());
        names
    }

    /// The same stage in another region.
    pub fn in_region(mut self, region: &str) -> Result<Self> {
        if let Err(hint) = super::validate::check_region(region) {
            let message = format!("`{region}` is not an AWS region");
            return Err(Error::new(ErrorKind::Usage, message).with_hint(hint));
        }
        self.0.settings.region.complete(region.to_owned());
        Ok(self)
    }
}

impl std::ops::Deref for Stage {
    type Target = Named;

    fn deref(&self) -> &Named {
        &self.0
    }
}

impl std::ops::Deref for Named {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.settings
    }
}

/// What differs in one stage: mappings are merged key by key, lists are replaced, and `null` takes
/// a setting away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Stage")]
pub struct Settings {
    /// Where the stage lives: `aws` (the default), or `local` for the emulator on this machine.
    pub target: At<Target>,
    /// The AWS region, such as `eu-west-1`.
    pub region: At<String>,
    /// The only AWS account to deploy to, 12 digits in quotes. Usually set per stage.
    #[schemars(regex(pattern = r"^[0-9]{12}$"))]
    pub account: Option<At<String>>,
    /// What carries a deploy out: `direct` (the default) or `cloudformation`.
    pub engine: Engine,
    /// Whether destroying and replacing are refused. Default: false.
    pub protect: bool,
    /// How users sign up and sign in.
    pub sign_in: SignIn,
    /// The applications that talk to the user pool, by name.
    pub clients: BTreeMap<Name, Client>,
    /// Cognito's own sign-in pages: either `prefix`, or `domain` and `certificate_arn`. A stage's are
    /// taken whole, not merged.
    pub hosted_ui: Option<At<HostedUi>>,
    /// Roles and their permissions.
    pub access: Access,
    /// What tokens say of a user. How long they last, each client says.
    pub tokens: TokenClaims,
    /// Companies by mail domain; their users join them at sign-up.
    pub domains: BTreeMap<Name, Domain>,
    /// Your own mail sender, through SES. Without it Cognito sends, at most 50 mails a day.
    pub email: Option<At<Email>>,
    /// Marketing platforms that receive users who opted in.
    pub marketing: Option<At<Marketing>>,
    /// Alarms for the two functions: errors, throttling, answers near Cognito's limit of 5 s, and what failed however
    /// often it was tried.
    /// None without this key; `{}` makes them without telling anybody.
    pub alarms: Option<Alarms>,
    /// The two Lambda functions.
    pub triggers: Triggers,
    /// What the functions are built for: `arm64` (the default) or `x86_64`. A local stage takes this
    /// machine's.
    pub architecture: Architecture,
    /// Tags for every resource.
    pub tags: BTreeMap<Name, At<String>>,
    /// The ARN of a key of your own in KMS, for the tables, the functions' variables and their logs. Without one, keys that AWS
    /// manages. It can be changed, and not taken out of the file again.
    #[schemars(regex(
        pattern = r"^arn:aws(-cn|-us-gov|-eusc)?:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$"
    ))]
    pub kms_key_arn: Option<At<String>>,
    /// A user pool that somebody else made and this stage takes over. Usually set per stage.
    pub adopt: Option<At<Adopt>>,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SignIn {
    /// What users sign in with: `email` (the default), `phone`, both, or `username` alone. It
    /// can't change once the user pool exists.
    pub with: At<Vec<At<SignInName>>>,
    /// What is known of a user: OpenID Connect's standard attributes by their own names, and up to
    /// 50 of yours.
    // Completed with `email` and `phone_number` where signing in or verifying needs them.
    pub attributes: BTreeMap<Name, Attribute>,
    /// The password policy.
    pub password: Password,
    /// How a new user proves the address or number.
    pub verify: Verify,
    /// Multi-factor authentication.
    pub mfa: Mfa,
    /// How who forgot the password gets a new one: by `email`, by `phone`, or both, the first one preferred;
    /// or `admin`, through an administrator alone. Default: the way users are verified, unless that is a
    /// second factor already.
    pub recovery: At<Vec<At<Recovery>>>,
    /// The Cognito feature plan: `essentials` (the default) or `plus`.
    pub plan: At<FeaturePlan>,
    /// Who else signs users in: `google`, `apple`, `facebook` and `amazon`, and others under names of
    /// yours with `kind: oidc` or `kind: saml`. They need `hosted_ui`.
    pub providers: BTreeMap<Name, Provider>,
}

impl Default for SignIn {
    fn default() -> Self {
        Self {
            with: At::from(vec![At::from(SignInName::Email)]),
            attributes: BTreeMap::new(),
            password: Password::default(),
            verify: Verify::default(),
            mfa: Mfa::default(),
            recovery: At::default(),
            plan: At::from(FeaturePlan::Essentials),
            providers: BTreeMap::new(),
        }
    }
}

impl SignIn {
    /// Whether users sign in with it.
    pub fn is_with(&self, name: SignInName) -> bool {
        self.with.iter().any(|with| *with == name)
    }

    /// Whose addresses each company's own provider is believed about: the domains among its identifiers.
    pub fn provider_domains(&self) -> ProviderDomains {
        let mut all = ProviderDomains::default();
        for (name, provider) in &self.providers {
            if !ProviderKind::SOCIAL.contains(&provider.kind) {
                for identifier in &provider.identifiers {
                    // An identifier need not be a domain; one that isn't vouches for nobody.
                    all.add(name, identifier);
                }
            }
        }
        all
    }

    /// The names of the secrets the providers need.
    pub fn secrets(&self) -> BTreeSet<&str> {
        let providers = self.providers.values();
        let secrets = providers.filter_map(Provider::secret);
        secrets.map(|(_, secret)| secret.name()).collect()
    }
}

/// The attribute of Cognito's own that says whether the address was proven. A provider may fill it.
pub const EMAIL_VERIFIED: &str = "email_verified";

/// What a client calls the pool's own users among its providers.
pub const POOL_ITSELF: &str = "cognito";

/// Somebody else who signs users in. Which keys it takes depends on its kind.
// A rule sees to it: all but SAML have a client, Apple's has a key in place of a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Provider {
    /// `google`, `apple`, `facebook`, `amazon`, `oidc` or `saml`. The first four say it by their name.
    pub kind: At<ProviderKind>,
    /// The client ID that the provider gave your application; of Apple, the services ID.
    pub client_id: At<String>,
    /// The client's secret, as `ssm:/name`.
    pub client_secret: At<Secret>,
    /// Apple: your team's ID.
    pub team_id: At<String>,
    /// Apple: the ID of the key below.
    pub key_id: At<String>,
    /// Apple: the private key, as `ssm:/name`.
    pub private_key: At<Secret>,
    /// OpenID Connect: the provider's address, as its tokens say it in `iss`.
    pub issuer: At<String>,
    /// SAML: where the provider's metadata is.
    pub metadata_url: At<String>,
    /// SAML: the file with the provider's metadata.
    pub metadata_file: At<Body>,
    /// What is asked of the provider. Default: the scopes that tell an address and a name.
    pub scopes: At<Vec<At<String>>>,
    /// Attributes of yours, each with the provider's name of it. Default: those whose names it is known
    /// to use. `email_verified` is what says that an address was proven: without it a user joins no
    /// company.
    pub attributes: BTreeMap<Name, At<String>>,
    /// Names by which an application may ask for this provider (`idp_identifier`), such as a company's
    /// mail domain. An `oidc` or `saml` provider is believed about addresses in these domains alone.
    pub identifiers: Vec<At<String>>,
}

impl Provider {
    /// The one secret it has, and the key of Cognito's that takes it.
    pub fn secret(&self) -> Option<(&'static str, &Secret)> {
        match *self.kind {
            ProviderKind::Saml => None,
            ProviderKind::Apple => Some(("private_key", &self.private_key)),
            _ => Some(("client_secret", &self.client_secret)),
        }
    }
}

/// What an identity provider is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// Google.
    #[default]
    Google,
    /// Sign in with Apple.
    Apple,
    /// Facebook.
    Facebook,
    /// Login with Amazon.
    Amazon,
    /// Any other that speaks OpenID Connect.
    Oidc,
    /// Any that speaks SAML 2.0.
    Saml,
}

impl ProviderKind {
    /// Those that Cognito knows by name. Each of them is there once.
    pub const SOCIAL: [Self; 4] = [Self::Google, Self::Apple, Self::Facebook, Self::Amazon];

    /// The word for it in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::Apple => "apple",
            Self::Facebook => "facebook",
            Self::Amazon => "amazon",
            Self::Oidc => "oidc",
            Self::Saml => "saml",
        }
    }

    /// The scopes that tell an address and a name.
    pub(super) fn usual_scopes(self) -> &'static [&'static str] {
        match self {
            Self::Google | Self::Oidc => &["openid", "email", "profile"],
            Self::Apple => &["email", "name"],
            Self::Facebook => &["public_profile", "email"],
            Self::Amazon => &["profile"],
            Self::Saml => &[],
        }
    }

    /// Attributes of the pool, with the names this kind of provider is known to have for them.
    pub(super) fn known_attributes(self) -> &'static [(&'static str, &'static str)] {
        match self {
            // Google's are OpenID Connect's own.
            Self::Google => &[
                ("email", "email"),
                ("email_verified", "email_verified"),
                ("family_name", "family_name"),
                ("given_name", "given_name"),
                ("name", "name"),
                ("picture", "picture"),
            ],
            Self::Oidc => &[
                ("email", "email"),
                ("email_verified", "email_verified"),
                ("family_name", "family_name"),
                ("given_name", "given_name"),
                ("locale", "locale"),
                ("name", "name"),
                ("phone_number", "phone_number"),
                ("picture", "picture"),
            ],
            Self::Apple => &[
                ("email", "email"),
                ("family_name", "lastName"),
                ("given_name", "firstName"),
            ],
            Self::Facebook => &[
                ("email", "email"),
                ("family_name", "last_name"),
                ("given_name", "first_name"),
                ("name", "name"),
            ],
            Self::Amazon => &[("email", "email"), ("name", "name")],
            // What an assertion holds, the two sides agree on.
            Self::Saml => &[],
        }
    }
}

/// What a user signs in with.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum SignInName {
    /// The email address (Cognito's `UsernameAttributes`).
    #[default]
    Email,
    /// The phone number (Cognito's `UsernameAttributes`).
    Phone,
    /// A name the user picks. Cognito can't combine it with the other two in `UsernameAttributes`.
    Username,
}

/// OpenID Connect's standard claims that Cognito lets a pool declare.
pub(super) const STANDARD_ATTRIBUTES: [&str; 17] = [
    "address",
    "birthdate",
    "email",
    "family_name",
    "gender",
    "given_name",
    "locale",
    "middle_name",
    "name",
    "nickname",
    "phone_number",
    "picture",
    "preferred_username",
    "profile",
    "updated_at",
    "website",
    "zoneinfo",
];

/// Whether an attribute of that name is one of OpenID Connect's standard claims; others become
/// `custom:NAME`.
pub fn is_standard_attribute(name: &str) -> bool {
    STANDARD_ATTRIBUTES.contains(&name)
}

/// What Cognito calls an attribute: the pool's own have a prefix.
pub fn attribute_name(name: &str) -> String {
    if is_standard_attribute(name) {
        name.to_owned()
    } else {
        format!("{CUSTOM_PREFIX}{name}")
    }
}

/// An attribute of a user. A standard attribute (`name`, `phone_number`, …) has its type already;
/// one of your own needs `type`, and becomes `custom:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Attribute {
    /// The type of an attribute of your own.
    #[serde(rename = "type")]
    pub kind: At<AttributeType>,
    /// Whether sign-up fails without it; standard attributes only. Default: false.
    pub required: At<bool>,
    /// Whether it can change after sign-up. Default: true.
    pub mutable: bool,
    /// Shortest value of a string, in characters.
    pub min_length: Option<At<u32>>,
    /// Longest value of a string, in characters; at most 2048.
    pub max_length: Option<At<u32>>,
    /// Smallest value of a number.
    pub min: Option<At<i64>>,
    /// Largest value of a number.
    pub max: Option<At<i64>>,
}

impl Default for Attribute {
    fn default() -> Self {
        Self {
            kind: At::default(),
            required: At::from(false),
            mutable: true,
            min_length: None,
            max_length: None,
            min: None,
            max: None,
        }
    }
}

/// The type of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AttributeType {
    /// Text.
    #[default]
    String,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A moment.
    DateTime,
}

/// The password policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Password {
    /// Shortest password, 6 to 99 characters. Default: 12.
    #[schemars(range(min = 6, max = 99))]
    pub min_length: At<u32>,
    /// Kinds of characters every password needs. Default: lowercase, uppercase, digits.
    pub require: BTreeSet<PasswordRule>,
    /// How many days the temporary password of a user made by an administrator lasts, 1 to 365.
    /// Default: 7.
    #[schemars(range(min = 1, max = 365))]
    pub temporary_password_days: At<u32>,
    /// How many earlier passwords a user can't take again, 0 to 24. Without this key it stays as it
    /// is in Cognito, which starts with none.
    #[schemars(range(min = 0, max = 24))]
    pub history: Option<At<u32>>,
}

impl Default for Password {
    fn default() -> Self {
        use PasswordRule::{Digits, Lowercase, Uppercase};
        Self {
            min_length: At::from(12),
            require: BTreeSet::from([Lowercase, Uppercase, Digits]),
            temporary_password_days: At::from(7),
            history: None,
        }
    }
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Verify {
    /// Which way the message goes: `email` or `sms`. Default: the way users sign in.
    pub by: At<VerifyBy>,
    /// What the message holds: `code` (the default), or `link` by email. Whatever opens the link confirms the user, a
    /// mail scanner too; so it proves that a mailbox is there, not that its owner signed up, and goes with no `domains`.
    pub how: At<VerifyHow>,
}

impl Default for Verify {
    fn default() -> Self {
        Self {
            by: At::default(),
            how: At::from(VerifyHow::Code),
        }
    }
}

/// Which way the verification message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VerifyBy {
    /// By email.
    #[default]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mfa {
    /// `off` (the default), `optional` or `required`.
    pub mode: At<MfaMode>,
    /// The second factors. Default: totp.
    // Empty, once completed, exactly when the mode is off.
    pub methods: At<BTreeSet<At<MfaMethod>>>,
}

impl Default for Mfa {
    fn default() -> Self {
        Self {
            mode: At::from(MfaMode::Off),
            methods: At::from(BTreeSet::from([At::from(MfaMethod::Totp)])),
        }
    }
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
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum MfaMethod {
    /// An authenticator app.
    #[default]
    Totp,
    /// A text message. Cognito offers it wherever it sends text messages at all.
    Sms,
    /// An email; needs the plan `essentials` and a sender of your own under `email`.
    Email,
}

/// A way back in for who forgot the password.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Recovery {
    /// A code to the verified address.
    #[default]
    Email,
    /// A code to the verified number.
    Phone,
    /// An administrator sets a new one; users can't ask for it themselves.
    Admin,
}

/// The Cognito feature plan, which decides the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Plan")]
pub enum FeaturePlan {
    /// The cheapest; has no claims in access tokens, so saasauth can't use it.
    Lite,
    /// Claims in access tokens; what saasauth needs.
    #[default]
    Essentials,
    /// Essentials and threat protection.
    Plus,
}

/// An application that talks to the user pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Client {
    /// `spa` (a browser application), `server` (with a secret), `native` (a phone or desktop
    /// application) or `machine` (a program without a user). It can't change once it exists.
    pub kind: At<ClientKind>,
    /// Where sign-in through the hosted UI may return to.
    pub callback_urls: At<Vec<At<String>>>,
    /// Where sign-out may return to.
    pub logout_urls: At<Vec<At<String>>>,
    /// How long its tokens last.
    pub tokens: Tokens,
    /// OAuth scopes. Default: openid, email, profile. A machine's are permissions, such as
    /// `projects:read`.
    pub scopes: At<Vec<At<String>>>,
    /// Attributes it may read. Default: all.
    // By their names in the file, and none for a machine; so are those it may write.
    pub read: At<BTreeSet<At<String>>>,
    /// Attributes it may write. Default: all.
    pub write: At<BTreeSet<At<String>>>,
    /// Which identity providers it offers, `cognito` for the pool's own users among them. Default: all.
    // None for a machine.
    pub providers: At<BTreeSet<At<String>>>,
    /// What it was called before. It keeps its client ID as long as this stands here; without it a new name is a new
    /// client.
    pub renamed_from: Option<At<String>>,
}

impl Client {
    /// The name that its logical ID is made of: the one it was made under.
    pub fn first_name<'a>(&'a self, name: &'a str) -> &'a str {
        self.renamed_from
            .as_ref()
            .map_or(name, |before| before.as_str())
    }

    /// Whether its refresh tokens are rotated; `None` where that isn't ours to say. A browser keeps its token where scripts
    /// of the page can read it, so there a stolen one is to end with the next refresh.
    pub fn rotates(&self) -> Option<bool> {
        let is_browser = *self.kind == ClientKind::Spa;
        let said = self.tokens.rotate.as_ref().map(|rotate| **rotate);
        said.or_else(|| is_browser.then_some(true))
    }
}

/// What an application is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientKind {
    /// A browser application: no secret.
    #[default]
    Spa,
    /// A web server: has a secret.
    Server,
    /// A phone or desktop application: no secret.
    Native,
    /// A program without a user: client credentials.
    Machine,
}

/// How long a client's tokens last, as a number and a unit: `90s`, `15m`, `1h` or `30d`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tokens {
    /// Access token, 5m to 1d. Default: 1h.
    #[schemars(regex(pattern = r"^[0-9]+[smhd]$"))]
    pub access: At<Lifetime>,
    /// ID token, 5m to 1d. Default: 1h.
    #[schemars(regex(pattern = r"^[0-9]+[smhd]$"))]
    pub id: At<Lifetime>,
    /// Refresh token, 1h to 3650d. Default: 30d.
    #[schemars(regex(pattern = r"^[0-9]+[smhd]$"))]
    pub refresh: At<Lifetime>,
    /// Whether a refresh gives a new refresh token and ends the old one. The application then refreshes with
    /// GetTokensFromRefreshToken or at the token endpoint, not with REFRESH_TOKEN_AUTH. Default: true for `spa`; what
    /// is set elsewhere stays for others.
    pub rotate: Option<At<bool>>,
    /// How long the old one is still good, so that a lost answer can be asked for again: 0s to 60s. Default: 10s.
    #[schemars(regex(pattern = r"^[0-9]+[smhd]$"))]
    pub retry_grace: Option<At<Lifetime>>,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            access: At::from(Lifetime::HOUR),
            id: At::from(Lifetime::HOUR),
            refresh: At::from(Lifetime::of_days(30)),
            rotate: None,
            retry_grace: None,
        }
    }
}

/// Where Cognito's own sign-in pages live.
// Either `prefix`, or `domain` and `certificate_arn`: a rule sees to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HostedUi {
    /// The pages live at `https://PREFIX.auth.REGION.amazoncognito.com`.
    #[schemars(regex(pattern = r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"))]
    pub prefix: Option<At<String>>,
    /// A host name of your own, such as `auth.acme.com`.
    pub domain: Option<At<String>>,
    /// An ACM certificate for it, in us-east-1.
    pub certificate_arn: Option<At<String>>,
}

impl HostedUi {
    /// What Cognito calls the domain: the prefix, or the whole host name.
    pub fn name(&self) -> &str {
        let name = self.prefix.as_ref().or(self.domain.as_ref());
        name.map_or("", |name| name.as_str())
    }
}

/// Roles and their permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// The role of a user nobody gave another. Default: member.
    pub default_role: At<String>,
    /// Permissions by role, as `resource:action`; either part may be `*`.
    pub roles: BTreeMap<Name, Vec<At<String>>>,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            default_role: At::from("member".to_owned()),
            roles: BTreeMap::new(),
        }
    }
}

impl Access {
    /// The permissions of a role; none for one that isn't there.
    pub fn permissions_of(&self, role: &str) -> Vec<String> {
        let permissions = self.roles.get(role).into_iter().flatten();
        permissions.map(ToString::to_string).collect()
    }
}

/// What tokens say of a user, beside the role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TokenClaims {
    /// Whether access tokens carry the permissions as OAuth scopes as well: `none` (the default) or
    /// `permissions`.
    pub scopes: TokenScopes,
    /// What tokens say of the user's domains: `names` (the default), or `roles`: the role in each of them as well, and what
    /// it permits. An API that serves several companies needs it: `role` and `permissions` don't say in which company.
    pub domains: TokenDomains,
    /// How many bytes of a token role, permissions and domains may take, 512 to 8192. What exceeds
    /// it is left out, and the token says so. Default: 4096.
    #[schemars(range(min = 512, max = 8192))]
    pub budget: At<u32>,
}

impl Default for TokenClaims {
    fn default() -> Self {
        Self {
            scopes: TokenScopes::None,
            domains: TokenDomains::Names,
            budget: At::from(DEFAULT_BUDGET as u32),
        }
    }
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

/// What tokens say of domains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenDomains {
    /// Which they are.
    #[default]
    Names,
    /// Which they are, the user's role in each, and what it permits.
    Roles,
}

/// A company whose users join it at sign-up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Domain {
    /// The role its users have in it. Default: `access.default_role`.
    pub role: At<String>,
}

/// Your own mail sender, through SES.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Email {
    /// The sender, such as `Acme <hello@acme.com>`.
    pub from: At<Sender>,
    /// The SES identity the sender belongs to: a domain, or an address.
    pub identity: At<String>,
    /// The email a confirmed user receives.
    pub welcome: Option<At<Welcome>>,
}

/// The email a confirmed user receives: an SES template, in which `{{name}}` stands for the user's
/// attribute `name`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Welcome {
    /// The subject line.
    pub subject: At<String>,
    /// The file with the HTML body.
    pub html: At<Body>,
    /// The file with the plain-text body.
    pub text: Option<At<Body>>,
    /// The same in other languages, by the user's attribute `locale`: a language such as `de`, or a
    /// language and a region such as `pt-BR`.
    pub locales: BTreeMap<Name, At<LocalWelcome>>,
}

/// The welcome email in another language.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LocalWelcome {
    /// The subject line.
    pub subject: At<String>,
    /// The file with the HTML body.
    pub html: At<Body>,
    /// The file with the plain-text body.
    pub text: Option<At<Body>>,
}

/// One email in one language, whose variables read `{{name}}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mail<'a> {
    /// The subject line.
    pub subject: &'a str,
    /// The HTML body.
    pub html: &'a str,
    /// The plain-text body.
    pub text: Option<&'a str>,
}

impl Welcome {
    /// The email in every language: first the one for everybody, then each variant with its language.
    pub fn mails(&self) -> impl Iterator<Item = (Option<&str>, Mail<'_>)> {
        let standard = mail(&self.subject, &self.html, self.text.as_ref());
        let variants = self.locales.iter().map(|(locale, variant)| {
            let LocalWelcome {
                subject,
                html,
                text,
            } = &**variant;
            (Some(locale.as_str()), mail(subject, html, text.as_ref()))
        });
        std::iter::once((None, standard)).chain(variants)
    }
}

fn mail<'a>(subject: &'a str, html: &'a Body, text: Option<&'a At<Body>>) -> Mail<'a> {
    Mail {
        subject,
        html: &html.contents,
        text: text.map(|text| text.contents.as_str()),
    }
}

/// A file by its path, and what stands in it: the body of an email, a provider's metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "String", into = "String")]
#[schemars(inline)]
pub struct Body {
    pub(super) path: String,
    pub(super) contents: String,
}

impl Body {
    /// What stands in the file.
    pub fn contents(&self) -> &str {
        &self.contents
    }
}

impl From<String> for Body {
    fn from(path: String) -> Self {
        Self {
            path,
            contents: String::new(),
        }
    }
}

impl From<Body> for String {
    fn from(body: Body) -> Self {
        body.path
    }
}

/// Marketing platforms that receive users who opted in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Marketing {
    /// The attribute that says a user opted in.
    pub opt_in: At<String>,
    /// A Mailchimp audience.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mailchimp: Option<At<Mailchimp>>,
    /// HubSpot contacts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hubspot: Option<At<Hubspot>>,
    /// A Beehiiv publication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beehiiv: Option<At<Beehiiv>>,
    /// A Kit (once ConvertKit) form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kit: Option<At<Kit>>,
    /// Any other receiver, by a signed request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<At<Webhook>>,
}

impl Marketing {
    /// The names of the secrets the platforms need.
    pub fn secrets(&self) -> BTreeSet<&str> {
        let Self {
            opt_in: _,
            mailchimp,
            hubspot,
            beehiiv,
            kit,
            webhook,
        } = self;
        [
            mailchimp.as_ref().map(|platform| &platform.api_key),
            hubspot.as_ref().map(|platform| &platform.token),
            beehiiv.as_ref().map(|platform| &platform.api_key),
            kit.as_ref().map(|platform| &platform.api_key),
            webhook.as_ref().map(|platform| &platform.secret),
        ]
        .into_iter()
        .flatten()
        .map(|secret| secret.name())
        .collect()
    }

    /// What confirmUser reads from its environment.
    pub fn settings(&self) -> marketing::Marketing {
        let Self {
            opt_in,
            mailchimp,
            hubspot,
            beehiiv,
            kit,
            webhook,
        } = self;
        marketing::Marketing {
            opt_in: opt_in.to_string(),
            platforms: marketing::Platforms {
                mailchimp: mailchimp.as_deref().map(Mailchimp::settings),
                hubspot: hubspot.as_deref().map(Hubspot::settings),
                beehiiv: beehiiv.as_deref().map(Beehiiv::settings),
                kit: kit.as_deref().map(Kit::settings),
                webhook: webhook.as_deref().map(Webhook::settings),
            },
        }
    }

    /// The settings as the environment carries them.
    pub fn settings_text(&self) -> String {
        // Strings, booleans, lists and string-keyed maps; none can fail.
        serde_json::to_string(&self.settings()).unwrap_or_default()
    }
}

fn secret_of(secret: &Secret) -> marketing::Secret {
    marketing::Secret(secret.name().to_owned())
}

fn texts(texts: &[At<String>]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn fields_of(fields: &BTreeMap<Name, At<String>>) -> BTreeMap<String, String> {
    let fields = fields.iter();
    fields
        .map(|(field, attribute)| (field.to_string(), attribute.to_string()))
        .collect()
}

/// A Mailchimp audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mailchimp {
    /// The audience's ID.
    pub list: At<String>,
    /// The API key, as `ssm:/name`.
    pub api_key: At<Secret>,
    /// Whether a user counts only after confirming in the platform's own mail. Default: true.
    pub double_opt_in: bool,
    /// Tags every user gets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<At<String>>,
    /// The platform's fields, each with the attribute that fills it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<Name, At<String>>,
    /// Another address of the platform's API: a regional host, a proxy, a test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<At<String>>,
}

impl Mailchimp {
    fn settings(&self) -> marketing::Mailchimp {
        let Self {
            list,
            api_key,
            double_opt_in,
            tags,
            fields,
            endpoint,
        } = self;
        marketing::Mailchimp {
            list: list.to_string(),
            api_key: secret_of(api_key),
            double_opt_in: Some(*double_opt_in),
            tags: texts(tags),
            fields: fields_of(fields),
            endpoint: endpoint.as_deref().cloned(),
        }
    }
}

impl Default for Mailchimp {
    fn default() -> Self {
        Self {
            list: At::default(),
            api_key: At::default(),
            double_opt_in: true,
            tags: Vec::new(),
            fields: BTreeMap::new(),
            endpoint: None,
        }
    }
}

/// HubSpot contacts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Hubspot {
    /// A private app's access token, as `ssm:/name`.
    pub token: At<Secret>,
    /// The platform's fields, each with the attribute that fills it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<Name, At<String>>,
    /// Another address of the platform's API: a regional host, a proxy, a test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<At<String>>,
}

impl Hubspot {
    fn settings(&self) -> marketing::Hubspot {
        let Self {
            token,
            fields,
            endpoint,
        } = self;
        marketing::Hubspot {
            token: secret_of(token),
            fields: fields_of(fields),
            endpoint: endpoint.as_deref().cloned(),
        }
    }
}

/// A Beehiiv publication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Beehiiv {
    /// The publication's ID, such as `pub_0f2c…`.
    pub publication: At<String>,
    /// The API key, as `ssm:/name`.
    pub api_key: At<Secret>,
    /// Whether a user counts only after confirming in the platform's own mail. Default: true.
    pub double_opt_in: bool,
    /// Tags every user gets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<At<String>>,
    /// The platform's fields, each with the attribute that fills it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<Name, At<String>>,
    /// Another address of the platform's API: a regional host, a proxy, a test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<At<String>>,
}

impl Beehiiv {
    fn settings(&self) -> marketing::Beehiiv {
        let Self {
            publication,
            api_key,
            double_opt_in,
            tags,
            fields,
            endpoint,
        } = self;
        marketing::Beehiiv {
            publication: publication.to_string(),
            api_key: secret_of(api_key),
            double_opt_in: Some(*double_opt_in),
            tags: texts(tags),
            fields: fields_of(fields),
            endpoint: endpoint.as_deref().cloned(),
        }
    }
}

impl Default for Beehiiv {
    fn default() -> Self {
        Self {
            publication: At::default(),
            api_key: At::default(),
            double_opt_in: true,
            tags: Vec::new(),
            fields: BTreeMap::new(),
            endpoint: None,
        }
    }
}

/// A Kit (once ConvertKit) form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Kit {
    /// The form's ID, in quotes.
    pub form: At<String>,
    /// The API key, as `ssm:/name`.
    pub api_key: At<Secret>,
    /// Whether a user counts only after confirming in the platform's own mail. Default: true.
    pub double_opt_in: bool,
    /// Tags every user gets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<At<String>>,
    /// The platform's fields, each with the attribute that fills it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<Name, At<String>>,
    /// Another address of the platform's API: a regional host, a proxy, a test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<At<String>>,
}

impl Kit {
    fn settings(&self) -> marketing::Kit {
        let Self {
            form,
            api_key,
            double_opt_in,
            tags,
            fields,
            endpoint,
        } = self;
        marketing::Kit {
            form: Some(form.to_string()),
            api_key: secret_of(api_key),
            double_opt_in: Some(*double_opt_in),
            tags: texts(tags),
            fields: fields_of(fields),
            endpoint: endpoint.as_deref().cloned(),
        }
    }
}

impl Default for Kit {
    fn default() -> Self {
        Self {
            form: At::default(),
            api_key: At::default(),
            double_opt_in: true,
            tags: Vec::new(),
            fields: BTreeMap::new(),
            endpoint: None,
        }
    }
}

/// A receiver of signed requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Webhook {
    /// Where the request goes; https.
    pub url: At<String>,
    /// What it is signed with, as `ssm:/name`.
    pub secret: At<Secret>,
}

impl Webhook {
    fn settings(&self) -> marketing::Webhook {
        let Self { url, secret } = self;
        marketing::Webhook {
            url: url.to_string(),
            secret: secret_of(secret),
        }
    }
}

/// Alarms for the two functions, and for the queue of what failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Alarms {
    /// The SNS topic that is told, by its ARN; it lives in the stage's region.
    pub topic: Option<At<String>>,
}

/// The two Lambda functions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Triggers {
    /// Runs once a user is confirmed. Default path: lambdas/confirm-user.
    pub confirm_user: Trigger,
    /// Runs before tokens are made. Default path: lambdas/generate-token.
    pub generate_token: Trigger,
}

/// One Lambda function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Trigger {
    /// The folder of its Rust crate, from the project file's folder.
    // Absolute once completed.
    pub path: At<PathBuf>,
    /// Memory in MB, 128 to 10240; processor time follows it. Default: 256.
    #[schemars(range(min = 128, max = 10240))]
    pub memory_mb: At<u32>,
    /// How long it may run, 1 to 5 seconds: Cognito waits no longer. Default: 5.
    #[schemars(range(min = 1, max = 5))]
    pub timeout_seconds: At<u32>,
    /// How long its logs are kept, one of CloudWatch's steps. Default: 30.
    pub log_retention_days: At<u32>,
}

impl Default for Trigger {
    fn default() -> Self {
        Self {
            path: At::default(),
            memory_mb: At::from(256),
            timeout_seconds: At::from(5),
            log_retention_days: At::from(30),
        }
    }
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
