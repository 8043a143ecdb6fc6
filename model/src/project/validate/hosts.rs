//! Host names, mail addresses and URLs, as far as a text alone can tell.

/// Whether `host` is a name such as `acme.com`: two labels or more, lower case.
pub(super) fn is_domain(host: &str) -> bool {
    host.len() <= 253
        && host.contains('.')
        && host.split('.').all(is_label)
        // No top-level domain is all digits, but the last byte of an IP address is.
        && !host.rsplit('.').next().is_some_and(|last| last.chars().all(|c| c.is_ascii_digit()))
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// The domain of a mail address, in lower case; `None` when it is no address.
pub(super) fn domain_of(address: &str) -> Option<String> {
    let (user, domain) = address.rsplit_once('@')?;
    let domain = domain.to_lowercase();
    let fine = !user.is_empty()
        && user.len() <= 64
        && user
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c))
        // Between dots there is something (RFC 5322, section 3.2.3).
        && user.split('.').all(|part| !part.is_empty())
        && is_domain(&domain);
    fine.then_some(domain)
}

/// Whether that is a mail address.
pub(in crate::project) fn is_address(text: &str) -> bool {
    domain_of(text).is_some()
}

/// What to write for a domain with other letters than those of ASCII: what DNS, certificates and mail know of it
/// is its A-label (RFC 5890).
pub(in crate::project) fn ascii_hint(text: &str) -> Option<&'static str> {
    (!text.is_ascii()).then_some("write the form of it that DNS has, which starts with `xn--`")
}

/// The parts of a URL the rules ask about.
pub(super) struct Url<'a> {
    pub(super) scheme: &'a str,
    pub(super) host: &'a str,
    /// Whether a name stands before the host.
    pub(super) has_user: bool,
    /// What stands behind the host's colon.
    port: Option<&'a str>,
}

/// Splits an absolute URL; `None` when it is none. Behind a scheme of one's own there need not be a host
/// (RFC 8252, section 7.1: `com.acme.app:/callback`).
pub(super) fn url(text: &str) -> Option<Url<'_>> {
    let (scheme, rest) = text.split_once(":/")?;
    let fine = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    if !fine || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let Some(rest) = rest.strip_prefix('/') else {
        let on_the_web = ["http", "https"].contains(&scheme.to_lowercase().as_str());
        return (!on_the_web).then_some(Url {
            scheme,
            host: "",
            has_user: false,
            port: None,
        });
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (user, place) = match authority.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, authority),
    };
    let (host, rest) = match place.strip_prefix('[') {
        Some(v6) => v6.split_once(']').unwrap_or((v6, "")),
        None => place.find(':').map_or((place, ""), |at| place.split_at(at)),
    };
    Some(Url {
        scheme,
        host,
        has_user: user.is_some(),
        port: rest.strip_prefix(':'),
    })
}

/// The first character that can't stand in a URL (RFC 3986, section 2), or a `%` that starts no escape.
pub(super) fn wrong_in_url(text: &str) -> Option<char> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let escapes = || {
            let mut digits = rest.clone().take(2);
            digits.clone().count() == 2 && digits.all(|c| c.is_ascii_hexdigit())
        };
        if !fine(c) || c == '%' && !escapes() {
            return Some(c);
        }
    }
    None
}

/// A character as a URL carries it.
pub(super) fn percent_encoded(c: char) -> String {
    let bytes = c.to_string().into_bytes();
    bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
}

impl Url<'_> {
    /// Whether the host is this machine, where TLS is neither usual nor needed.
    pub(super) fn is_loopback(&self) -> bool {
        matches!(self.host, "localhost" | "127.0.0.1" | "::1")
    }

    /// Whether the host is a name or an address, and the port one there can be.
    pub(super) fn has_right_host(&self) -> bool {
        let is_name = self.host.len() <= 253 && self.host.split('.').all(is_label);
        let is_address = self.host.parse::<core::net::IpAddr>().is_ok();
        let port = self.port.is_none_or(|port| {
            port.chars().all(|c| c.is_ascii_digit())
                && port.parse::<u16>().is_ok_and(|port| port > 0)
        });
        port && (is_name || is_address)
    }
}

/// Mail providers whose addresses anybody can have: their users are no company.
const PUBLIC_MAIL: [&str; 199] = [
    "10minutemail.com",
    "126.com",
    "139.com",
    "163.com",
    "21cn.com",
    "abv.bg",
    "aim.com",
    "alice.it",
    "aliyun.com",
    "anonaddy.me",
    "aol.com",
    "arcor.de",
    "att.net",
    "azet.sk",
    "bbox.fr",
    "bellsouth.net",
    "bigpond.com",
    "bk.ru",
    "bluewin.ch",
    "bol.com.br",
    "bredband.net",
    "btinternet.com",
    "centrum.cz",
    "charter.net",
    "citromail.hu",
    "comcast.net",
    "countermail.com",
    "cox.net",
    "daum.net",
    "dispostable.com",
    "disroot.org",
    "docomo.ne.jp",
    "duck.com",
    "earthlink.net",
    "email.com",
    "email.de",
    "ezweb.ne.jp",
    "fastmail.com",
    "fastmail.fm",
    "foxmail.com",
    "free.fr",
    "freemail.hu",
    "freenet.de",
    "frontier.com",
    "getnada.com",
    "globo.com",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.co.uk",
    "gmx.com",
    "gmx.de",
    "gmx.fr",
    "gmx.net",
    "googlemail.com",
    "guerrillamail.com",
    "hanmail.net",
    "hetnet.nl",
    "hey.com",
    "hey.xyz",
    "home.nl",
    "hotmail.ca",
    "hotmail.co.jp",
    "hotmail.co.uk",
    "hotmail.com",
    "hotmail.com.br",
    "hotmail.de",
    "hotmail.es",
    "hotmail.fr",
    "hotmail.it",
    "hushmail.com",
    "icloud.com",
    "ig.com.br",
    "iinet.net.au",
    "inbox.ru",
    "interia.pl",
    "internet.ru",
    "juno.com",
    "kpnmail.nl",
    "laposte.net",
    "libero.it",
    "list.ru",
    "live.ca",
    "live.co.uk",
    "live.com",
    "live.com.au",
    "live.de",
    "live.fr",
    "live.it",
    "live.nl",
    "mac.com",
    "mail.bg",
    "mail.com",
    "mail.de",
    "mail.ru",
    "mailbox.org",
    "maildrop.cc",
    "mailfence.com",
    "mailinator.com",
    "mailinator.net",
    "me.com",
    "mohmal.com",
    "mozmail.com",
    "msgsafe.io",
    "msn.com",
    "naver.com",
    "netzero.net",
    "neuf.fr",
    "nifty.com",
    "numericable.fr",
    "o2.pl",
    "onet.pl",
    "online.no",
    "optonline.net",
    "optusnet.com.au",
    "orange.fr",
    "outlook.com",
    "outlook.de",
    "outlook.es",
    "outlook.fr",
    "outlook.it",
    "passinbox.com",
    "passmail.net",
    "planet.nl",
    "pm.me",
    "posteo.de",
    "privaterelay.appleid.com",
    "prodigy.net.mx",
    "proton.me",
    "protonmail.ch",
    "protonmail.com",
    "qq.com",
    "rambler.ru",
    "rediffmail.com",
    "riseup.net",
    "rocketmail.com",
    "rogers.com",
    "runbox.com",
    "sbcglobal.net",
    "seznam.cz",
    "sfr.fr",
    "sharklasers.com",
    "shaw.ca",
    "simplelogin.com",
    "sina.com",
    "sky.com",
    "skynet.be",
    "softbank.ne.jp",
    "sohu.com",
    "startmail.com",
    "sympatico.ca",
    "t-online.de",
    "telenet.be",
    "telia.com",
    "temp-mail.org",
    "terra.com.br",
    "tiscali.it",
    "tom.com",
    "trashmail.com",
    "tuta.com",
    "tuta.io",
    "tutanota.com",
    "tutanota.de",
    "ukr.net",
    "uol.com.br",
    "verizon.net",
    "virgilio.it",
    "virginmedia.com",
    "vk.com",
    "wanadoo.fr",
    "web.de",
    "windstream.net",
    "wp.pl",
    "xs4all.nl",
    "xtra.co.nz",
    "yahoo.ca",
    "yahoo.co.in",
    "yahoo.co.jp",
    "yahoo.co.uk",
    "yahoo.com",
    "yahoo.com.au",
    "yahoo.com.br",
    "yahoo.com.mx",
    "yahoo.de",
    "yahoo.es",
    "yahoo.fr",
    "yahoo.in",
    "yahoo.it",
    "yandex.by",
    "yandex.com",
    "yandex.kz",
    "yandex.ru",
    "yeah.net",
    "ymail.com",
    "yopmail.com",
    "ziggo.nl",
    "zoho.com",
    "zoho.eu",
    "zohomail.com",
];

/// Whether `domain` is one under which others register theirs, such as `co.uk`: whose it is, is nobody's question. By the
/// public suffix list, which `psl` carries; a suffix that the list doesn't know is a single label, and no domain here.
pub(super) fn is_public_suffix(domain: &str) -> bool {
    psl::domain_str(domain).is_none()
}

/// Whether anybody can have an address at `domain`.
pub(super) fn is_public_mail(domain: &str) -> bool {
    PUBLIC_MAIL.binary_search(&domain).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_and_addresses() {
        for good in ["acme.com", "a.b-c.co.uk", "xn--bcher-kva.example"] {
            assert!(is_domain(good), "{good}");
        }
        for bad in [
            "",
            "acme",
            "acme.",
            ".com",
            "a b.com",
            "*.acme.com",
            "-a.com",
            "127.0.0.1",
        ] {
            assert!(!is_domain(bad), "{bad}");
        }
        assert_eq!(domain_of("a.b+c@Acme.com").as_deref(), Some("acme.com"));
        for bad in [
            "acme.com",
            "@acme.com",
            "a@b",
            "a b@acme.com",
            "*@acme.com@",
            ".a@acme.com",
            "a..b@acme.com",
            "a@m\u{fc}ller.de",
        ] {
            assert_eq!(domain_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn urls() {
        let local = url("http://[::1]:3000/callback").expect("it is a URL");
        assert!(local.is_loopback() && local.scheme == "http");
        assert!(
            !url("http://localhost.evil.com/")
                .expect("it is a URL")
                .is_loopback()
        );
        assert_eq!(url("myapp://callback").map(|url| url.scheme), Some("myapp"));
        for bad in [
            "",
            "localhost:3000",
            "https//a.com",
            "ht tp://a",
            "://a",
            "https://a b",
        ] {
            assert!(url(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn what_stands_in_no_url() {
        for (text, wrong) in [
            ("https://a.com/b?c=%C3%BC#d", None),
            ("https://a.com/\u{fc}", Some('\u{fc}')),
            ("https://a.com/<id>", Some('<')),
            ("https://a.com/%C", Some('%')),
            ("https://a.com/%zz", Some('%')),
        ] {
            assert_eq!(wrong_in_url(text), wrong, "{text}");
        }
        assert_eq!(percent_encoded('\u{fc}'), "%C3%BC");
    }

    #[test]
    fn public_mail_is_sorted_for_the_search() {
        assert!(PUBLIC_MAIL.is_sorted());
        assert!(is_public_mail("gmail.com") && !is_public_mail("acme.com"));
        for suffix in ["co.uk", "com.au", "ac.jp", "github.io", "gov.br"] {
            assert!(is_public_suffix(suffix), "{suffix}");
        }
        for own in [
            "acme.co.uk",
            "acme.com",
            "eu.acme.com",
            "acme.example",
            "acme.unknown",
        ] {
            assert!(!is_public_suffix(own), "{own}");
        }
    }
}
