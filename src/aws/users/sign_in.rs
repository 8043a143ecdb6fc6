//! What a user does: signs up, confirms, signs in. But for reading the client, these are requests that
//! anybody may send: `SignUp`, `ConfirmSignUp`, `InitiateAuth` and `RespondToAuthChallenge`.

use std::collections::BTreeMap;

use aws_sdk_cognitoidentityprovider::types::{
    AttributeType, AuthFlowType, AuthenticationResultType, ChallengeNameType,
};
use cognito_srp::{CognitoSrpError, SrpClient};

use crate::aws::{Aws, Fault, Result};

const SECRET_HASH: &str = "SECRET_HASH";

/// An app client, as one who signs in with it knows it. Has no `Debug`: the secret is never shown.
pub struct AppClient {
    /// The pool's ID.
    pub pool: String,
    /// The client's ID.
    pub id: String,
    secret: Option<String>,
}

/// The tokens of a sign-in. Has no `Debug`: tokens are never shown.
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The ID token.
    pub id: String,
}

/// How a sign-in ended.
pub enum SignedIn {
    /// With tokens.
    Tokens(Tokens),
    /// With one more challenge than the password; its name.
    Challenged(String),
}

impl AppClient {
    /// What a client with a secret proves it with, in each request that names this user.
    fn secret_hash(&self, username: &str) -> Result<Option<String>> {
        if self.secret.is_none() {
            return Ok(None);
        }
        let mut parameters = self.srp(username, "").get_auth_params().map_err(unspoken)?;
        Ok(parameters.remove(SECRET_HASH))
    }

    fn srp<'a>(&'a self, username: &'a str, password: &'a str) -> SrpClient<'a> {
        SrpClient::new(
            username,
            password,
            &self.pool,
            &self.id,
            self.secret.as_deref(),
        )
    }
}

impl Aws {
    /// The client, with its secret when it has one.
    pub async fn app_client(&self, pool: &str, id: &str) -> Result<AppClient> {
        let answer = self
            .cognito
            .describe_user_pool_client()
            .user_pool_id(pool)
            .client_id(id)
            .send()
            .await?;
        let secret = answer
            .user_pool_client
            .and_then(|client| client.client_secret);
        Ok(AppClient {
            pool: pool.to_owned(),
            id: id.to_owned(),
            secret,
        })
    }

    /// Signs a user up. Returns the user's `sub`.
    pub async fn sign_up(
        &self,
        client: &AppClient,
        username: &str,
        password: &str,
        attributes: &BTreeMap<String, String>,
    ) -> Result<String> {
        let attributes = attributes
            .iter()
            .map(|(name, value)| AttributeType::builder().name(name).value(value).build())
            .collect::<Result<Vec<_>, _>>()?;
        let answer = self
            .cognito
            .sign_up()
            .client_id(&client.id)
            .set_secret_hash(client.secret_hash(username)?)
            .username(username)
            .password(password)
            .set_user_attributes(Some(attributes))
            .send()
            .await?;
        Ok(answer.user_sub)
    }

    /// Confirms a user with the code that was sent.
    pub async fn confirm_sign_up(
        &self,
        client: &AppClient,
        username: &str,
        code: &str,
    ) -> Result<()> {
        self.cognito
            .confirm_sign_up()
            .client_id(&client.id)
            .set_secret_hash(client.secret_hash(username)?)
            .username(username)
            .confirmation_code(code)
            .send()
            .await?;
        Ok(())
    }

    /// Signs a user in by SRP: the password never leaves this process.
    pub async fn sign_in_by_srp(
        &self,
        client: &AppClient,
        username: &str,
        password: &str,
    ) -> Result<SignedIn> {
        let srp = client.srp(username, password);
        let challenge = self
            .cognito
            .initiate_auth()
            .client_id(&client.id)
            .auth_flow(AuthFlowType::UserSrpAuth)
            .set_auth_parameters(Some(srp.get_auth_params().map_err(unspoken)?))
            .send()
            .await?;
        match challenge.challenge_name {
            Some(ChallengeNameType::PasswordVerifier) => {}
            other => return signed_in(other, challenge.authentication_result),
        }
        let parameters = challenge.challenge_parameters.unwrap_or_default();
        // From here on the user goes by the pool's own name, also in the proof of the secret; the
        // crate would prove it for the name the user typed.
        let own_name = parameters
            .get("USER_ID_FOR_SRP")
            .cloned()
            .unwrap_or_default();
        let mut responses = srp.process_challenge(parameters).map_err(unspoken)?;
        if let Some(hash) = client.secret_hash(&own_name)? {
            responses.insert(SECRET_HASH.to_owned(), hash);
        }
        let answer = self
            .cognito
            .respond_to_auth_challenge()
            .client_id(&client.id)
            .challenge_name(ChallengeNameType::PasswordVerifier)
            .set_session(challenge.session)
            .set_challenge_responses(Some(responses))
            .send()
            .await?;
        signed_in(answer.challenge_name, answer.authentication_result)
    }
}

fn unspoken(error: CognitoSrpError) -> Fault {
    Fault::ours("the SRP exchange failed").with_source(error)
}

fn signed_in(
    challenge: Option<ChallengeNameType>,
    result: Option<AuthenticationResultType>,
) -> Result<SignedIn> {
    if let Some(challenge) = challenge {
        return Ok(SignedIn::Challenged(challenge.as_str().to_owned()));
    }
    let tokens = result.and_then(|result| {
        Some(Tokens {
            access: result.access_token?,
            id: result.id_token?,
        })
    });
    tokens
        .map(SignedIn::Tokens)
        .ok_or_else(|| Fault::ours("Cognito answered with neither a challenge nor both tokens"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::replay::{self, ok};

    fn with_secret() -> AppClient {
        AppClient {
            pool: "eu-west-1_abc".to_owned(),
            id: "client".to_owned(),
            secret: Some("hush".to_owned()),
        }
    }

    #[tokio::test]
    async fn the_secret_is_proved_for_the_name_the_request_carries() {
        let parameters = json!({
            "SECRET_BLOCK": "AAAA", "USER_ID_FOR_SRP": "own-name", "SALT": "ab", "SRP_B": "abcdef",
        });
        let challenge = json!({
            "ChallengeName": "PASSWORD_VERIFIER", "ChallengeParameters": parameters, "Session": "s",
        });
        let tokens = json!({ "AuthenticationResult": { "AccessToken": "a", "IdToken": "i" } });
        let (aws, replay) = replay::aws([ok(challenge), ok(tokens)]);
        let client = with_secret();
        let done = aws
            .sign_in_by_srp(&client, "ada@acme.com", "pw")
            .await
            .expect("both answer");
        assert!(matches!(done, SignedIn::Tokens(tokens) if tokens.access == "a"));
        let hash = |name| client.secret_hash(name).expect("it has a secret");
        let sent = replay.finish();
        let typed = &sent[0].body["AuthParameters"];
        assert_eq!(
            typed["SECRET_HASH"].as_str(),
            hash("ada@acme.com").as_deref()
        );
        let own = &sent[1].body["ChallengeResponses"];
        assert_eq!(own["USERNAME"], "own-name");
        assert_eq!(own["SECRET_HASH"].as_str(), hash("own-name").as_deref());
        assert_eq!(sent[1].body["Session"], "s");
    }

    #[test]
    fn a_secret_hash_is_the_hmac_cognito_documents() {
        // printf 'adaclient' | openssl dgst -sha256 -hmac hush -binary | base64
        let hash = with_secret().secret_hash("ada").expect("it has a secret");
        assert_eq!(
            hash.as_deref(),
            Some("PVdLpjPMEhWoj6HJ+O1GuqB2Ni5nn+W60PvZ7NQ5L8E=")
        );
    }

    #[tokio::test]
    async fn a_second_factor_is_told_by_name() {
        let (aws, replay) =
            replay::aws([ok(json!({ "ChallengeName": "SMS_MFA", "Session": "s" }))]);
        let client = AppClient {
            secret: None,
            ..with_secret()
        };
        let done = aws
            .sign_in_by_srp(&client, "ada", "pw")
            .await
            .expect("it answers");
        assert!(matches!(done, SignedIn::Challenged(name) if name == "SMS_MFA"));
        assert!(
            replay.finish()[0].body["AuthParameters"]
                .get("SECRET_HASH")
                .is_none()
        );
    }
}
