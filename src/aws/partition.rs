//! What hosts are called in a region: AWS's partitions have domains of their own.
//!
//! The SDK has AWS's list of partitions and keeps it to itself; what it makes of a region by it can be asked.

use aws_sdk_cognitoidentityprovider::config::endpoint::{
    DefaultResolver, Params, ResolveEndpoint as _,
};
use futures::FutureExt as _;

/// Whether Cognito has user pools in a region's partition. They are not in China (the page "Amazon Cognito" of the guide
/// "Getting Started with Amazon Web Services in China"), nor in the isolated partitions (botocore's `endpoints.json` has
/// regions of `cognito-idp` in `aws`, `aws-us-gov` and `aws-eusc` alone).
pub fn has_user_pools(region: &str) -> bool {
    let domain = cognito(region);
    let domain = domain.as_deref().unwrap_or_default();
    [".amazonaws.com", ".amazonaws.eu"]
        .iter()
        .any(|end| domain.ends_with(end))
}

/// What `iss` says in the tokens of a user pool: Cognito's regional endpoint and the pool. In GovCloud, too, it is the
/// endpoint without FIPS. `None` when AWS has no such region.
pub fn issuer(region: &str, user_pool_id: &str) -> Option<String> {
    Some(format!("{}/{user_pool_id}", cognito(region)?))
}

/// The domain below which a prefix names hosted pages. GovCloud's has FIPS in it ("Amazon Cognito in AWS GovCloud (US)"),
/// the other regions' do not ("Using the Amazon Cognito domain for the hosted UI"). `None` where no page says what it is:
/// a made-up address would be worse than none.
pub fn hosted_pages(region: &str) -> Option<String> {
    if !cognito(region)?.ends_with(".amazonaws.com") {
        return None;
    }
    let auth = match region.starts_with("us-gov-") {
        true => "auth-fips",
        false => "auth",
    };
    Some(format!("{auth}.{region}.amazoncognito.com"))
}

/// Cognito's endpoint, without FIPS or dual stack.
fn cognito(region: &str) -> Option<String> {
    let params = Params::builder().region(region).build().ok()?;
    let resolver = DefaultResolver::new();
    // The rules are in the SDK: there is nothing to wait for.
    let endpoint = resolver.resolve_endpoint(&params).now_or_never()?.ok()?;
    Some(endpoint.url().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_its_own_domains() {
        let table = [
            (
                "eu-west-1",
                "https://cognito-idp.eu-west-1.amazonaws.com/p",
                Some("auth.eu-west-1.amazoncognito.com"),
                true,
            ),
            (
                "us-gov-west-1",
                "https://cognito-idp.us-gov-west-1.amazonaws.com/p",
                Some("auth-fips.us-gov-west-1.amazoncognito.com"),
                true,
            ),
            (
                "us-gov-east-1",
                "https://cognito-idp.us-gov-east-1.amazonaws.com/p",
                Some("auth-fips.us-gov-east-1.amazoncognito.com"),
                true,
            ),
            (
                "cn-north-1",
                "https://cognito-idp.cn-north-1.amazonaws.com.cn/p",
                None,
                false,
            ),
            (
                "eusc-de-east-1",
                "https://cognito-idp.eusc-de-east-1.amazonaws.eu/p",
                None,
                true,
            ),
            (
                "us-iso-east-1",
                "https://cognito-idp.us-iso-east-1.c2s.ic.gov/p",
                None,
                false,
            ),
            (
                "us-isob-east-1",
                "https://cognito-idp.us-isob-east-1.sc2s.sgov.gov/p",
                None,
                false,
            ),
            // One that AWS has not opened yet: the partition follows from the form of the name.
            (
                "eu-west-9",
                "https://cognito-idp.eu-west-9.amazonaws.com/p",
                Some("auth.eu-west-9.amazoncognito.com"),
                true,
            ),
        ];
        for (region, expected, pages, pools) in table {
            assert_eq!(issuer(region, "p").as_deref(), Some(expected), "{region}");
            assert_eq!(hosted_pages(region).as_deref(), pages, "{region}");
            assert_eq!(has_user_pools(region), pools, "{region}");
        }
    }
}
