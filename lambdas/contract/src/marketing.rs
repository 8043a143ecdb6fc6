//! The settings of the marketing platforms, as the tool writes them into confirmUser's environment (as
//! JSON) and confirmUser reads them there.
//!
//! What is left out has the meaning its field says; so that a variable of 4 KB has room for all, the tool
//! leaves out what says nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::delivery::{BEEHIIV, HUBSPOT, KIT, MAILCHIMP, WEBHOOK};

/// The name of an SSM SecureString, such as `/acme/mailchimp-key`; never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

/// Which platforms are told, of whom. Who reads them one by one, so that one that makes no sense spares
/// the others, has another type for `Platforms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marketing<P = Platforms> {
    /// The attribute that says so; a boolean, or a string `true`.
    pub opt_in: String,
    /// Where they go, by the names of their deliveries.
    pub platforms: P,
}

/// The platforms in use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailchimp {
    /// The audience's ID.
    pub list: String,
    /// The API key.
    pub api_key: Secret,
    /// Whether a user counts only after confirming in the platform's own mail. Absent: at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub double_opt_in: Option<bool>,
    /// Tags every user gets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The platform's fields, each with the attribute (as the file names it) that fills it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Another address of the platform's API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// HubSpot contacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hubspot {
    /// A private app's access token.
    pub token: Secret,
    /// The platform's fields, each with the attribute (as the file names it) that fills it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Another address of the platform's API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// A Beehiiv publication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beehiiv {
    /// The publication's ID.
    pub publication: String,
    /// The API key.
    pub api_key: Secret,
    /// Whether a user counts only after confirming in the platform's own mail. Absent: as the publication
    /// is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub double_opt_in: Option<bool>,
    /// Tags every user gets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The platform's fields, each with the attribute (as the file names it) that fills it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Another address of the platform's API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// A Kit (once ConvertKit) form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kit {
    /// The form's ID. Absent: users become subscribers without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<String>,
    /// The API key.
    pub api_key: Secret,
    /// Whether a user counts only after confirming in the platform's own mail. Absent: as the form is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub double_opt_in: Option<bool>,
    /// Tags every user gets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The platform's fields, each with the attribute (as the file names it) that fills it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Another address of the platform's API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// A receiver of signed requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Where the request goes.
    pub url: String,
    /// What it is signed with.
    pub secret: Secret,
}

impl Platforms {
    /// The name of each platform's delivery, and of the secret it needs, of those in use.
    pub fn in_use(&self) -> impl Iterator<Item = (&'static str, &Secret)> {
        let Self {
            mailchimp,
            hubspot,
            beehiiv,
            kit,
            webhook,
        } = self;
        let secrets = [
            (
                MAILCHIMP,
                mailchimp.as_ref().map(|platform| &platform.api_key),
            ),
            (HUBSPOT, hubspot.as_ref().map(|platform| &platform.token)),
            (BEEHIIV, beehiiv.as_ref().map(|platform| &platform.api_key)),
            (KIT, kit.as_ref().map(|platform| &platform.api_key)),
            (WEBHOOK, webhook.as_ref().map(|platform| &platform.secret)),
        ];
        secrets
            .into_iter()
            .filter_map(|(name, secret)| Some((name, secret?)))
    }
}

impl Marketing {
    /// The names of the secrets the platforms need.
    pub fn secrets(&self) -> BTreeSet<&str> {
        let secrets = self.platforms.in_use();
        secrets.map(|(_, secret)| secret.0.as_str()).collect()
    }
}
