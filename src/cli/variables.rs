//! The environment, as far as it decides where requests go and who signs them.
//!
//! A variable that is defined and empty counts as not set: a pipeline defines what it has no value for, and Terraform, the
//! SDKs for Go and JavaScript and curl read it so. An option that is given and empty is an error: a script's own variable
//! had nothing in it, and the command would go to the default account instead.

/// What names of variables begin with that we, the SDK, or an HTTP client read.
const PREFIXES: [&str; 3] = ["AWS_", "SAASAUTH_", "SSL_CERT_"];
/// The proxies', which are read in either case.
const PROXIES: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];

/// Takes those variables out of the environment that have nothing but white space in them. In one place, because each of
/// them has readers beyond our reach: clap, the SDK, both HTTP clients, and the tools we run.
///
/// # Safety
///
/// No other thread may run yet: the environment is the whole process's.
pub unsafe fn forget_empty() {
    let empty: Vec<_> = std::env::vars_os()
        .filter(|(name, value)| {
            let name = name.to_string_lossy();
            counts(&name) && value.to_str().is_some_and(|value| value.trim().is_empty())
        })
        .map(|(name, _)| name)
        .collect();
    for name in empty {
        // SAFETY: as the caller promises.
        unsafe { std::env::remove_var(name) };
    }
}

fn counts(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || PROXIES.iter().any(|proxy| name.eq_ignore_ascii_case(proxy))
}

#[cfg(test)]
mod tests {
    use super::counts;

    #[test]
    fn what_decides_where_requests_go_counts_and_nothing_else() {
        for name in [
            "AWS_PROFILE",
            "AWS_ENDPOINT_URL_DYNAMODB",
            "SAASAUTH_STAGE",
            "https_proxy",
            "NO_PROXY",
            "SSL_CERT_FILE",
        ] {
            assert!(counts(name), "{name}");
        }
        // The first speaks by being there at all.
        for name in ["NO_COLOR", "PATH", "AWSOME", "CARGO_HTTP_PROXY"] {
            assert!(!counts(name), "{name}");
        }
    }
}
