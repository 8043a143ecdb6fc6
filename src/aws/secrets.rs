//! The SSM parameters that hold a stage's secrets. Values go one way, to whom they are for: nothing that is
//! shown or kept holds one.

use std::collections::BTreeMap;

use aws_sdk_ssm::operation::put_parameter::builders::PutParameterFluentBuilder;
use aws_sdk_ssm::primitives::{DateTime, DateTimeFormat};
use aws_sdk_ssm::types::{
    ParameterMetadata, ParameterStringFilter, ParameterTier, ParameterType, Tag,
};
use futures::future::join_all;

use super::classify::Class;
use super::{Aws, Fault, Result, trace};
use saasauth_model::resource::{PROJECT_TAG, STAGE_TAG};

/// How many names a filter of DescribeParameters takes.
const NAMES_PER_READ: usize = 50;

/// A secret as SSM describes it.
#[derive(Debug, Clone)]
pub struct Stored {
    /// From 1, one more with every change.
    pub version: i64,
    /// When it was last changed, as RFC 3339 writes it.
    pub modified: Option<String>,
    metadata: ParameterMetadata,
}

/// What became of a secret that was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Set {
    /// From 1, one more with every change.
    pub version: i64,
    /// Whether it wasn't there before.
    pub created: bool,
}

impl Aws {
    /// Describes those of the secrets that are there.
    pub async fn secrets(&self, names: &[&str]) -> Result<BTreeMap<String, Stored>> {
        let reads = names
            .chunks(NAMES_PER_READ)
            .map(|names| trace::beside(self.describe(names)));
        let mut found = BTreeMap::new();
        for read in join_all(reads).await {
            found.extend(read?);
        }
        Ok(found)
    }

    /// The value of a secret, for the service that it is the secret of.
    pub(super) async fn secret(&self, name: &str) -> Result<String> {
        let answer = self
            .ssm
            .get_parameter()
            .name(name)
            .with_decryption(true)
            .send()
            .await?;
        let value = answer.parameter.and_then(|parameter| parameter.value);
        value.ok_or_else(|| Fault::ours(format!("SSM told no value of `{name}`")))
    }

    async fn describe(&self, names: &[&str]) -> Result<Vec<(String, Stored)>> {
        let filter = ParameterStringFilter::builder()
            .key("Name")
            .option("Equals")
            .set_values(Some(names.iter().map(|&name| name.to_owned()).collect()))
            .build()?;
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let page = self
                .ssm
                .describe_parameters()
                .parameter_filters(filter.clone())
                .set_next_token(token.take())
                .send()
                .await?;
            for metadata in page.parameters.unwrap_or_default() {
                if let Some(name) = metadata.name.clone() {
                    found.push((name, stored(metadata)));
                }
            }
            // A page may be empty and still not be the last.
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Sets a secret, whether it is there or not. What else is set on it stays: its key, description
    /// and pattern.
    pub async fn put_secret(&self, name: &str, value: &str) -> Result<Set> {
        let stored = match self.secrets(&[name]).await?.remove(name) {
            Some(stored) => stored,
            None => match self.create_secret(name, value).await {
                // Somebody was faster, or SSM's descriptions lag behind.
                Err(fault) if fault.class == Class::AlreadyExists => {
                    self.secrets(&[name]).await?.remove(name).ok_or(fault)?
                }
                created => return created,
            },
        };
        self.overwrite_secret(name, value, stored.metadata).await
    }

    async fn create_secret(&self, name: &str, value: &str) -> Result<Set> {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let answer = self
            .put(name, value)
            // SSM takes no tags together with an overwrite.
            .overwrite(false)
            .tags(tag(PROJECT_TAG, &self.owner().project)?)
            .tags(tag(STAGE_TAG, &self.owner().stage)?)
            .send()
            .await?;
        Ok(Set {
            version: answer.version,
            created: true,
        })
    }

    async fn overwrite_secret(
        &self,
        name: &str,
        value: &str,
        stored: ParameterMetadata,
    ) -> Result<Set> {
        if let Some(kind) = stored
            .r#type
            .filter(|kind| *kind != ParameterType::SecureString)
        {
            let kind = kind.as_str();
            return Err(Fault::ours(format!(
                "it is a {kind}, stored in clear, which can't become a SecureString: delete it first"
            )));
        }
        let set = |text: Option<String>| text.filter(|text| !text.is_empty());
        let answer = self
            .put(name, value)
            .overwrite(true)
            // Left out, they would go back to their defaults.
            .set_key_id(set(stored.key_id))
            .set_description(set(stored.description))
            .set_allowed_pattern(set(stored.allowed_pattern))
            // An advanced parameter can't become a standard one.
            .set_tier(stored.tier.filter(|tier| *tier == ParameterTier::Advanced))
            .send()
            .await?;
        Ok(Set {
            version: answer.version,
            created: false,
        })
    }

    fn put(&self, name: &str, value: &str) -> PutParameterFluentBuilder {
        self.ssm
            .put_parameter()
            .name(name)
            .value(value)
            .r#type(ParameterType::SecureString)
    }
}

fn stored(metadata: ParameterMetadata) -> Stored {
    Stored {
        version: metadata.version,
        modified: metadata
            .last_modified_date
            // Whole seconds: more is of use to nobody.
            .and_then(|moment| {
                let moment = DateTime::from_secs(moment.secs());
                moment.fmt(DateTimeFormat::DateTime).ok()
            }),
        metadata,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::aws::replay::{self, error, ok};

    #[tokio::test]
    async fn a_new_secret_is_encrypted_and_tagged() {
        let (aws, replay) =
            replay::aws([ok(json!({ "Parameters": [] })), ok(json!({ "Version": 1 }))]);
        let set = aws
            .put_secret("/acme/key", "hush")
            .await
            .expect("it is set");
        assert_eq!((set.version, set.created), (1, true));
        let put = &replay.finish()[1].body;
        assert_eq!(put["Type"], "SecureString");
        assert_eq!(put["Overwrite"], false);
        assert_eq!(
            put["Tags"],
            json!([
                { "Key": "saasauth:project", "Value": "acme" },
                { "Key": "saasauth:stage", "Value": "dev" },
            ])
        );
    }

    #[tokio::test]
    async fn an_overwritten_secret_keeps_its_key_and_gets_no_tags() {
        let parameter = json!({
            "Name": "/acme/key", "Type": "SecureString", "KeyId": "alias/ours", "Version": 3,
            "Description": "theirs", "Tier": "Standard",
        });
        let (aws, replay) = replay::aws([
            // The description lags behind the secret.
            ok(json!({ "Parameters": [], "NextToken": "more" })),
            ok(json!({ "Parameters": [] })),
            error(
                400,
                "ParameterAlreadyExists",
                "The parameter already exists.",
            ),
            ok(json!({ "Parameters": [parameter] })),
            ok(json!({ "Version": 4 })),
        ]);
        let set = aws
            .put_secret("/acme/key", "hush")
            .await
            .expect("it is set");
        assert_eq!((set.version, set.created), (4, false));
        let put = &replay.finish()[4].body;
        assert_eq!(put["Overwrite"], true);
        assert_eq!(put["KeyId"], "alias/ours");
        assert_eq!(put["Description"], "theirs");
        assert!(put.get("Tags").is_none(), "SSM refuses both together");
    }

    #[tokio::test]
    async fn a_parameter_in_clear_is_left_alone() {
        let parameter = json!({ "Name": "/acme/key", "Type": "String", "Version": 1 });
        let (aws, replay) = replay::aws([ok(json!({ "Parameters": [parameter] }))]);
        let fault = aws.put_secret("/acme/key", "hush").await;
        assert!(fault.expect_err("refused").message.contains("a String"));
        assert_eq!(replay.operations(), ["DescribeParameters"]);
    }
}
