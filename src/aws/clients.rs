//! The SDK clients of one command, all counted, all for one account and region.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use tokio::sync::OnceCell;

use super::attempts::{self, AnyError, Attempts};
use super::classify::Result;
use super::trace::Calls;
use saasauth_model::resource::{LogicalId, Owner};

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
    /// Where every request sent is written down.
    pub calls: Calls,
}

/// The deployment package of one function.
#[derive(Debug, Clone)]
pub struct Package {
    /// The zip.
    pub zip: Vec<u8>,
    /// Base64 of its SHA-256: what Lambda calls `CodeSha256`.
    pub digest: String,
}

/// AWS, for one stage. Remembers nothing of what it read but who it is to AWS, which these credentials
/// decide: what a call returns depends on AWS alone, never on an earlier call.
#[derive(Debug, Clone)]
pub struct Aws {
    pub(super) cloudwatch: aws_sdk_cloudwatch::Client,
    pub(super) cognito: aws_sdk_cognitoidentityprovider::Client,
    pub(super) dynamodb: aws_sdk_dynamodb::Client,
    pub(super) iam: aws_sdk_iam::Client,
    pub(super) lambda: aws_sdk_lambda::Client,
    pub(super) logs: aws_sdk_cloudwatchlogs::Client,
    pub(super) ses: aws_sdk_sesv2::Client,
    pub(super) ssm: aws_sdk_ssm::Client,
    pub(super) sts: aws_sdk_sts::Client,
    pub(super) tagging: aws_sdk_resourcegroupstagging::Client,
    pub(super) packages: BTreeMap<LogicalId, Package>,
    /// How waiting passes the time.
    pub(super) sleep: super::wait::Sleep,
    pub(super) paces: Arc<super::wait::Paces>,
    caller: Arc<OnceCell<Caller>>,
    owner: Owner,
    region: String,
    endpoint_url: Option<String>,
}

impl Aws {
    /// Makes the clients. Sends nothing yet.
    pub async fn connect(settings: &Settings, owner: Owner) -> Self {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(settings.region.clone()))
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
        if let Some(url) = &settings.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if let Some(account) = &settings.emulated_account {
            let keys = aws_sdk_sts::config::Credentials::new(account, "local", None, None, "local");
            loader = loader.credentials_provider(keys);
        }
        let config = loader.load().await;
        Self::from_config(&config, settings, owner)
    }

    pub(super) fn from_config(config: &SdkConfig, settings: &Settings, owner: Owner) -> Self {
        macro_rules! client {
            ($service:ident) => {
                $service::Client::from_conf(
                    $service::config::Builder::from(config)
                        .interceptor(settings.calls.clone())
                        .interceptor(Attempts)
                        .retry_classifier(AnyError)
                        .retry_config(attempts::settings())
                        .retry_partition(attempts::unlimited())
                        .build(),
                )
            };
        }
        Self {
            cloudwatch: client!(aws_sdk_cloudwatch),
            cognito: client!(aws_sdk_cognitoidentityprovider),
            dynamodb: client!(aws_sdk_dynamodb),
            iam: client!(aws_sdk_iam),
            lambda: client!(aws_sdk_lambda),
            logs: client!(aws_sdk_cloudwatchlogs),
            ses: client!(aws_sdk_sesv2),
            ssm: client!(aws_sdk_ssm),
            sts: client!(aws_sdk_sts),
            tagging: client!(aws_sdk_resourcegroupstagging),
            packages: BTreeMap::new(),
            sleep: super::wait::sleep,
            paces: Arc::default(),
            caller: Arc::default(),
            owner,
            region: settings.region.clone(),
            endpoint_url: settings.endpoint_url.clone(),
        }
    }

    /// Gives the functions their packages, by logical ID.
    #[must_use]
    pub fn with_packages(mut self, packages: BTreeMap<LogicalId, Package>) -> Self {
        self.packages = packages;
        self
    }

    /// Whose tags we write.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The emulator's endpoint, when there is one.
    pub fn endpoint_url(&self) -> Option<&str> {
        self.endpoint_url.as_deref()
    }

    /// The account and partition these credentials belong to. Asked once.
    pub async fn caller(&self) -> Result<Caller> {
        self.caller
            .get_or_try_init(|| self.get_caller())
            .await
            .cloned()
    }

    async fn get_caller(&self) -> Result<Caller> {
        let identity = self.sts.get_caller_identity().send().await?;
        let arn = identity.arn().unwrap_or_default();
        Ok(Caller {
            account: identity.account().unwrap_or_default().to_owned(),
            // arn:PARTITION:sts::ACCOUNT:…, `aws-cn` and `aws-us-gov` among them.
            partition: arn.split(':').nth(1).unwrap_or("aws").to_owned(),
        })
    }

    /// ARNs of everything tagged as this stage's, in one request per hundred.
    ///
    /// The tagging API lags behind by seconds and knows no roles, so its word only ever adds to the
    /// ledger's: it finds a stage again whose ledger was lost.
    pub async fn tagged(&self) -> Result<Vec<String>> {
        use aws_sdk_resourcegroupstagging::types::TagFilter;
        let filter = |key: &str, value: &str| TagFilter::builder().key(key).values(value).build();
        let mut arns = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let page = self
                .tagging
                .get_resources()
                .tag_filters(filter(
                    saasauth_model::resource::PROJECT_TAG,
                    &self.owner.project,
                ))
                .tag_filters(filter(
                    saasauth_model::resource::STAGE_TAG,
                    &self.owner.stage,
                ))
                .set_pagination_token(token.take())
                .send()
                .await?;
            arns.extend(
                page.resource_tag_mapping_list()
                    .iter()
                    .filter_map(|mapping| mapping.resource_arn().map(str::to_owned)),
            );
            token = page
                .pagination_token()
                .filter(|token| !token.is_empty())
                .map(str::to_owned);
            if token.is_none() {
                return Ok(arns);
            }
        }
    }
}

/// Who we are to AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Twelve digits.
    pub account: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
}
