//! The way out: straight to what is on this machine, through the proxy that the environment names to all else.
//!
//! The SDK's own client asks `HTTPS_PROXY`, `HTTP_PROXY` and `ALL_PROXY` for every host that `NO_PROXY` doesn't list, the
//! loopback among them (`ProxyConfig::from_env` of aws-smithy-http-client). A proxy can't reach the loopback of this
//! machine, nor its metadata service: it would reach its own.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::net::IpAddr;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Connector, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use reqwest::Url;

use saasauth_model::error::{Error, ErrorKind, Result};

/// Names a file of certificates to trust instead of the system's, as the AWS CLI reads it: what a company's proxy that
/// opens TLS connections signs with. The SDK for Rust doesn't know it.
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";

/// The variables that name a proxy for HTTPS, in the order in which the SDK looks.
const HTTPS_PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
/// The same for HTTP.
const HTTP_PROXIES: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// A proxy that the environment names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// The variable.
    pub variable: &'static str,
    /// Scheme, host and port; a password in the URL is left out.
    pub address: String,
}

/// The proxy on the way to AWS, which is asked over HTTPS. An address that can't be used is an error: without it, every
/// request would fail later or go around a proxy that somebody set up on purpose.
pub fn proxy() -> Result<Option<Proxy>> {
    for variables in [HTTP_PROXIES, HTTPS_PROXIES] {
        named(&variables, |name| env::var(name).ok())?;
    }
    named(&HTTPS_PROXIES, |name| env::var(name).ok())
}

/// Whether some hosts are asked past the proxy, AWS's perhaps among them.
pub fn has_exceptions() -> bool {
    ["NO_PROXY", "no_proxy"]
        .iter()
        .any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
}

fn named(
    variables: &[&'static str],
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Proxy>> {
    let found = variables
        .iter()
        .find_map(|name| Some((*name, variable(name).filter(|value| !value.is_empty())?)));
    let Some((name, value)) = found else {
        return Ok(None);
    };
    let with_scheme = match value.contains("://") {
        true => value,
        false => format!("http://{value}"),
    };
    // The value may hold a password, so no message repeats it.
    let wrong = |cause: &str| {
        Error::new(ErrorKind::Usage, format!("can't use the proxy in `{name}`"))
            .with_cause(cause.to_owned())
            .with_hint(format!(
                "write it as `{name}=http://HOST:PORT`, or unset it"
            ))
    };
    let url = Url::parse(&with_scheme).map_err(|_| wrong("its value is no URL"))?;
    let Some(host) = url.host_str() else {
        return Err(wrong("its value names no host"));
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(&format!(
            "it is a `{}` proxy, and requests to AWS can only go through an HTTP proxy",
            url.scheme()
        )));
    }
    let port = url.port().map(|port| format!(":{port}"));
    Ok(Some(Proxy {
        variable: name,
        address: format!("{}://{host}{}", url.scheme(), port.unwrap_or_default()),
    }))
}

/// Whether a host is this machine, or what answers at its network's own addresses: the metadata services that hand out
/// credentials of instances and containers.
fn is_here(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            address.is_loopback() || address.is_link_local() || address.is_unspecified()
        }
        Ok(IpAddr::V6(address)) => {
            // The metadata service of an instance, and of a pod, over IPv6.
            const METADATA: [&str; 2] = ["fd00:ec2::254", "fd00:ec2::23"];
            address.is_loopback()
                || address.is_unspecified()
                || address.is_unicast_link_local()
                || METADATA.contains(&host)
        }
        Err(_) => {
            let host = host.trim_end_matches('.').to_ascii_lowercase();
            host == "localhost" || host.ends_with(".localhost")
        }
    }
}

/// Whether a URL leads to this machine.
pub fn leads_here(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.host_str().is_some_and(is_here))
}

/// The client of every request to AWS, and of every request for credentials.
#[derive(Debug)]
pub(super) struct Routes {
    tls: TlsContext,
    /// By the timeouts they were made for. The SDK asks for a connector at every attempt and expects it to keep its
    /// connections.
    made: Mutex<HashMap<Timeouts, SharedHttpConnector>>,
}

type Timeouts = (Option<Duration>, Option<Duration>);

impl Routes {
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            tls: trusted()?,
            made: Mutex::default(),
        })
    }
}

impl HttpClient for Routes {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let timeouts = (settings.connect_timeout(), settings.read_timeout());
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let connector = made.entry(timeouts).or_insert_with(|| {
            let mut builder = ConnectorBuilder::default()
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
                .tls_context(self.tls.clone())
                .connector_settings(settings.clone());
            builder.set_sleep_impl(components.sleep_impl());
            SharedHttpConnector::new(Fork {
                builder: Box::new(move |proxy| builder.clone().proxy_config(proxy).build()),
                straight: OnceLock::new(),
                proxied: OnceLock::new(),
            })
        });
        connector.clone()
    }
}

/// Where the two ways part. Each is made when it is first taken: that reads the system's certificates.
struct Fork {
    builder: Box<dyn Fn(ProxyConfig) -> Connector + Send + Sync>,
    straight: OnceLock<Connector>,
    proxied: OnceLock<Connector>,
}

impl std::fmt::Debug for Fork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fork").finish_non_exhaustive()
    }
}

impl HttpConnector for Fork {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (way, proxy) = match leads_here(request.uri()) {
            true => (&self.straight, ProxyConfig::disabled()),
            false => (&self.proxied, ProxyConfig::from_env()),
        };
        way.get_or_init(|| (self.builder)(proxy)).call(request)
    }
}

/// A client for one file that AWS says where to fetch: encrypted, unless it is on this machine, and from there alone.
///
/// # Errors
/// When the URL is not encrypted, or the certificates to trust can't be read.
pub(crate) fn download(url: &str) -> std::result::Result<reqwest::Client, String> {
    let mut client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    if leads_here(url) {
        client = client.no_proxy();
    } else if !url.starts_with("https://") {
        return Err("the URL of the package is not encrypted".to_owned());
    }
    if let Some(path) = env::var_os(CA_BUNDLE).filter(|path| !path.is_empty()) {
        let certificates = fs::read(path)
            .ok()
            .and_then(|pem| reqwest::Certificate::from_pem_bundle(&pem).ok());
        let certificates =
            certificates.ok_or_else(|| format!("`{CA_BUNDLE}` names no certificates"))?;
        client = client.tls_certs_only(certificates);
    }
    client.build().map_err(|error| error.to_string())
}

/// The certificates to trust: the file's that `AWS_CA_BUNDLE` names, else the system's.
fn trusted() -> Result<TlsContext> {
    let Some(path) = env::var_os(CA_BUNDLE).filter(|path| !path.is_empty()) else {
        return Ok(TlsContext::default());
    };
    let wrong = || {
        let path = path.display();
        Error::new(
            ErrorKind::Usage,
            format!("could not read the certificates in `{path}`"),
        )
    };
    let hint = format!("`{CA_BUNDLE}` must name a file of certificates in PEM");
    let pem = fs::read(&path).map_err(|error| wrong().with_source(&error).with_hint(&hint))?;
    // Taken apart here, for the SDK panics over what it can't read.
    let readable = reqwest::Certificate::from_pem_bundle(&pem).is_ok_and(|certificates| {
        let are_some = !certificates.is_empty();
        let client = reqwest::Client::builder().tls_certs_only(certificates);
        are_some && client.build().is_ok()
    });
    if !readable {
        return Err(wrong()
            .with_cause("it has no certificate in PEM")
            .with_hint(hint));
    }
    TlsContext::builder()
        .with_trust_store(TrustStore::empty().with_pem_certificate(pem))
        .build()
        .map_err(|error| wrong().with_source(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_leads_to_this_machine() {
        for here in [
            "http://127.0.0.1:4566",
            "http://127.8.9.1",
            "http://localhost:1/path",
            "http://LOCALHOST",
            "http://acme.localhost",
            "http://[::1]:4566",
            "http://0.0.0.0:80",
            "http://169.254.169.254/latest/meta-data",
            "http://169.254.170.2/v2/credentials",
            "http://[fd00:ec2::254]/",
            "http://[fe80::1]/",
        ] {
            assert!(leads_here(here), "{here}");
        }
        for elsewhere in [
            "https://sts.eu-west-1.amazonaws.com",
            "http://localhost.example.com",
            "http://notlocalhost",
            "http://10.0.0.1",
            "http://192.168.0.1",
            "http://[2001:db8::1]/",
            "no URL",
        ] {
            assert!(!leads_here(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn the_first_variable_that_says_something_names_the_proxy() {
        type Case = (
            &'static [(&'static str, &'static str)],
            Option<(&'static str, &'static str)>,
        );
        let table: [Case; 6] = [
            (&[], None),
            (&[("HTTPS_PROXY", "")], None),
            (
                &[("https_proxy", "proxy:3128"), ("ALL_PROXY", "http://all")],
                Some(("https_proxy", "http://proxy:3128")),
            ),
            (
                &[("HTTPS_PROXY", ""), ("all_proxy", "https://all:1")],
                Some(("all_proxy", "https://all:1")),
            ),
            (
                &[("HTTPS_PROXY", "http://ada:hush@proxy:8080/")],
                Some(("HTTPS_PROXY", "http://proxy:8080")),
            ),
            (&[("HTTP_PROXY", "http://only-http")], None),
        ];
        for (variables, expected) in table {
            let lookup = |name: &str| {
                let found = variables.iter().find(|(set, _)| *set == name)?;
                Some(found.1.to_owned())
            };
            let found = named(&HTTPS_PROXIES, lookup).expect("they are right");
            let found = found
                .as_ref()
                .map(|proxy| (proxy.variable, proxy.address.as_str()));
            assert_eq!(found, expected, "{variables:?}");
        }
    }

    #[test]
    fn an_address_that_cannot_be_used_is_said_without_its_password() {
        for value in [
            "socks5://ada:hush@proxy",
            "http://ada:hush@",
            "http://:hush",
        ] {
            let error = named(&HTTPS_PROXIES, |_| Some(value.to_owned())).expect_err(value);
            assert!(error.message.contains("HTTPS_PROXY"), "{error:?}");
            assert!(!format!("{error:?}").contains("hush"), "{error:?}");
        }
    }
}
