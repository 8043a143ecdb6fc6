//! Marketing platforms: who opted in, where it goes, and that no secret stands in the file.

use std::collections::BTreeMap;

use super::{Report, hosts};
use crate::project::file;
use crate::project::source::Span;
use crate::project::stage::{
    AttributeKind, Beehiiv, Client, ClientKind, Hubspot, Kit, Mailchimp, Marketing, Secret, SignIn,
    Webhook,
};
use crate::project::tree::At;
use crate::project::words;

/// SSM's limits for a parameter's name.
const MAX_PARAMETER: usize = 1011;
const MAX_LEVELS: usize = 15;

pub(super) fn marketing(
    file: &file::Stage,
    sign_in: &SignIn,
    clients: &BTreeMap<String, Client>,
    report: &mut Report<'_>,
) -> Option<Marketing> {
    let at = file.marketing.as_ref()?;
    let marketing = &at.value;
    let opt_in = opt_in(marketing, at.span, sign_in, clients, report);
    let resolved = Marketing {
        opt_in,
        mailchimp: marketing.mailchimp.as_ref().map(|at| Mailchimp {
            list: identifier(at.value.list.as_ref(), "list", at.span, report),
            api_key: secret(at.value.api_key.as_ref(), "api_key", at.span, report),
        }),
        hubspot: marketing.hubspot.as_ref().map(|at| Hubspot {
            token: secret(at.value.token.as_ref(), "token", at.span, report),
        }),
        beehiiv: marketing.beehiiv.as_ref().map(|at| Beehiiv {
            publication: identifier(
                at.value.publication.as_ref(),
                "publication",
                at.span,
                report,
            ),
            api_key: secret(at.value.api_key.as_ref(), "api_key", at.span, report),
        }),
        kit: marketing.kit.as_ref().map(|at| Kit {
            form: identifier(at.value.form.as_ref(), "form", at.span, report),
            api_key: secret(at.value.api_key.as_ref(), "api_key", at.span, report),
        }),
        webhook: marketing.webhook.as_ref().map(|at| Webhook {
            url: webhook_url(at.value.url.as_ref(), at.span, report),
            secret: secret(at.value.secret.as_ref(), "secret", at.span, report),
        }),
    };
    if resolved.secrets().is_empty() {
        report.add(
            at.span,
            "`marketing` names no platform",
            "add `mailchimp`, `hubspot`, `beehiiv`, `kit` or `webhook`, or remove `marketing`",
        );
    }
    Some(resolved)
}

fn opt_in(
    marketing: &file::Marketing,
    owner: Span,
    sign_in: &SignIn,
    clients: &BTreeMap<String, Client>,
    report: &mut Report<'_>,
) -> String {
    let hint = "add `opt_in: ATTRIBUTE`: nobody is signed up for marketing without saying so";
    let opt_in = report.required(marketing.opt_in.as_ref(), "opt_in", owner, hint);
    let name = opt_in.value.as_str();
    if name.is_empty() {
        return opt_in.value;
    }
    let Some(attribute) = sign_in.attributes.get(name) else {
        let near = words::nearest(name, sign_in.attributes.keys().map(String::as_str));
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add `{name}: {{ type: boolean }}` under `sign_in.attributes`"),
        };
        report.add(opt_in.span, format!("there is no attribute `{name}`"), hint);
        return opt_in.value;
    };
    if attribute.standard
        || !matches!(
            attribute.kind,
            AttributeKind::Boolean | AttributeKind::String { .. }
        )
    {
        report.add(
            opt_in.span,
            format!("`{name}` can't hold a yes or no"),
            "use an attribute of your own with `type: boolean`",
        );
    }
    let mut for_users = clients
        .values()
        .filter(|client| client.kind != ClientKind::Machine)
        .peekable();
    if for_users.peek().is_some() && !for_users.any(|client| client.write.contains(name)) {
        report.add(
            opt_in.span,
            format!("no client may write `{name}`, so nobody could opt in"),
            format!("add `{name}` to a client's `write`"),
        );
    }
    opt_in.value
}

fn identifier(
    value: Option<&At<String>>,
    key: &str,
    owner: Span,
    report: &mut Report<'_>,
) -> String {
    let hint = format!("add `{key}`, as the platform's settings show it");
    let value = report.required(value, key, owner, &hint);
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !value.value.trim().is_empty() && !value.value.chars().all(fine) {
        report.add(
            value.span,
            format!("`{key}` holds more than letters, digits, `-` and `_`"),
            format!("copy the ID of the {key} alone, not its name or its URL"),
        );
    }
    value.value
}

fn webhook_url(value: Option<&At<String>>, owner: Span, report: &mut Report<'_>) -> String {
    let hint = "add `url: https://…`, where the request goes";
    let at = report.required(value, "url", owner, hint);
    if at.value.trim().is_empty() {
        return at.value;
    }
    let fine = hosts::url(&at.value).is_some_and(|url| {
        !url.host.is_empty() && (url.scheme == "https" || url.scheme == "http" && url.is_loopback())
    });
    if !fine {
        report.add(
            at.span,
            format!("`{}` can't receive requests", at.value),
            "write an `https://` URL; plain http is for localhost only",
        );
    }
    at.value
}

/// A reference to a secret. What stands there instead is never repeated in the message.
fn secret(value: Option<&At<String>>, key: &str, owner: Span, report: &mut Report<'_>) -> Secret {
    let hint = format!("add `{key}: \"ssm:/NAME\"`, the name of an SSM SecureString that holds it");
    let at = report.required(value, key, owner, &hint);
    if at.value.trim().is_empty() {
        return Secret(String::new());
    }
    let Some(name) = at.value.strip_prefix("ssm:") else {
        report.add(
            at.span,
            format!("`{key}` holds something else than a reference"),
            "write `\"ssm:/NAME\"`, the name of an SSM SecureString that holds it",
        );
        if let Some(error) = report.errors.last_mut() {
            error.place = Some(report.source.covered_place(at.span));
            let hint = "if it was a real secret, revoke it: it stands in a file";
            error.hints.push(hint.to_owned());
        }
        return Secret(String::new());
    };
    let levels = name.matches('/').count();
    let fine = name.starts_with('/')
        && !name.ends_with('/')
        && !name.contains("//")
        && name.len() <= MAX_PARAMETER
        && levels <= MAX_LEVELS
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/_.-".contains(c));
    let reserved = ["/aws", "/ssm"]
        .iter()
        .any(|word| name.to_lowercase().starts_with(word));
    if !fine {
        report.add(
            at.span,
            format!("`{key}` is no parameter's name"),
            "write `ssm:/name/of/it` in letters, digits and `/_.-`",
        );
    } else if reserved {
        report.add(
            at.span,
            format!("the parameter `{name}` starts with a reserved word"),
            "SSM keeps names starting with `/aws` and `/ssm`; pick another",
        );
    }
    Secret(name.to_owned())
}
