//! Packages of earlier deploys, as Lambda keeps them: each write of code publishes a version, which costs no request of its own
//! and keeps what `$LATEST` was. Going back reads it from there, for a function's package can't be made again from another
//! revision's sources byte for byte, and no bucket has to be there.
//!
//! Source: `Publish` of CreateFunction and UpdateFunctionCode, and `Code.Location` of GetFunction, a presigned URL that is good
//! for ten minutes (<https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html>).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::StreamExt;
use sha2::{Digest, Sha256};

use super::classify::gone;
use super::connect::download;
use super::{Aws, Class, Fault, Package, Result, classify};

/// How many versions of a function are kept. Lambda keeps 75 GB of code in a region of an account, and a package of ours is
/// some megabytes.
pub(super) const KEPT: u64 = 20;

/// Lambda takes no longer package directly (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const LONGEST: usize = 50 * 1024 * 1024;

impl Aws {
    /// The package of this digest that an earlier deploy gave a function; none when Lambda doesn't keep it.
    pub async fn kept_package(&self, function: &str, digest: &str) -> Result<Option<Package>> {
        let Some(version) = self.version_of(function, digest).await? else {
            return Ok(None);
        };
        let answer = self
            .lambda
            .get_function()
            .function_name(function)
            .qualifier(version)
            .send()
            .await?;
        let location = answer.code().and_then(|code| code.location());
        let location =
            location.ok_or_else(|| Fault::ours("Lambda doesn't say where the package is"))?;
        let zip = fetch(location).await?;
        let found = BASE64_STANDARD.encode(Sha256::digest(&zip));
        if found != digest {
            return Err(Fault::ours(format!(
                "the package that Lambda keeps of `{function}` is not the one it says it is"
            )));
        }
        Ok(Some(Package { zip, digest: found }))
    }

    async fn version_of(&self, function: &str, digest: &str) -> Result<Option<String>> {
        let mut marker: Option<String> = None;
        loop {
            let answer = self
                .lambda
                .list_versions_by_function()
                .function_name(function)
                .set_marker(marker.take())
                .send()
                .await;
            let Some(page) = classify::found(answer.map_err(Fault::from))? else {
                return Ok(None);
            };
            let mut versions = page.versions().iter();
            let found = versions.find(|version| version.code_sha256() == Some(digest));
            if let Some(found) = found {
                return Ok(found.version().map(str::to_owned));
            }
            marker = page.next_marker().map(str::to_owned);
            if marker.is_none() {
                return Ok(None);
            }
        }
    }

    /// Deletes the version that is one too many once this one was published. One that somebody gave an alias stays.
    pub(super) async fn drop_old_version(
        &self,
        function: &str,
        published: Option<&str>,
    ) -> Result<()> {
        let published = published.and_then(|version| version.parse::<u64>().ok());
        let Some(old) = published.and_then(|version| version.checked_sub(KEPT)) else {
            return Ok(());
        };
        if old == 0 {
            return Ok(());
        }
        let answer = self
            .lambda
            .delete_function()
            .function_name(function)
            .qualifier(old.to_string())
            .send()
            .await;
        match gone(answer.map_err(Fault::from)) {
            // Whoever may not delete functions keeps one more.
            Err(fault) if matches!(fault.class, Class::Busy | Class::Denied | Class::Other) => {
                Ok(())
            }
            other => other,
        }
    }
}

async fn fetch(location: &str) -> Result<Vec<u8>> {
    // The URL is as good as the package for as long as it lasts, so no message repeats it.
    let failed = |error: reqwest::Error| {
        Fault::ours(format!(
            "the package could not be fetched: {}",
            error.without_url()
        ))
    };
    let client = download(location).map_err(Fault::ours)?;
    let response = client.get(location).send().await.map_err(failed)?;
    let mut body = response.error_for_status().map_err(failed)?.bytes_stream();
    let mut zip = Vec::new();
    while let Some(part) = body.next().await {
        zip.extend_from_slice(&part.map_err(failed)?);
        if zip.len() > LONGEST {
            return Err(Fault::ours("the package is longer than Lambda takes"));
        }
    }
    Ok(zip)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::replay::{self, error, ok};

    #[tokio::test]
    async fn a_package_is_looked_for_by_its_digest_on_every_page() {
        let page = |versions: &[(&str, &str)], marker: Option<&str>| {
            let versions: Vec<_> = versions
                .iter()
                .map(|(version, digest)| json!({ "Version": version, "CodeSha256": digest }))
                .collect();
            ok(json!({ "Versions": versions, "NextMarker": marker }))
        };
        let (aws, replay) = replay::aws([
            page(&[("$LATEST", "new"), ("1", "old")], Some("more")),
            page(&[("2", "older")], None),
        ]);
        let found = aws.version_of("f", "older").await.expect("listed");
        assert_eq!(found.as_deref(), Some("2"));
        assert_eq!(replay.finish().len(), 2);

        let (aws, _) = replay::aws([page(&[("$LATEST", "new")], None)]);
        assert_eq!(aws.version_of("f", "older").await.expect("listed"), None);
        let (aws, _) = replay::aws([error(404, "ResourceNotFoundException", "no f")]);
        assert!(
            aws.kept_package("f", "older")
                .await
                .expect("asked")
                .is_none()
        );
    }

    #[tokio::test]
    async fn one_version_goes_for_each_that_is_one_too_many() {
        let asked = async |version: Option<&str>, answers: Vec<(u16, String)>| {
            let (aws, replay) = replay::aws(answers);
            aws.drop_old_version("f", version).await.expect("no harm");
            replay.finish().len()
        };
        for few in [None, Some("$LATEST"), Some("1"), Some("20")] {
            assert_eq!(asked(few, vec![]).await, 0, "{few:?}");
        }
        assert_eq!(asked(Some("21"), vec![(204, String::new())]).await, 1);
        // <https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html>: a version that an alias names stays.
        let aliased = error(
            409,
            "ResourceConflictException",
            "Unable to delete version because the following aliases reference it: [prod]",
        );
        assert_eq!(asked(Some("22"), vec![aliased]).await, 1);
    }

    #[tokio::test]
    async fn a_url_is_told_to_nobody_and_only_a_safe_one_is_followed() {
        let error = fetch("http://bucket.example/zip?X-Amz-Signature=hush").await;
        let error = error.expect_err("it is not encrypted").to_string();
        assert!(!error.contains("hush"), "{error}");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let url = format!("http://127.0.0.1:{port}/zip?X-Amz-Signature=hush");
        let error = fetch(&url).await.expect_err("nobody is there").to_string();
        assert!(!error.contains("hush"), "{error}");
    }
}
