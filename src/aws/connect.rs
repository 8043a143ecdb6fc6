//! How the tool comes to AWS: which settings count, over which way, with whose credentials.
//!
//! A variable or option that can't be what it says is an error here, before the first request. The SDK passes most of
//! them over with a line in a log that nobody reads, so that a deploy goes elsewhere than it was told to.

mod clock;
mod credentials;
mod http;
mod mfa;

use std::env;
use std::time::{Duration, SystemTime};

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::service_config::ServiceConfigKey;
use reqwest::Url;

pub(super) use self::clock::Clock;
pub use self::clock::{Greeting, uptime};
use self::credentials::{Choice, Remembered};
pub(crate) use self::http::download;
pub use self::http::{Proxy, has_exceptions, leads_here, proxy};
pub use self::mfa::AskCode;
use super::attempts;
use super::clients::Aws;
use super::trace::Calls;
use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::resource::Owner;

/// A text that is not shown.
#[derive(Clone)]
pub struct Hidden(pub String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// Which account, region and endpoint to talk to.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// A profile of the AWS configuration files.
    pub profile: Option<String>,
    /// The region.
    pub region: String,
    /// Another endpoint for every service: an emulator.
    pub endpoint_url: Option<String>,
    /// The access key ID to use with an emulator that takes any; it names the account there.
    pub emulated_account: Option<String>,
    /// The key to sign with there.
    pub emulated_secret: Option<Hidden>,
    /// Asks a person for the code of a second factor.
    pub ask_code: Option<AskCode>,
    /// Where every request sent is written down.
    pub calls: Calls,
}

/// The variable with another endpoint for every service.
const ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";
/// The switches of endpoints: their variables, and their keys in a profile.
const SWITCHES: [(&str, &str); 2] = [
    ("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
    ("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"),
];

/// The services we have clients of, as the SDK names their settings: a variable `AWS_ENDPOINT_URL_…` of the upper-case
/// name, and a key of a profile's `services`.
const SERVICES: [&str; 11] = [
    "CloudWatch",
    "CloudWatch Logs",
    "Cognito Identity Provider",
    "DynamoDB",
    "IAM",
    "Lambda",
    "Resource Groups Tagging API",
    "SESv2",
    "SNS",
    "SSM",
    "STS",
];

/// A way to AWS that is open: the settings are right, and there are credentials.
#[derive(Debug, Clone)]
pub struct Connection {
    config: SdkConfig,
    settings: Settings,
    expires: Option<SystemTime>,
}

impl Connection {
    /// Checks the settings and gets credentials. Sends nothing to the services a stage is made of; getting credentials
    /// may take requests, a helper's run, or a question.
    pub async fn open(settings: &Settings) -> Result<Self> {
        let mut settings = settings.clone();
        if let Some(url) = &settings.endpoint_url {
            check_endpoint(name_of(url), url)?;
        }
        let here = settings.endpoint_url.as_deref().is_some_and(leads_here);
        // What goes nowhere but to this machine needs no proxy, and has one address.
        if !here {
            proxy()?;
            for (name, _) in SWITCHES {
                check_switch(name, env::var(name).ok().as_deref())?;
            }
        }
        if !settings.endpoint_url.as_deref().is_some_and(is_said) {
            check_endpoints()?;
        }
        let choice = match &settings.emulated_account {
            Some(_) => None,
            None => Some(Choice::read(&settings).await?),
        };
        if let Some(choice) = choice.as_ref().filter(|_| !here) {
            for (_, key) in SWITCHES {
                check_switch(&format!("{key} of the AWS profile"), choice.setting(key))?;
            }
        }
        let config = load(&settings, here).await?;
        // A profile may name an emulator, too.
        settings.endpoint_url = config.endpoint_url().map(str::to_owned);
        check_services(&config)?;
        let (config, expires) = match (choice, &settings.emulated_account) {
            (Some(choice), _) => {
                let found = credentials::resolve(choice, &settings, &config).await?;
                with(config, found).await
            }
            (None, account) => {
                let account = account.as_deref().unwrap_or_default();
                let secret = settings.emulated_secret.as_ref();
                let secret = secret.map_or("local", |secret| &secret.0);
                let keys =
                    aws_sdk_sts::config::Credentials::new(account, secret, None, None, "local");
                let keys = aws_sdk_sts::config::SharedCredentialsProvider::new(keys);
                let config = config.into_builder().credentials_provider(keys).build();
                (config, None)
            }
        };
        Ok(Self {
            config,
            settings,
            expires,
        })
    }

    /// When the credentials end, if they say.
    pub fn expires(&self) -> Option<SystemTime> {
        self.expires
    }

    /// The endpoint in place of AWS's, when there is one.
    pub fn endpoint_url(&self) -> Option<&str> {
        self.settings.endpoint_url.as_deref()
    }

    /// The clients for a stage.
    pub fn to(&self, owner: Owner) -> Aws {
        Aws::from_config(&self.config, &self.settings, owner)
    }
}

async fn with(config: SdkConfig, found: Remembered) -> (SdkConfig, Option<SystemTime>) {
    // Just resolved: this asks nobody.
    let expires = found.get().await.ok().and_then(|held| held.expiry());
    let provider = aws_sdk_sts::config::SharedCredentialsProvider::new(found);
    let config = config.into_builder().credentials_provider(provider);
    (config.build(), expires)
}

impl Aws {
    /// Makes the clients, with credentials at hand.
    pub async fn connect(settings: &Settings, owner: Owner) -> Result<Self> {
        Ok(Connection::open(settings).await?.to(owner))
    }
}

async fn load(settings: &Settings, here: bool) -> Result<SdkConfig> {
    let client = SharedHttpClient::new(http::Routes::new()?);
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(settings.region.clone()))
        .http_client(client)
        .no_credentials()
        // Ours; left to the SDK, a variable such as `AWS_MAX_ATTEMPTS=0` would end the tool in a panic.
        .retry_config(attempts::settings())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(5))
                // CreateFunction carries the package; a slow line needs a while for it.
                .operation_attempt_timeout(Duration::from_secs(60))
                .build(),
        );
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if here {
        // AWS has them; what is on this machine has one address, and the SDK refuses such a setting beside it.
        loader = loader.use_fips(false).use_dual_stack(false);
    }
    // The variable is left to the SDK, where those of single services go before it. What is said goes before all.
    if let Some(url) = settings.endpoint_url.as_ref().filter(|url| is_said(url)) {
        loader = loader.endpoint_url(url);
    }
    Ok(loader.load().await)
}

/// Whether an endpoint was said, by an option or by the stage, rather than found in the environment.
fn is_said(url: &str) -> bool {
    !env::var(ENDPOINT_URL).is_ok_and(|set| set == url)
}

/// What an endpoint was given as.
fn name_of(url: &str) -> &'static str {
    match is_said(url) {
        true => "--endpoint-url",
        false => ENDPOINT_URL,
    }
}

/// Refuses what is no base of URLs. `name` is the option or variable it comes from.
fn check_endpoint(name: &str, value: &str) -> Result<()> {
    let wrong = |why: &str| {
        // It may hold a password; then it is not repeated.
        let shown = match value.contains('@') {
            true => String::new(),
            false => format!(": `{value}`"),
        };
        Error::new(ErrorKind::Usage, format!("`{name}` {why}{shown}"))
    };
    let looks_whole = value.starts_with("http://") || value.starts_with("https://");
    let url = match Url::parse(value) {
        Ok(url) if looks_whole && !value.contains(char::is_whitespace) => url,
        _ => {
            let error = wrong("is no URL of HTTP");
            let bare = value.trim();
            let hint = match Url::parse(&format!("http://{bare}")) {
                Ok(url)
                    if !bare.contains(":/")
                        && !bare.contains(['@', ' '])
                        && url.host().is_some() =>
                {
                    format!("write `http://{bare}`")
                }
                _ => "write it as `http://HOST:PORT`, or leave it out to use AWS".to_owned(),
            };
            return Err(error.with_hint(hint));
        }
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            wrong("has a name or password in it, which would be sent nowhere")
                .with_hint("take what stands before the `@` out"),
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has more than a path after its host")
            .with_hint("leave out what begins with `?` or `#`"));
    }
    Ok(())
}

/// The variables that lead requests elsewhere.
fn check_endpoints() -> Result<()> {
    for (name, value) in env::vars_os() {
        if let (Some(name), Some(value)) = (name.to_str(), value.to_str())
            && (name == ENDPOINT_URL || name.starts_with("AWS_ENDPOINT_URL_"))
        {
            check_endpoint(name, value)?;
        }
    }
    Ok(())
}

/// Refuses what is neither yes nor no. Requests to endpoints that somebody wanted to be others would be sent all the same.
fn check_switch(name: &str, value: Option<&str>) -> Result<()> {
    match value.map(str::trim) {
        None | Some("") => Ok(()),
        Some(value)
            if ["true", "false"]
                .iter()
                .any(|word| value.eq_ignore_ascii_case(word)) =>
        {
            Ok(())
        }
        Some(value) => Err(Error::new(
            ErrorKind::Usage,
            format!("`{name}` is neither true nor false: `{value}`"),
        )
        .with_hint("write `true` or `false`, or leave it out")),
    }
}

/// The endpoints that the profile names for single services.
fn check_services(config: &SdkConfig) -> Result<()> {
    if let Some(url) = config.endpoint_url() {
        check_endpoint("endpoint_url of the AWS profile", url)?;
    }
    let Some(services) = config.service_config() else {
        return Ok(());
    };
    for service in SERVICES {
        let key = ServiceConfigKey::builder()
            .service_id(service)
            .env(ENDPOINT_URL)
            .profile("endpoint_url")
            .build();
        let url = key.ok().and_then(|key| services.load_config(key));
        if let Some(url) = url {
            check_endpoint(&format!("endpoint_url of {service}"), &url)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_the_base_of_urls_or_an_error_that_says_how_to_write_it() {
        for right in [
            "http://127.0.0.1:4566",
            "http://127.0.0.1:4566/",
            "https://emulator.example.com/base",
            "http://[::1]:4566",
            "http://localhost",
        ] {
            check_endpoint("--endpoint-url", right).expect(right);
        }
        let table = [
            ("127.0.0.1:4566", "write `http://127.0.0.1:4566`"),
            ("localhost:4566", "write `http://localhost:4566`"),
            (" http://localhost", "write it as"),
            ("http://local host", "write it as"),
            ("http://", "write it as"),
            ("http:/localhost", "write it as"),
            ("ftp://localhost", "write it as"),
            ("http://localhost:port", "write it as"),
            ("x y", "write it as"),
            ("http://localhost/?a=b", "leave out"),
            ("http://localhost#a", "leave out"),
            ("http://ada:hush@localhost", "take what"),
        ];
        for (wrong, hint) in table {
            let error = check_endpoint("--endpoint-url", wrong).expect_err(wrong);
            assert_eq!(error.kind, ErrorKind::Usage, "{wrong}");
            assert!(error.hints[0].starts_with(hint), "{wrong}: {error:?}");
            assert!(!format!("{error:?}").contains("hush"), "{error:?}");
        }
    }

    #[test]
    fn a_switch_is_on_or_off() {
        for right in [None, Some(""), Some("true"), Some("FALSE"), Some(" True ")] {
            check_switch("AWS_USE_FIPS_ENDPOINT", right).expect("it is right");
        }
        for wrong in ["1", "yes", "on", "maybe"] {
            check_switch("AWS_USE_FIPS_ENDPOINT", Some(wrong)).expect_err(wrong);
        }
    }
}
