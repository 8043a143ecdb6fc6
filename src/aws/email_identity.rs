//! `AWS::SES::EmailIdentity`.

use aws_sdk_sesv2::operation::get_email_identity::GetEmailIdentityOutput;
use serde_json::json;

use super::classify::{found, gone};
use super::lifecycle::{Change, Lifecycle, each};
use super::ses::tags;
use super::{Aws, Fault, Result, Waiting, Wanted, live, tag_list};
use saasauth_model::resource::{EmailIdentity, Kind, Live, LogicalId, Owner};

/// What deciding about an SES identity needs to know.
#[derive(Debug, Clone)]
pub struct IdentityState {
    /// Whether mail can be sent from it.
    pub verified: bool,
    /// Whose it is; `None` when it has no ownership tags.
    pub owner: Option<Owner>,
    /// What reading it as a resource gives, so that who has the state needs no second request.
    pub live: Live,
    /// The CNAME records that prove the domain, name and value; none for an address.
    pub dkim_records: Vec<(String, String)>,
}

/// Where DKIM keys are looked up when SES doesn't say.
const DKIM_ZONE: &str = "dkim.amazonses.com";

impl Lifecycle for EmailIdentity {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        each(wanted, async |id| aws.read_email_identity(id).await).await
    }

    async fn create(&self, aws: &Aws, _id: &str, _waiting: Waiting<'_>) -> Result<Live> {
        aws.create_email_identity(self).await
    }

    async fn update(&self, aws: &Aws, change: Change<'_>, _waiting: Waiting<'_>) -> Result<()> {
        aws.update_email_identity(self, change.live).await
    }

    async fn delete(aws: &Aws, physical_id: &str, _waiting: Waiting<'_>) -> Result<()> {
        aws.delete_email_identity(physical_id).await
    }
}

impl Aws {
    /// The state of an identity, whoever made it. `None`: SES doesn't know it.
    pub async fn identity_state(&self, identity: &str) -> Result<Option<IdentityState>> {
        let answer = self.get_email_identity(identity).await?;
        Ok(answer.map(|answer| {
            let live = identity_as_live(identity, &answer);
            IdentityState {
                verified: answer.verified_for_sending_status(),
                owner: live.owner.clone(),
                live,
                dkim_records: dkim_records(identity, &answer),
            }
        }))
    }

    async fn get_email_identity(&self, identity: &str) -> Result<Option<GetEmailIdentityOutput>> {
        let answer = self
            .ses
            .get_email_identity()
            .email_identity(identity)
            .send()
            .await;
        found(answer.map_err(Fault::from))
    }

    pub(super) async fn read_email_identity(&self, identity: &str) -> Result<Option<Live>> {
        let answer = self.get_email_identity(identity).await?;
        Ok(answer.map(|answer| identity_as_live(identity, &answer)))
    }

    pub(super) async fn create_email_identity(&self, one: &EmailIdentity) -> Result<Live> {
        self.ses
            .create_email_identity()
            .email_identity(&one.email_identity)
            .set_tags(Some(tags(&one.tags)?))
            .send()
            .await?;
        Ok(self.made(Kind::EmailIdentity, &one.email_identity, one))
    }

    /// Its tags: the name is what it is, and everything else about it is not ours.
    pub(super) async fn update_email_identity(
        &self,
        one: &EmailIdentity,
        live: &Live,
    ) -> Result<()> {
        let arn = self.ses_arn("identity", &one.email_identity).await?;
        self.put_ses_tags(arn, &one.tags, &live.properties["Tags"])
            .await
    }

    pub(super) async fn delete_email_identity(&self, identity: &str) -> Result<()> {
        let deleted = self
            .ses
            .delete_email_identity()
            .email_identity(identity)
            .send()
            .await;
        gone(deleted.map_err(Fault::from))
    }
}

/// The zone that the keys lie in differs by region, and only SES knows which it is
/// (`DkimAttributes.SigningHostedZone` in its model; hashicorp/terraform-provider-aws#48568).
fn dkim_records(identity: &str, answer: &GetEmailIdentityOutput) -> Vec<(String, String)> {
    let Some(dkim) = answer.dkim_attributes() else {
        return Vec::new();
    };
    let zone = dkim.signing_hosted_zone().unwrap_or(DKIM_ZONE);
    let tokens = dkim.tokens().iter();
    tokens
        .map(|token| {
            let name = format!("{token}._domainkey.{identity}");
            (name, format!("{token}.{zone}"))
        })
        .collect()
}

fn identity_as_live(identity: &str, answer: &GetEmailIdentityOutput) -> Live {
    let (tags, owner) = tag_list(answer.tags().iter().map(|tag| (tag.key(), tag.value())));
    let properties = json!({ "EmailIdentity": identity, "Tags": tags });
    Live {
        owner,
        ..live(Kind::EmailIdentity, identity, properties)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::replay::{self, error, ok};

    #[tokio::test]
    async fn a_state_is_a_read_as_well_and_the_next_one_is_a_request() {
        let identity = json!({
            "VerifiedForSendingStatus": false,
            "DkimAttributes": { "Tokens": ["a"], "SigningHostedZone": "dkim.eu-south-1.amazonses.com" },
            "Tags": [{ "Key": "saasauth:project", "Value": "acme" }, { "Key": "saasauth:stage", "Value": "dev" }],
        });
        let (aws, replay) = replay::aws([
            ok(identity.clone()),
            ok(identity),
            error(
                404,
                "NotFoundException",
                "Email identity acme.com does not exist.",
            ),
        ]);
        let state = aws.identity_state("acme.com").await.expect("an answer");
        let state = state.expect("it is there");
        assert!(!state.verified);
        let record = ("a._domainkey.acme.com", "a.dkim.eu-south-1.amazonses.com");
        let record = (record.0.to_owned(), record.1.to_owned());
        assert_eq!(state.dkim_records, [record]);
        assert_eq!(state.owner.as_ref(), Some(aws.owner()));
        let read = aws
            .read_email_identity("acme.com")
            .await
            .expect("an answer");
        let read = read.expect("it is there");
        assert_eq!(
            (&read.owner, &read.properties),
            (&state.owner, &state.live.properties)
        );
        let gone = aws.read_email_identity("acme.com").await;
        assert!(gone.expect("absence is no error").is_none());
        replay.finish();
    }
}
