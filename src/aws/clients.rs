//! The SDK clients of one command, all counted, all for one account and region.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_config::SdkConfig;
use tokio::sync::OnceCell;

use super::attempts::{self, AnyError, Attempts};
use super::classify::Result;
use super::connect::{Clock, Settings};
use super::lease;
use saasauth_model::resource::{LogicalId, Owner};

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
    pub(super) cloudformation: aws_sdk_cloudformation::Client,
    pub(super) cloudwatch: aws_sdk_cloudwatch::Client,
    pub(super) cognito: aws_sdk_cognitoidentityprovider::Client,
    pub(super) dynamodb: aws_sdk_dynamodb::Client,
    pub(super) iam: aws_sdk_iam::Client,
    pub(super) lambda: aws_sdk_lambda::Client,
    pub(super) logs: aws_sdk_cloudwatchlogs::Client,
    pub(super) ses: aws_sdk_sesv2::Client,
    pub(super) sns: aws_sdk_sns::Client,
    pub(super) sqs: aws_sdk_sqs::Client,
    pub(super) ssm: aws_sdk_ssm::Client,
    pub(super) sts: aws_sdk_sts::Client,
    pub(super) tagging: aws_sdk_resourcegroupstagging::Client,
    pub(super) packages: BTreeMap<LogicalId, Package>,
    /// How waiting passes the time.
    pub(super) sleep: super::wait::Sleep,
    pub(super) paces: Arc<super::wait::Paces>,
    /// DynamoDB's.
    pub(super) clock: Clock,
    caller: Arc<OnceCell<Caller>>,
    owner: Owner,
    region: String,
    endpoint_url: Option<String>,
}

impl Aws {
    pub(super) fn from_config(config: &SdkConfig, settings: &Settings, owner: Owner) -> Self {
        let clock = Clock::default();
        macro_rules! client {
            ($service:ident $(, $more:expr)?) => {
                $service::Client::from_conf(
                    $service::config::Builder::from(config)
                        .interceptor(lease::Guard)
                        $(.interceptor($more))?
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
            cloudformation: client!(aws_sdk_cloudformation),
            cloudwatch: client!(aws_sdk_cloudwatch),
            cognito: client!(aws_sdk_cognitoidentityprovider),
            dynamodb: client!(aws_sdk_dynamodb, clock.clone()),
            iam: client!(aws_sdk_iam),
            lambda: client!(aws_sdk_lambda),
            logs: client!(aws_sdk_cloudwatchlogs),
            ses: client!(aws_sdk_sesv2),
            sns: client!(aws_sdk_sns),
            sqs: client!(aws_sdk_sqs),
            ssm: client!(aws_sdk_ssm),
            sts: client!(aws_sdk_sts),
            tagging: client!(aws_sdk_resourcegroupstagging),
            packages: BTreeMap::new(),
            sleep: super::wait::sleep,
            paces: Arc::default(),
            clock,
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

    /// The ARN of something in this account and region; none before it is known which account that is.
    pub(super) fn arn(&self, service: &str, rest: &str) -> Option<String> {
        let Caller { account, partition } = self.caller.get()?;
        Some(format!(
            "arn:{partition}:{service}:{}:{account}:{rest}",
            self.region
        ))
    }

    async fn get_caller(&self) -> Result<Caller> {
        let identity = self.sts.get_caller_identity().send().await?;
        Ok(Caller::of(
            identity.arn().unwrap_or_default(),
            identity.account().unwrap_or_default(),
        ))
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

impl Caller {
    pub(super) fn of(arn: &str, account: &str) -> Self {
        Self {
            account: account.to_owned(),
            // arn:PARTITION:sts::ACCOUNT:…, `aws-cn` and `aws-us-gov` among them.
            partition: arn.split(':').nth(1).unwrap_or("aws").to_owned(),
        }
    }
}
