//! How the triggers reach AWS: the settings every client shares, built once at the start.
//!
//! The general loader of profiles, sign-on and instance metadata is left out. A Lambda function finds
//! its credentials and region in its environment, and each client compiled in lengthens the cold start.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::BehaviorVersion;
use aws_sdk_dynamodb::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::http_client_fn;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use futures_util::FutureExt as _;
use lambda_runtime::Error;

use crate::http::{Answer, Http, Unanswered};

/// Cognito waits five seconds for a trigger, whatever it does. Two reads or writes in sequence, each
/// with a retry, must leave room in it.
const OPERATION: Duration = Duration::from_millis(2000);
/// Long enough for a TLS handshake on a small function's share of a processor, short enough to retry.
const ATTEMPT: Duration = Duration::from_millis(1200);

/// How often a request is sent, within [`OPERATION`]: when a third of them is throttled, one operation in 700
/// fails, and not one in 27.
const ATTEMPTS: u32 = 6;
/// The first pause between them; each is up to twice as long as the one before. DynamoDB answers in
/// milliseconds, so the SDK's usual second would be most of what Cognito waits for.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// How this function reaches AWS.
#[derive(Debug, Clone)]
pub struct Aws {
    /// For the SDK clients.
    pub config: SdkConfig,
    /// For AWS requests too small to deserve an SDK crate.
    pub signed: Signed,
    /// For requests to anybody else.
    pub http: Http,
}

impl Aws {
    /// What a function's environment says: `AWS_REGION`, the credentials Lambda provides, and
    /// `AWS_ENDPOINT_URL` when something other than AWS answers. `tls_beyond_aws` when others are asked
    /// over HTTPS.
    ///
    /// # Errors
    /// When a variable is missing.
    pub fn from_variables(
        lookup: &impl Fn(&str) -> Option<String>,
        tls_beyond_aws: bool,
    ) -> Result<Self, Error> {
        let required = |name: &str| {
            lookup(name).ok_or_else(|| format!("the environment variable `{name}` is not set"))
        };
        // The variables stay as they are for the life of the process, which Lambda ends before they expire.
        let credentials = Credentials::new(
            required("AWS_ACCESS_KEY_ID")?,
            required("AWS_SECRET_ACCESS_KEY")?,
            lookup("AWS_SESSION_TOKEN"),
            None,
            "lambda environment",
        );
        let region = required("AWS_REGION")?;
        let endpoint = lookup("AWS_ENDPOINT_URL");
        // An emulator on plain HTTP needs no certificates, and may run where there are none.
        let plain = endpoint
            .as_deref()
            .is_some_and(|url| url.starts_with("http://"));
        let http = Http::new(tls_beyond_aws || !plain);
        let connector = http.connector();
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(credentials.clone()))
            // Not the adaptive mode: it holds every request back for one that was throttled.
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(ATTEMPTS)
                    .with_initial_backoff(PAUSE)
                    .with_max_backoff(LONGEST_PAUSE),
            )
            .timeout_config(
                TimeoutConfig::builder()
                    .operation_timeout(OPERATION)
                    .operation_attempt_timeout(ATTEMPT)
                    .build(),
            )
            .http_client(http_client_fn(move |_, _| connector.clone()));
        config.set_endpoint_url(endpoint.clone());
        let signed = Signed {
            http: http.clone(),
            credentials,
            region,
            endpoint,
        };
        Ok(Self {
            config: config.build(),
            signed,
            http,
        })
    }
}

/// Sends AWS requests signed by hand (Signature Version 4).
#[derive(Debug, Clone)]
pub struct Signed {
    http: Http,
    credentials: Credentials,
    region: String,
    endpoint: Option<String>,
}

impl Signed {
    /// Posts a body to a service of the function's region. An answer of failure is not tried again.
    pub async fn post(
        &self,
        service: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
        within: Duration,
    ) -> Result<Answer, Unanswered> {
        let request = self
            .signed(service, path, headers, body, SystemTime::now())
            .ok_or(Unanswered::Impossible)?;
        self.http.send(request, within).await
    }

    fn signed(
        &self,
        service: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
        at: SystemTime,
    ) -> Option<http::Request<Vec<u8>>> {
        let base = match &self.endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://{service}.{}", domain(&self.region)),
        };
        let mut request = http::Request::post(format!("{base}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body.into_bytes()).ok()?;

        let identity = self.credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(at)
            .settings(SigningSettings::default())
            .build()
            .ok()?
            .into();
        let uri = request.uri().to_string();
        let signable = SignableRequest::new(
            "POST",
            &uri,
            headers.iter().copied(),
            SignableBody::Bytes(request.body()),
        )
        .ok()?;
        let (instructions, _) = sign(signable, &parameters).ok()?.into_parts();
        instructions.apply_to_request_http1x(&mut request);
        Some(request)
    }
}

/// The region and the domain of its partition, as they end every host there: `eu-west-1.amazonaws.com`. The SDK has AWS's
/// list of partitions and keeps it to itself, but tells where DynamoDB is.
fn domain(region: &str) -> String {
    let params = Params::builder().region(region).build();
    let found = params.ok().and_then(|params| {
        // The rules are in the SDK: there is nothing to wait for.
        let resolver = DefaultResolver::new();
        let endpoint = resolver.resolve_endpoint(&params).now_or_never()?.ok()?;
        let domain = endpoint.url().strip_prefix("https://dynamodb.")?;
        Some(domain.trim_end_matches('/').to_owned())
    });
    found.unwrap_or_else(|| format!("{region}.amazonaws.com"))
}

/// The error code of a refused JSON request, such as `ThrottlingException`; empty when there is none.
pub(crate) fn error_code(answer: &Answer) -> String {
    let body = answer.json().unwrap_or_default();
    let code = ["__type", "code", "Code", "Type"]
        .iter()
        .find_map(|name| body.get(name)?.as_str())
        .unwrap_or_default();
    // Some services put a namespace before it.
    code.rsplit('#').next().unwrap_or_default().to_owned()
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
        let config = Aws::from_variables(&environment, false)
            .expect("the environment is whole")
            .config;
        assert_eq!(config.region().map(Region::as_ref), Some("eu-west-1"));
        assert_eq!(config.endpoint_url(), Some("http://127.0.0.1:4566"));
    }

    #[test]
    fn a_missing_variable_is_named() {
        let without_region = |name: &str| environment(name).filter(|_| name != "AWS_REGION");
        let error = Aws::from_variables(&without_region, false).expect_err("the region is missing");
        assert_eq!(
            error.to_string(),
            "the environment variable `AWS_REGION` is not set"
        );
    }

    #[test]
    fn each_partition_has_a_domain_of_its_own() {
        for (region, expected) in [
            ("eu-west-1", "eu-west-1.amazonaws.com"),
            ("us-gov-west-1", "us-gov-west-1.amazonaws.com"),
            ("cn-north-1", "cn-north-1.amazonaws.com.cn"),
            ("eusc-de-east-1", "eusc-de-east-1.amazonaws.eu"),
            ("us-iso-east-1", "us-iso-east-1.c2s.ic.gov"),
        ] {
            assert_eq!(domain(region), expected);
        }
    }

    #[test]
    fn a_request_is_signed_for_its_service_and_region() {
        let without_endpoint =
            |name: &str| environment(name).filter(|_| name != "AWS_ENDPOINT_URL");
        let aws = Aws::from_variables(&without_endpoint, true).expect("the environment is whole");
        let request = aws
            .signed
            .signed("ssm", "/", &[], "{}".to_owned(), SystemTime::UNIX_EPOCH)
            .expect("it can be signed");
        assert_eq!(
            request.uri().to_string(),
            "https://ssm.eu-west-1.amazonaws.com/"
        );
        let authorization = request.headers()["authorization"]
            .to_str()
            .expect("it is text");
        assert!(
            authorization.contains("Credential=test/19700101/eu-west-1/ssm/aws4_request"),
            "{authorization}"
        );
    }
}
