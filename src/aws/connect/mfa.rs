//! Roles that want a second factor: profiles with `mfa_serial`. The SDK for Rust leaves them to us.
//!
//! The code is asked for where a person can answer, sent to STS once, and forgotten. The credentials it brings stay in
//! this process: nothing is written to the AWS CLI's cache, and nothing is read from it.

use std::fmt;
use std::sync::Arc;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::profile::{Profile, ProfileFileCredentialsProvider, ProfileSet};
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_types::SdkConfig;
use futures::future::BoxFuture;

use saasauth_model::error::{Error, ErrorKind, Result};

/// How a session is called in AWS's logs when the profile doesn't say.
const SESSION: &str = "saasauth";

/// Asks a person for the code that a device shows now; given the device's serial number or ARN.
#[derive(Clone)]
pub struct AskCode(Arc<Ask>);

type Ask = dyn Fn(String) -> BoxFuture<'static, Result<String>> + Send + Sync;

impl AskCode {
    /// Wraps the question.
    pub fn new(
        ask: impl Fn(String) -> BoxFuture<'static, Result<String>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(ask))
    }
}

impl fmt::Debug for AskCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AskCode")
    }
}

/// The chosen profile, when it or one that it stands on takes a role with a second factor.
#[derive(Debug)]
pub(super) struct MfaRoles {
    pub(super) sections: ProfileSet,
    pub(super) provider: ProviderConfig,
    pub(super) config: SdkConfig,
    pub(super) ask: Option<AskCode>,
}

type Got = std::result::Result<Credentials, CredentialsError>;

impl MfaRoles {
    /// Whether the chosen profile needs this.
    pub(super) fn are_in(sections: &ProfileSet) -> bool {
        let mut name = sections.selected_profile();
        // As many steps as there are profiles: a circle ends as well.
        for _ in sections.profiles() {
            let Some(profile) = sections.get_profile(name) else {
                return false;
            };
            if takes_a_role(profile) && profile.get("mfa_serial").is_some() {
                return true;
            }
            match profile.get("source_profile") {
                Some(source) if takes_a_role(profile) => name = source,
                _ => return false,
            }
        }
        false
    }

    /// Credentials of a profile: those of what it stands on first, then its role's.
    async fn credentials(&self) -> Got {
        // The roles to take, the chosen profile's first, down to one that has credentials by itself.
        let mut roles: Vec<&Profile> = Vec::new();
        let mut name = self.sections.selected_profile();
        let mut credentials = loop {
            let profile = self.sections.get_profile(name).ok_or_else(|| {
                wrong(format!(
                    "there is no AWS profile `{name}`, a `source_profile`"
                ))
            })?;
            // As the SDK does: a profile that is only stood on is asked for its keys first.
            if !roles.is_empty()
                && let Some(keys) = keys(profile)
            {
                break keys;
            }
            if !takes_a_role(profile) {
                let own = ProfileFileCredentialsProvider::builder()
                    .configure(&self.provider)
                    .profile_name(name)
                    .build();
                break own.provide_credentials().await?;
            }
            if roles.iter().any(|role| role.name() == name) {
                return Err(wrong(format!(
                    "profile `{name}` stands on itself, by `source_profile`"
                )));
            }
            roles.push(profile);
            match (
                profile.get("source_profile"),
                profile.get("credential_source"),
            ) {
                (Some(source), None) if source == name => {
                    break keys(profile).ok_or_else(|| {
                        wrong(format!("profile `{name}` has no keys of its own"))
                    })?;
                }
                (Some(source), None) => name = source,
                (None, Some(source)) => break self.named(name, source).await?,
                _ => {
                    return Err(wrong(format!(
                        "profile `{name}` must have one of `source_profile` and `credential_source`"
                    )));
                }
            }
        };
        for role in roles.into_iter().rev() {
            credentials = self.take(role, credentials).await?;
        }
        Ok(credentials)
    }

    /// What `credential_source` names.
    async fn named(&self, profile: &str, source: &str) -> Got {
        let provider = &self.provider;
        match source {
            "Environment" => {
                EnvironmentVariableCredentialsProvider::new()
                    .provide_credentials()
                    .await
            }
            "Ec2InstanceMetadata" => {
                let machine = ImdsCredentialsProvider::builder()
                    .configure(provider)
                    .build();
                machine.provide_credentials().await
            }
            "EcsContainer" => {
                let container = EcsCredentialsProvider::builder()
                    .configure(provider)
                    .build();
                container.provide_credentials().await
            }
            _ => Err(wrong(format!(
                "profile `{profile}` has the `credential_source` `{source}`, which is none of Environment, Ec2InstanceMetadata and EcsContainer"
            ))),
        }
    }

    /// Takes a role.
    async fn take(&self, role: &Profile, credentials: Credentials) -> Got {
        let config = aws_sdk_sts::config::Builder::from(&self.config)
            .credentials_provider(credentials)
            .build();
        let mut request = aws_sdk_sts::Client::from_conf(config)
            .assume_role()
            .set_role_arn(role.get("role_arn").map(str::to_owned))
            .role_session_name(role.get("role_session_name").unwrap_or(SESSION))
            .set_external_id(role.get("external_id").map(str::to_owned));
        if let Some(seconds) = role.get("duration_seconds") {
            let seconds = seconds.trim().parse().map_err(|_| {
                wrong(format!(
                    "`duration_seconds` of profile `{}` is no number",
                    role.name()
                ))
            })?;
            request = request.duration_seconds(seconds);
        }
        if let Some(serial) = role.get("mfa_serial") {
            let code = self.code(role.name(), serial).await;
            request = request
                .serial_number(serial)
                .token_code(code.map_err(CredentialsError::provider_error)?);
        }
        let answer = request
            .send()
            .await
            .map_err(CredentialsError::provider_error)?;
        let made = answer
            .credentials()
            .ok_or_else(|| CredentialsError::unhandled("STS answered without credentials"))?;
        let expiry = (*made.expiration())
            .try_into()
            .map_err(CredentialsError::unhandled)?;
        Ok(Credentials::new(
            made.access_key_id(),
            made.secret_access_key(),
            Some(made.session_token().to_owned()),
            Some(expiry),
            SESSION,
        ))
    }

    async fn code(&self, profile: &str, serial: &str) -> Result<String> {
        let Some(AskCode(ask)) = &self.ask else {
            return Err(Error::refused(format!(
                "profile `{profile}` wants a code of `{serial}`, and nobody can be asked"
            )));
        };
        let code = ask(serial.to_owned()).await?;
        // STS takes six digits and nothing else (AssumeRole, TokenCode).
        match code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()) {
            true => Ok(code),
            false => Err(
                Error::new(ErrorKind::Usage, "a code of a second factor has six digits")
                    .with_hint("run the command again"),
            ),
        }
    }
}

impl ProvideCredentials for MfaRoles {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

/// As the SDK reads profiles: one with a token file has a role that needs no other credentials.
fn takes_a_role(profile: &Profile) -> bool {
    profile.get("role_arn").is_some() && profile.get("web_identity_token_file").is_none()
}

fn keys(profile: &Profile) -> Option<Credentials> {
    Some(Credentials::new(
        profile.get("aws_access_key_id")?,
        profile.get("aws_secret_access_key")?,
        profile.get("aws_session_token").map(str::to_owned),
        None,
        "profile",
    ))
}

/// A mistake in the profiles.
fn wrong(message: String) -> CredentialsError {
    let error = Error::new(ErrorKind::Usage, message);
    CredentialsError::provider_error(error.with_hint("correct it in `~/.aws/config`"))
}
