//! What the deployment tells the function, in environment variables.

use lambda_runtime::Error;
use saasauth_contract::environment::{self, Tables, WelcomeMail};
use saasauth_contract::federation::ProviderDomains;
use saasauth_contract::marketing;
use serde_json::{Map, Value};

use super::platform::Platform;
use crate::process::FUNCTION_NAME;

/// The function's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The tables.
    pub tables: Tables,
    /// This function, to hand deliveries to. Lambda says so.
    pub function: Option<String>,
    /// Absent when the project sends no welcome mail.
    pub welcome: Option<WelcomeMail>,
    /// Absent when the project tells no marketing platform.
    pub marketing: Option<Marketing>,
    /// Whose addresses the companies' identity providers may vouch for.
    pub provider_domains: ProviderDomains,
}

/// Which platforms are told, of whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marketing {
    /// The attribute that must be `true`.
    pub opt_in: String,
    /// The platforms.
    pub platforms: Vec<Platform>,
    /// What the settings hold that this function can make nothing of. A sign-up is worth more than a
    /// newsletter, so it is reported and passed over.
    pub ignored: Vec<String>,
}

impl Settings {
    /// Reads the settings; `lookup` answers for one variable.
    ///
    /// # Errors
    /// When a variable is missing or makes no sense.
    pub fn from_variables(lookup: &impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let environment::ConfirmUser {
            tables,
            welcome,
            marketing,
            provider_domains,
        } = environment::ConfirmUser::from_vars(lookup)?;
        Ok(Self {
            tables,
            function: lookup(FUNCTION_NAME),
            welcome,
            marketing: marketing.map(|text| Marketing::from_json(&text)),
            provider_domains,
        })
    }
}

impl Marketing {
    /// Reads [`marketing::Marketing`], one platform after the other.
    pub fn from_json(text: &str) -> Self {
        let read: Result<marketing::Marketing<Map<String, Value>>, _> = serde_json::from_str(text);
        let Ok(marketing::Marketing { opt_in, platforms }) = read else {
            return Self {
                opt_in: String::new(),
                platforms: Vec::new(),
                ignored: vec!["all of them".to_owned()],
            };
        };
        let mut marketing = Self {
            opt_in,
            platforms: Vec::new(),
            ignored: Vec::new(),
        };
        for (name, settings) in platforms {
            match Platform::from_json(&name, settings) {
                Some(platform) => marketing.platforms.push(platform),
                None => marketing.ignored.push(name),
            }
        }
        marketing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_platform_is_read() {
        let marketing = Marketing::from_json(
            r#"{"opt_in":"marketing_opt_in","platforms":{
                "mailchimp":{"list":"a1","api_key":"/acme/mailchimp-key","double_opt_in":true,
                             "tags":["signup"],"fields":{"FNAME":"name"},"endpoint":null},
                "hubspot":{"token":"/h","fields":{},"endpoint":null},
                "beehiiv":{"publication":"pub_1","api_key":"/b"},
                "kit":{"form":"7","api_key":"/k","double_opt_in":false},
                "webhook":{"url":"https://example.com/hook","secret":"/w"}}}"#,
        );
        assert_eq!(marketing.opt_in, "marketing_opt_in");
        assert_eq!(marketing.ignored, [""; 0]);
        let mut names: Vec<_> = marketing.platforms.iter().map(Platform::name).collect();
        names.sort_unstable();
        assert_eq!(names, ["beehiiv", "hubspot", "kit", "mailchimp", "webhook"]);
    }

    #[test]
    fn what_is_not_understood_stops_no_sign_up() {
        let marketing = Marketing::from_json(
            r#"{"opt_in":"m","platforms":{"pigeon":{},"hubspot":{},"webhook":{"url":"u","secret":"s"}}}"#,
        );
        assert_eq!(marketing.platforms.len(), 1);
        let mut ignored = marketing.ignored;
        ignored.sort_unstable();
        assert_eq!(ignored, ["hubspot", "pigeon"]);
        assert_eq!(Marketing::from_json("{").ignored, ["all of them"]);
    }
}
