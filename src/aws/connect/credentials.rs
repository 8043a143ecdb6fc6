//! Whose credentials requests are signed with: found once per command, with an error that says in one line what is wrong
//! and how to cure it.
//!
//! The SDK looks for them (`DefaultCredentialsChain` of aws-config). Added here is what the AWS CLI does beyond that: a
//! profile named on the command line beats keys in the environment, half a pair of keys is an error and not silently
//! passed over, and roles that want a second factor ([`super::mfa`]).

use std::borrow::Cow;
use std::env;
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::profile::{self, ProfileFileCredentialsProvider, ProfileFileLoadError, ProfileSet};
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::SdkConfig;
use aws_types::os_shim_internal::{Env, Fs};
use tokio::sync::Mutex;

use super::Settings;
use super::mfa::MfaRoles;
use saasauth_model::error::{Error, ErrorKind, Result};

/// Credentials that end within this are got anew before they are handed out.
const MARGIN: Duration = Duration::from_secs(60);

/// What a person chose to sign requests with, as far as it can be known without asking anybody.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    /// The profile, when one was named.
    profile: Option<String>,
    /// How it was named.
    named_by: &'static str,
    /// Both key variables are set, and no profile on the command line beats them.
    keys: bool,
    sections: ProfileSet,
}

impl Choice {
    /// Reads variables and configuration files.
    pub(super) async fn read(settings: &Settings) -> Result<Self> {
        let variable = |name| env::var(name).ok().filter(|value| !value.trim().is_empty());
        let (profile, named_by) = match &settings.profile {
            Some(profile) => (Some(profile.clone()), "`--profile`"),
            None => (variable("AWS_PROFILE"), "`AWS_PROFILE`"),
        };
        let keys = settings.profile.is_none()
            && pair(
                variable("AWS_ACCESS_KEY_ID").is_some(),
                variable("AWS_SECRET_ACCESS_KEY").is_some(),
            )?;
        let chosen = profile.clone().map(Cow::Owned);
        let files = EnvConfigFiles::default();
        let loaded = profile::load(&Fs::real(), &Env::real(), &files, chosen).await;
        let sections = loaded.map_err(|error| unreadable(&error))?;
        let choice = Self {
            profile,
            named_by,
            keys,
            sections,
        };
        if !keys && let Some(name) = &choice.profile {
            choice.must_exist(name)?;
        }
        Ok(choice)
    }

    /// A setting of the chosen profile, or of the one named `default`.
    pub(super) fn setting(&self, key: &str) -> Option<&str> {
        self.sections.get(key)
    }

    fn must_exist(&self, name: &str) -> Result<()> {
        if self.sections.get_profile(name).is_some() {
            return Ok(());
        }
        let error = Error::new(
            ErrorKind::Usage,
            format!("there is no AWS profile `{name}`"),
        )
        .with_cause(format!(
            "{} names it, and neither `{}` nor `{}` has it",
            self.named_by,
            location("AWS_CONFIG_FILE", "~/.aws/config"),
            location("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
        ));
        let mut known: Vec<&str> = self.sections.profiles().collect();
        known.sort_unstable();
        let near = known
            .iter()
            .map(|other| (strsim::jaro_winkler(name, other), other))
            .filter(|(likeness, _)| *likeness > 0.8)
            .max_by(|left, right| left.0.total_cmp(&right.0));
        Err(match (near, known.is_empty()) {
            (Some((_, near)), _) => error.with_hint(format!("did you mean `--profile {near}`?")),
            (None, false) => error.with_hint(format!("choose one of {}", known.join(", "))),
            (None, true) => {
                error.with_hint(format!("make it: `aws configure sso --profile {name}`"))
            }
        })
    }

    /// The chosen profile, as messages call it.
    fn name(&self) -> &str {
        self.sections.selected_profile()
    }

    /// The options that choose this profile in the AWS CLI.
    fn option(&self, name: &str) -> String {
        match name {
            "default" => String::new(),
            name => format!(" --profile {name}"),
        }
    }

    /// The nearest profile, from the chosen one along `source_profile`, that has one of the keys.
    fn profile_with(&self, keys: &[&str]) -> Option<&str> {
        let mut name = self.name();
        // As many steps as there are profiles: a circle ends as well.
        for _ in self.sections.profiles() {
            let profile = self.sections.get_profile(name)?;
            if keys.iter().any(|key| profile.get(key).is_some()) {
                return Some(profile.name());
            }
            name = profile.get("source_profile")?;
        }
        None
    }
}

/// Whether both halves of a pair of keys are there.
fn pair(id: bool, secret: bool) -> Result<bool> {
    let (set, missing) = match (id, secret) {
        (true, true) => return Ok(true),
        (false, false) => return Ok(false),
        (true, false) => ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        (false, true) => ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
    };
    Err(Error::new(
        ErrorKind::Usage,
        format!("`{set}` is set without `{missing}`"),
    )
    .with_hint("set both, or unset it to use a profile"))
}

/// Where a configuration file is.
fn location(variable: &str, default: &str) -> String {
    let path = env::var(variable).ok().filter(|path| !path.is_empty());
    path.unwrap_or_else(|| default.to_owned())
}

/// A configuration file that can't be read. The SDK gives file, line and reason on two lines.
fn unreadable(error: &ProfileFileLoadError) -> Error {
    let text = error.source().map(ToString::to_string);
    let text = text.unwrap_or_else(|| error.to_string());
    let place = text.lines().next().unwrap_or_default();
    let place = place
        .trim_start_matches("error parsing ")
        .trim_end_matches(':');
    let message = format!("could not read the AWS configuration: {place}");
    let error = Error::new(ErrorKind::Usage, message);
    let error = match text.lines().nth(1) {
        Some(reason) => error.with_cause(reason.trim()),
        None => error,
    };
    error.with_hint("correct that line; it reads like `[profile NAME]` or `key = value`")
}

/// Gets credentials, and gives what hands them out from then on.
pub(super) async fn resolve(
    choice: Choice,
    settings: &Settings,
    config: &SdkConfig,
) -> Result<Remembered> {
    let provider = ProviderConfig::without_region()
        .with_region(config.region().cloned())
        .with_use_fips(config.use_fips())
        .with_use_dual_stack(config.use_dual_stack());
    let provider = match config.http_client() {
        Some(client) => provider.with_http_client(client),
        None => provider,
    };
    let source = match (&choice.profile, &settings.profile) {
        _ if choice.keys => default_chain(provider).await,
        _ if MfaRoles::are_in(&choice.sections) => SharedCredentialsProvider::new(MfaRoles {
            sections: choice.sections.clone(),
            provider,
            config: config.clone(),
            ask: settings.ask_code.clone(),
        }),
        // Named on the command line: nothing else may take its place.
        (Some(name), Some(_)) => SharedCredentialsProvider::new(
            ProfileFileCredentialsProvider::builder()
                .configure(&provider)
                .profile_name(name)
                .build(),
        ),
        _ => default_chain(provider).await,
    };
    let remembered = Remembered {
        source,
        held: Arc::default(),
    };
    let held = remembered.get().await;
    let held = held.map_err(|error| explain(&error, &choice))?;
    if held
        .expiry()
        .is_some_and(|expiry| expiry <= SystemTime::now())
    {
        return Err(
            no_credentials(format!("those of {} have expired", origin(&choice)))
                .with_hint(format!("sign in again{}", cure(&choice))),
        );
    }
    Ok(remembered)
}

async fn default_chain(provider: ProviderConfig) -> SharedCredentialsProvider {
    let chain = DefaultCredentialsChain::builder().configure(provider);
    SharedCredentialsProvider::new(chain.build().await)
}

/// Asks its source once for everybody: each of our clients has a cache of its own, and would run a helper or ask for a
/// code once more.
#[derive(Debug, Clone)]
pub(super) struct Remembered {
    source: SharedCredentialsProvider,
    held: Arc<Mutex<Option<Credentials>>>,
}

impl Remembered {
    /// What is held, unless it is about to end.
    pub(super) async fn get(&self) -> std::result::Result<Credentials, CredentialsError> {
        let mut held = self.held.lock().await;
        if let Some(credentials) = &*held
            && credentials
                .expiry()
                .is_none_or(|expiry| expiry > SystemTime::now() + MARGIN)
        {
            return Ok(credentials.clone());
        }
        let credentials = self.source.provide_credentials().await?;
        Ok(held.insert(credentials).clone())
    }
}

impl ProvideCredentials for Remembered {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.get())
    }
}

fn no_credentials(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Aws, format!("no AWS credentials: {why}"))
}

/// Where the credentials were to come from.
fn origin(choice: &Choice) -> String {
    match choice.sections.get_profile(choice.name()) {
        _ if choice.keys => "the environment".to_owned(),
        Some(profile) => format!("profile `{}`", profile.name()),
        None => "this machine's role".to_owned(),
    }
}

/// How to sign in again, as the end of a sentence.
fn cure(choice: &Choice) -> String {
    if let Some(name) = choice.profile_with(SSO) {
        return format!(": `aws sso login{}`", choice.option(name));
    }
    if let Some(name) = choice.profile_with(&["login_session"]) {
        return format!(": `aws login{}`", choice.option(name));
    }
    ", or choose others with `--profile`".to_owned()
}

/// Keys that only profiles of IAM Identity Center have.
const SSO: &[&str] = &["sso_session", "sso_start_url", "sso_account_id"];

/// What went wrong, by the words of the SDK: it has one error type for all of it, and no codes. `tests/it/credentials.rs`
/// brings about each of these with the real files and answers.
fn explain(error: &CredentialsError, choice: &Choice) -> Error {
    // An error of our own: a code that nobody could be asked for.
    let sources = || std::iter::successors(error.source(), |&error| error.source());
    if let Some(ours) = sources().find_map(|error| error.downcast_ref::<Error>()) {
        return ours.clone();
    }
    let texts: Vec<String> = std::iter::once(error.to_string())
        .chain(sources().map(ToString::to_string))
        .collect();
    let says = |words: &str| texts.iter().any(|text| text.contains(words));
    let root = texts.last().map(String::as_str).unwrap_or_default();
    let root = root.lines().next().unwrap_or_default().trim();
    let name = choice.name();

    if matches!(error, CredentialsError::CredentialsNotLoaded(_)) {
        return not_found(choice);
    }
    if says("Error retrieving credentials") {
        let text = texts
            .iter()
            .find(|text| text.contains("Error retrieving credentials"));
        return process_failed(text.map_or("", String::as_str), choice);
    }
    let unreachable = says("dispatch failure") || says("timed out") || says("timeout");
    if let Some(name) = choice.profile_with(&["login_session"])
        && !unreachable
        && !says("AssumeRole")
    {
        return no_credentials(format!("the login session of profile `{name}` is over"))
            .with_hint(format!("sign in again: `aws login{}`", choice.option(name)));
    }
    if let Some(name) = choice.profile_with(SSO)
        && (says("SSO") || says("UnauthorizedException") || says("Session token"))
    {
        let over = says("expired") || says("UnauthorizedException");
        let why = if over {
            format!("the SSO session of profile `{name}` has expired")
        } else if says("cached SSO token") || says("No such file") {
            format!("nobody is signed in to the SSO session of profile `{name}`")
        } else {
            format!("the SSO session of profile `{name}` can't be used: {root}")
        };
        return no_credentials(why)
            .with_hint(format!("sign in: `aws sso login{}`", choice.option(name)));
    }
    if says("MultiFactorAuthentication") {
        return no_credentials("AWS did not accept the code of the second factor")
            .with_cause(root)
            .with_hint("wait for the next code, which is good once, and run the command again");
    }
    for code in [
        "ExpiredToken",
        "InvalidIdentityToken",
        "IDPCommunicationError",
    ] {
        if says(code) {
            return no_credentials(format!("those of {} are no longer good", origin(choice)))
                .with_cause(root)
                .with_hint(format!("sign in again{}", cure(choice)));
        }
    }
    if says("AccessDenied") {
        return no_credentials(format!("{} may not take its role", origin(choice)))
            .with_cause(root)
            .with_hint(
                "let the role's trust policy allow it, and the caller's policy `sts:AssumeRole`",
            );
    }
    if unreachable || says("connect") {
        return no_credentials("who hands them out can't be reached")
            .with_cause(root)
            .with_hint("check the network, and the proxy in `HTTPS_PROXY` if there is one");
    }
    let error = no_credentials(format!("{} can't be used", origin(choice))).with_cause(root);
    error.with_hint(match choice.sections.get_profile(name) {
        Some(_) if !choice.keys => {
            format!("correct the profile `{name}`, or choose another with `--profile`")
        }
        _ => "choose a profile with `--profile`".to_owned(),
    })
}

fn not_found(choice: &Choice) -> Error {
    match &choice.profile {
        Some(name) => no_credentials(format!("profile `{name}` has none")).with_hint(format!(
            "give it some: `aws configure sso --profile {name}`, or `aws login --profile {name}`"
        )),
        None => no_credentials(
            "there are none in the environment, the profiles, or this machine's role",
        )
        .with_hint(
            "sign in with `aws login` or `aws sso login`, or choose a profile with `--profile`",
        )
        .with_hint("`--stage local` needs no account"),
    }
}

/// What a helper that was to print credentials said. Its command line may hold secrets, and what it printed does.
fn process_failed(text: &str, choice: &Choice) -> Error {
    let name = choice
        .profile_with(&["credential_process"])
        .unwrap_or_else(|| choice.name());
    let error = no_credentials(format!(
        "the `credential_process` of profile `{name}` gave none"
    ));
    let error = match text.split_once("Stderr: ") {
        Some((_, said)) => {
            let said = said.lines().map(str::trim).find(|line| !line.is_empty());
            error.with_cause(match said {
                Some(line) => format!("it said: {line}"),
                None => "it failed and said nothing".to_owned(),
            })
        }
        None => error.with_cause("it printed no credentials in the format of version 1"),
    };
    error.with_hint(format!(
        "run it yourself: `aws configure get credential_process{}` shows it",
        choice.option(name)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_pair_of_keys_is_told() {
        assert!(pair(true, true).expect("both"));
        assert!(!pair(false, false).expect("neither"));
        let error = pair(true, false).expect_err("half");
        assert_eq!(
            error.message,
            "`AWS_ACCESS_KEY_ID` is set without `AWS_SECRET_ACCESS_KEY`"
        );
        assert!(pair(false, true).is_err());
    }

    #[tokio::test]
    async fn one_source_is_asked_once_by_all_and_again_near_the_end() {
        #[derive(Debug)]
        struct Counting(std::sync::atomic::AtomicU32, Duration);
        impl ProvideCredentials for Counting {
            fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
            where
                Self: 'a,
            {
                let count = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let end = SystemTime::now() + self.1;
                let credentials =
                    Credentials::new(format!("K{count}"), "s", None, Some(end), "test");
                future::ProvideCredentials::ready(Ok(credentials))
            }
        }
        let remembered = |lives| Remembered {
            source: SharedCredentialsProvider::new(Counting(0.into(), lives)),
            held: Arc::default(),
        };
        let lasting = remembered(MARGIN * 2);
        let (first, second) = tokio::join!(lasting.get(), lasting.get());
        assert_eq!(first.expect("given"), second.expect("given"));
        let ending = remembered(MARGIN / 2);
        let (first, second) = tokio::join!(ending.get(), ending.get());
        assert_ne!(first.expect("given"), second.expect("given"));
    }
}
