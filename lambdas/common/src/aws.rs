//! How the triggers reach AWS: the settings every client shares, built once at the start.
//!
//! The general loader of profiles, sign-on and instance metadata is left out. A Lambda function finds
//! its credentials and region in its environment, and each client compiled in lengthens the cold start.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::BehaviorVersion;
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::failure::{Setup, required};

/// Cognito waits five seconds for a trigger, whatever it does. Two reads or writes in sequence, each
/// with a retry, must leave room in it.
const OPERATION: Duration = Duration::from_millis(2000);
/// Long enough for a TLS handshake on a small function's share of a processor, short enough to retry.
const ATTEMPT: Duration = Duration::from_millis(1200);

/// The settings in a function's environment: `AWS_REGION`, the credentials Lambda provides, and
/// `AWS_ENDPOINT_URL` when something other than AWS answers.
pub fn sdk_config(lookup: &impl Fn(&str) -> Option<String>) -> Result<SdkConfig, Setup> {
    // The variables stay as they are for the life of the process, which Lambda ends before they expire.
    let credentials = Credentials::new(
        required(lookup, "AWS_ACCESS_KEY_ID")?,
        required(lookup, "AWS_SECRET_ACCESS_KEY")?,
        lookup("AWS_SESSION_TOKEN"),
        None,
        "lambda environment",
    );
    let endpoint = lookup("AWS_ENDPOINT_URL");
    // An emulator on plain HTTP needs no certificates, and may run where there are none.
    let http_client = match &endpoint {
        Some(url) if url.starts_with("http://") => Builder::new().build_http(),
        _ => Builder::new()
            .tls_provider(tls::Provider::Rustls(
                tls::rustls_provider::CryptoMode::Ring,
            ))
            .build_https(),
    };
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(required(lookup, "AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .timeout_config(
            TimeoutConfig::builder()
                .operation_timeout(OPERATION)
                .operation_attempt_timeout(ATTEMPT)
                .build(),
        )
        .http_client(http_client);
    config.set_endpoint_url(endpoint);
    Ok(config.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        match name {
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
            "AWS_REGION" => Some("eu-west-1".to_owned()),
            "AWS_ENDPOINT_URL" => Some("http://127.0.0.1:4566".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn region_and_endpoint_come_from_the_environment() {
        let config = sdk_config(&environment).expect("the environment is whole");
        assert_eq!(config.region().map(Region::as_ref), Some("eu-west-1"));
        assert_eq!(config.endpoint_url(), Some("http://127.0.0.1:4566"));
    }

    #[test]
    fn a_missing_variable_is_named() {
        let without_region = |name: &str| environment(name).filter(|_| name != "AWS_REGION");
        let error = sdk_config(&without_region).expect_err("the region is missing");
        assert_eq!(
            error.to_string(),
            "the environment variable `AWS_REGION` is not set"
        );
    }
}
