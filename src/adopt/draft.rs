//! What a project file can say of a pool that is there: each part as it would stand in the file.

use saasauth_model::project::stage::is_standard_attribute;
use saasauth_model::project::words::letters_and_digits;
use saasauth_model::resource::Live;
use serde_json::Value;

use super::yaml::{list, map, text};
use crate::aws::WholePool;
use crate::scaffold::shortened;

/// The parts of the file, written already.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    /// Keys of `sign_in`, with their values.
    pub(super) sign_in: Vec<(&'static str, String)>,
    /// Attributes, with what is said of each.
    pub(super) attributes: Vec<(String, String)>,
    /// Providers, by their names in the file.
    pub(super) providers: Vec<(String, String)>,
    /// Clients, by their names in the file, and their IDs.
    pub(super) clients: Vec<(String, String, String)>,
    pub(super) hosted_ui: Option<String>,
    pub(super) roles: Vec<String>,
    pub(super) email: Option<String>,
}

fn texts(value: &Value) -> Vec<&str> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).collect()
}

/// The ways of saying how users sign in, the fullest first: what a way leaves out stays as it is all the same.
pub(super) fn sign_in(pool: &Value, has_sender: bool) -> Vec<Vec<(&'static str, String)>> {
    let mut keys = Vec::new();
    let names = texts(&pool["UsernameAttributes"]);
    let with: Vec<&str> = match names.as_slice() {
        [] => vec!["username"],
        names => names
            .iter()
            .map(|name| match *name {
                "phone_number" => "phone",
                _ => "email",
            })
            .collect(),
    };
    keys.push(("with", list(with)));
    keys.extend(password(&pool["Policies"]["PasswordPolicy"]));
    let plan = match pool["UserPoolTier"].as_str() {
        Some("PLUS") => "plus",
        _ => "essentials",
    };
    keys.push(("plan", text(plan)));
    let verified = texts(&pool["AutoVerifiedAttributes"]);
    let by = match verified.contains(&"email") {
        true => Some("email"),
        false => verified.contains(&"phone_number").then_some("sms"),
    };
    let by_link = pool["VerificationMessageTemplate"]["DefaultEmailOption"] == "CONFIRM_WITH_LINK";
    let how = if by_link { "link" } else { "code" };
    let verify = by.map(|by| ("verify", map(&[("by", text(by)), ("how", text(how))])));
    let factors = texts(&pool["EnabledMfas"]).into_iter();
    let factors = factors.filter_map(|factor| match factor {
        "SOFTWARE_TOKEN_MFA" => Some("totp"),
        "SMS_MFA" => Some("sms"),
        "EMAIL_OTP" if has_sender => Some("email"),
        _ => None,
    });
    let mode = match pool["MfaConfiguration"].as_str() {
        Some("ON") => "required",
        Some("OPTIONAL") => "optional",
        _ => "off",
    };
    let factors: Vec<&str> = factors.collect();
    let mfa = (mode != "off" && !factors.is_empty()).then(|| {
        let methods = ("methods", list(factors));
        ("mfa", map(&[("mode", text(mode)), methods]))
    });
    let ways = pool["AccountRecoverySetting"]["RecoveryMechanisms"].as_array();
    let mut ways: Vec<&Value> = ways.into_iter().flatten().collect();
    ways.sort_by_key(|way| way["Priority"].as_u64());
    let ways = ways
        .into_iter()
        .filter_map(|way| match way["Name"].as_str()? {
            "verified_email" => Some("email"),
            "verified_phone_number" => Some("phone"),
            "admin_only" => Some("admin"),
            _ => None,
        });
    let ways: Vec<&str> = ways.collect();
    let recovery = (!ways.is_empty()).then(|| ("recovery", list(ways)));
    let of = |parts: [&Option<(&'static str, String)>; 3]| {
        let mut keys = keys.clone();
        keys.extend(parts.into_iter().flatten().cloned());
        keys
    };
    vec![
        of([&verify, &mfa, &recovery]),
        of([&verify, &mfa, &None]),
        of([&verify, &None, &recovery]),
        of([&verify, &None, &None]),
        of([&None, &mfa, &None]),
        of([&None, &None, &None]),
    ]
}

fn password(policy: &Value) -> Option<(&'static str, String)> {
    let mut keys = Vec::new();
    let length = policy["MinimumLength"].as_u64()?;
    keys.push(("min_length", length.to_string()));
    let rules = [
        ("RequireLowercase", "lowercase"),
        ("RequireUppercase", "uppercase"),
        ("RequireNumbers", "digits"),
        ("RequireSymbols", "symbols"),
    ];
    let required = rules.iter().filter(|(name, _)| policy[*name] == true);
    keys.push(("require", list(required.map(|(_, word)| *word))));
    for (name, key) in [
        ("TemporaryPasswordValidityDays", "temporary_password_days"),
        ("PasswordHistorySize", "history"),
    ] {
        if let Some(number) = policy[name].as_u64().filter(|&number| number > 0) {
            keys.push((key, number.to_string()));
        }
    }
    Some(("password", map(&keys)))
}

/// The attributes there is something to say of: one's own, and those that are required. AWS tells of every standard one.
pub(super) fn attributes(pool: &Value) -> Vec<(String, String)> {
    let all = pool["Schema"].as_array().into_iter().flatten();
    let said = all.filter_map(|one| {
        let name = one["Name"].as_str()?;
        let is_standard = is_standard_attribute(name);
        let is_required = one["Required"] == true;
        let is_immutable = one["Mutable"] == false;
        // What Cognito keeps itself, and what developers alone write.
        let is_own = ["sub", "identities", "username", "cognito:user_status"].contains(&name)
            || name.ends_with("_verified")
            || name.contains(':')
            || one["DeveloperOnlyAttribute"] == true;
        if is_own || is_standard && !is_required {
            return None;
        }
        let mut keys = Vec::new();
        if !is_standard {
            let kind = match one["AttributeDataType"].as_str()? {
                "Number" => "number",
                "Boolean" => "boolean",
                "DateTime" => "datetime",
                _ => "string",
            };
            keys.push(("type", text(kind)));
            for (part, bound, key) in [
                ("StringAttributeConstraints", "MinLength", "min_length"),
                ("StringAttributeConstraints", "MaxLength", "max_length"),
                ("NumberAttributeConstraints", "MinValue", "min"),
                ("NumberAttributeConstraints", "MaxValue", "max"),
            ] {
                let bound = one[part][bound]
                    .as_str()
                    .and_then(|text| text.parse::<i64>().ok());
                // The widest bounds say nothing.
                let widest = [("min_length", 0), ("max_length", 2048)];
                if let Some(bound) = bound.filter(|&bound| !widest.contains(&(key, bound))) {
                    keys.push((key, bound.to_string()));
                }
            }
        }
        if is_required {
            keys.push(("required", "true".to_owned()));
        }
        if is_immutable {
            keys.push(("mutable", "false".to_owned()));
        }
        Some((name.to_owned(), map(&keys)))
    });
    said.collect()
}

/// The ways of saying what a client is, the fullest first.
pub(super) fn client(client: &Value) -> Vec<String> {
    let flows = texts(&client["AllowedOAuthFlows"]);
    let has_secret = client["GenerateSecret"] == true;
    let callbacks = texts(&client["CallbackURLs"]);
    let logouts = texts(&client["LogoutURLs"]);
    let is_web = |url: &&str| url.starts_with("https://") || url.starts_with("http://");
    let kind = match (has_secret, flows.contains(&"client_credentials")) {
        (true, true) => "machine",
        (true, false) => "server",
        (false, _) if callbacks.iter().all(is_web) => "spa",
        (false, _) => "native",
    };
    let mut base = vec![("kind", text(kind))];
    if kind == "machine" {
        // Its scopes are another resource server's, which this file has no word for.
        let scopes = texts(&client["AllowedOAuthScopes"]).into_iter();
        let own = scopes.filter_map(|scope| scope.split_once('/').map(|(_, own)| own));
        base.push(("scopes", list(own)));
        return vec![map(&base)];
    }
    let duration = |name: &str| {
        let seconds = client[name].as_u64()?;
        Some(match seconds {
            days if days % 86_400 == 0 => format!("{}d", days / 86_400),
            hours if hours % 3600 == 0 => format!("{}h", hours / 3600),
            minutes if minutes % 60 == 0 => format!("{}m", minutes / 60),
            seconds => format!("{seconds}s"),
        })
    };
    let mut tokens: Vec<(&str, String)> = [
        ("access", "AccessTokenValidity"),
        ("id", "IdTokenValidity"),
        ("refresh", "RefreshTokenValidity"),
    ]
    .into_iter()
    .filter_map(|(key, name)| Some((key, duration(name)?)))
    .collect();
    let rotation = &client["RefreshTokenRotation"];
    if rotation["Feature"] == "ENABLED" {
        tokens.push(("rotate", "true".to_owned()));
        if let Some(grace) = rotation["RetryGracePeriodSeconds"].as_u64() {
            tokens.push(("retry_grace", format!("{grace}s")));
        }
    } else if kind == "spa" {
        // Switched on it would end every refresh by the older flow.
        tokens.push(("rotate", "false".to_owned()));
    }
    let scopes = texts(&client["AllowedOAuthScopes"]);
    let mut urls = Vec::new();
    if !callbacks.is_empty() {
        urls.push(("callback_urls", list(callbacks)));
    }
    if !logouts.is_empty() {
        urls.push(("logout_urls", list(logouts)));
    }
    let scopes = (!scopes.is_empty()).then(|| ("scopes", list(scopes)));
    let tokens = ("tokens", map(&tokens));
    let of = |more: Vec<(&'static str, String)>| {
        let mut keys = base.clone();
        keys.extend(more);
        map(&keys)
    };
    let with = |parts: [&[(&'static str, String)]; 3]| of(parts.concat());
    let (scopes, tokens) = (scopes.as_slice(), std::slice::from_ref(&tokens));
    let rotate: &[_] = match kind {
        "spa" => &[("tokens", map(&[("rotate", "false".to_owned())]))],
        _ => &[],
    };
    vec![
        with([&urls, tokens, scopes]),
        with([&urls, tokens, &[]]),
        with([&urls, rotate, &[]]),
        with([&[], tokens, &[]]),
        with([&[], rotate, &[]]),
    ]
}

/// How the file names a provider, and what it says of it. `secret` is the name its secret shall have in SSM.
pub(super) fn provider(provider: &Value, secret: impl Fn(&str) -> String) -> (String, String) {
    let details = &provider["ProviderDetails"];
    let own = provider["ProviderName"].as_str().unwrap_or_default();
    let (name, kind) = match provider["ProviderType"].as_str() {
        Some("Google") => ("google", None),
        Some("SignInWithApple") => ("apple", None),
        Some("Facebook") => ("facebook", None),
        Some("LoginWithAmazon") => ("amazon", None),
        Some("SAML") => (own, Some("saml")),
        _ => (own, Some("oidc")),
    };
    let mut keys = Vec::new();
    keys.extend(kind.map(|kind| ("kind", text(kind))));
    for (detail, key) in [
        ("client_id", "client_id"),
        ("team_id", "team_id"),
        ("key_id", "key_id"),
        ("oidc_issuer", "issuer"),
        ("MetadataURL", "metadata_url"),
    ] {
        keys.extend(details[detail].as_str().map(|value| (key, text(value))));
    }
    match name {
        "apple" => keys.push(("private_key", text(&secret(name)))),
        _ if kind == Some("saml") => {}
        _ => keys.push(("client_secret", text(&secret(name)))),
    }
    if let Some(scopes) = details["authorize_scopes"].as_str() {
        let scopes = scopes.split([' ', ',']).filter(|scope| !scope.is_empty());
        keys.push(("scopes", list(scopes)));
    }
    let identifiers = texts(&provider["IdpIdentifiers"]);
    if !identifiers.is_empty() {
        keys.push(("identifiers", list(identifiers)));
    }
    (name.to_owned(), map(&keys))
}

/// The hosted UI.
pub(super) fn hosted_ui(domain: &Live) -> Option<String> {
    let name = domain.properties["Domain"].as_str()?;
    let certificate = &domain.properties["CustomDomainConfig"]["CertificateArn"];
    Some(match certificate.as_str() {
        Some(arn) => map(&[("domain", text(name)), ("certificate_arn", text(arn))]),
        None => map(&[("prefix", text(name))]),
    })
}

/// The sender of mail, where it is one of this region.
pub(super) fn email(pool: &Value, region: &str) -> Option<String> {
    let email = &pool["EmailConfiguration"];
    if email["EmailSendingAccount"] != "DEVELOPER" {
        return None;
    }
    // `arn:aws:ses:REGION:ACCOUNT:identity/NAME`.
    let arn = email["SourceArn"].as_str()?;
    let (place, identity) = arn.split_once(":identity/")?;
    let from = email["From"]
        .as_str()
        .or(identity.contains('@').then_some(identity))?;
    let is_here = place.split(':').nth(3) == Some(region);
    is_here.then(|| map(&[("from", text(from)), ("identity", text(identity))]))
}

/// A name as the file takes it: small letters, digits and single hyphens, other than those `taken`.
pub(super) fn legal(name: &str, usual: &str, taken: &[String]) -> String {
    let mut legal = shortened(name, 28);
    if legal.is_empty() {
        legal = usual.to_owned();
    }
    // Names that differ in hyphens alone come down to one logical ID.
    let is_free = |name: &str| {
        let mut taken = taken.iter();
        taken
            .all(|other| !letters_and_digits(other).eq_ignore_ascii_case(&letters_and_digits(name)))
    };
    let mut numbered = (2..).map(|number| format!("{legal}-{number}"));
    match is_free(&legal) {
        true => legal.clone(),
        // There is always a next number.
        false => numbered.find(|name| is_free(name)).unwrap_or_default(),
    }
}

impl Parts {
    /// What hangs from the pool and the file has no word for: left as it is, and nobody's business here.
    pub(super) fn left(&self, whole: &WholePool) -> Vec<String> {
        let mut left = Vec::new();
        for client in &whole.clients {
            let id = client.physical_id.rsplit('|').next().unwrap_or_default();
            if !self.clients.iter().any(|(_, _, known)| known == id) {
                let name = client.properties["ClientName"].as_str().unwrap_or_default();
                left.push(format!("client `{}` ({id})", name.escape_debug()));
            }
        }
        let groups = whole
            .groups
            .iter()
            .filter(|group| !self.roles.contains(group));
        left.extend(groups.map(|group| format!("group `{}`", group.escape_debug())));
        for provider in &whole.providers {
            let (name, _) = self::provider(&provider.properties, str::to_owned);
            if !self.providers.iter().any(|(known, _)| *known == name) {
                left.push(format!("identity provider `{}`", name.escape_debug()));
            }
        }
        let servers = whole.resource_servers.iter();
        left.extend(servers.map(|one| format!("resource server `{}`", one.escape_debug())));
        left.extend(
            whole
                .other_domain
                .iter()
                .map(|one| format!("domain `{one}`")),
        );
        if self.hosted_ui.is_none()
            && let Some(domain) = &whole.domain
        {
            left.push(format!(
                "domain `{}`",
                domain.properties["Domain"].as_str().unwrap_or("?")
            ));
        }
        left
    }
}
