//! Marketing platforms: who opted in, where it goes, and that no secret stands in the file.

use std::collections::BTreeMap;

use super::secrets::{WrongName, parameter_name};
use super::{Report, hosts};
use crate::project::file;
use crate::project::source::Span;
use crate::project::stage::{
    AttributeKind, Beehiiv, Client, ClientKind, Hubspot, Kit, Mailchimp, Marketing, Platforms,
    Secret, SignIn, Webhook,
};
use crate::project::tree::At;
use crate::project::words;

/// Lambda gives all of a function's environment 4 KB; this leaves a quarter to everything else.
const MAX_SETTINGS: usize = 3 * 1024;

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
        platforms: platforms(marketing, sign_in, report),
    };
    if resolved.secrets().is_empty() {
        report.add(
            at.span,
            "`marketing` names no platform",
            "add `mailchimp`, `hubspot`, `beehiiv`, `kit` or `webhook`, or remove `marketing`",
        );
    }
    // Our structs hold strings, booleans, lists and string-keyed maps; none can fail.
    let size = serde_json::to_string(&resolved).map_or(0, |text| text.len());
    if size > MAX_SETTINGS {
        report.add(
            at.span,
            format!("the marketing settings take {size} bytes"),
            format!(
                "a function's environment has room for {MAX_SETTINGS}; map fewer fields, or shorten tags"
            ),
        );
    }
    Some(resolved)
}

fn platforms(marketing: &file::Marketing, sign_in: &SignIn, report: &mut Report<'_>) -> Platforms {
    Platforms {
        mailchimp: marketing.mailchimp.as_ref().map(|at| Mailchimp {
            list: identifier(at.value.list.as_ref(), "list", at.span, report),
            api_key: secret(at.value.api_key.as_ref(), "api_key", at.span, report),
            double_opt_in: at.value.double_opt_in.unwrap_or(true),
            tags: tags(at.value.tags.as_deref(), report),
            fields: fields(at.value.fields.as_ref(), sign_in, report),
            endpoint: endpoint(at.value.endpoint.as_ref(), report),
        }),
        hubspot: marketing.hubspot.as_ref().map(|at| Hubspot {
            token: secret(at.value.token.as_ref(), "token", at.span, report),
            fields: fields(at.value.fields.as_ref(), sign_in, report),
            endpoint: endpoint(at.value.endpoint.as_ref(), report),
        }),
        beehiiv: marketing.beehiiv.as_ref().map(|at| Beehiiv {
            publication: identifier(
                at.value.publication.as_ref(),
                "publication",
                at.span,
                report,
            ),
            api_key: secret(at.value.api_key.as_ref(), "api_key", at.span, report),
            double_opt_in: at.value.double_opt_in.unwrap_or(true),
            tags: tags(at.value.tags.as_deref(), report),
            fields: fields(at.value.fields.as_ref(), sign_in, report),
            endpoint: endpoint(at.value.endpoint.as_ref(), report),
        }),
        kit: marketing.kit.as_ref().map(|at| Kit {
            form: identifier(at.value.form.as_ref(), "form", at.span, report),
            api_key: secret(at.value.api_key.as_ref(), "api_key", at.span, report),
            double_opt_in: at.value.double_opt_in.unwrap_or(true),
            tags: tags(at.value.tags.as_deref(), report),
            fields: fields(at.value.fields.as_ref(), sign_in, report),
            endpoint: endpoint(at.value.endpoint.as_ref(), report),
        }),
        webhook: marketing.webhook.as_ref().map(|at| Webhook {
            url: webhook_url(at.value.url.as_ref(), at.span, report),
            secret: secret(at.value.secret.as_ref(), "secret", at.span, report),
        }),
    }
}

fn tags(tags: Option<&[At<String>]>, report: &mut Report<'_>) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for tag in tags.unwrap_or_default() {
        if tag.value.trim().is_empty() {
            report.add(tag.span, "a tag is empty", "name it, or remove it");
        } else if seen.contains(&tag.value) {
            report.add(
                tag.span,
                format!("the tag `{}` stands here twice", tag.value),
                "remove one",
            );
        }
        seen.push(tag.value.clone());
    }
    seen
}

fn fields(
    fields: Option<&BTreeMap<file::Name, At<String>>>,
    sign_in: &SignIn,
    report: &mut Report<'_>,
) -> BTreeMap<String, String> {
    let mut resolved = BTreeMap::new();
    for (field, attribute) in fields.into_iter().flatten() {
        if field.value.trim().is_empty() {
            report.add(
                field.span,
                "a field has no name",
                "write the platform's name of it, such as `FNAME: name`",
            );
        }
        let name = attribute.value.as_str();
        if !sign_in.attributes.contains_key(name) {
            report.add(
                attribute.span,
                format!(
                    "the field `{}` takes `{name}`, which is no attribute",
                    field.value
                ),
                words::hint(name, sign_in.attributes.keys().map(String::as_str)),
            );
        }
        resolved.insert(field.value.clone(), attribute.value.clone());
    }
    resolved
}

fn endpoint(value: Option<&At<String>>, report: &mut Report<'_>) -> Option<String> {
    let at = value?;
    check_receiver(at, report);
    // Paths are put behind it.
    Some(at.value.trim_end_matches('/').to_owned())
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
    check_receiver(&at, report);
    at.value
}

/// Reports a URL that no request with somebody's data may go to.
fn check_receiver(at: &At<String>, report: &mut Report<'_>) {
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
}

/// A reference to a secret. What stands there instead is never repeated in the message.
fn secret(value: Option<&At<String>>, key: &str, owner: Span, report: &mut Report<'_>) -> Secret {
    let hint = format!("add `{key}: \"ssm:/NAME\"`, then run `saasauth secret set /NAME`");
    let at = report.required(value, key, owner, &hint);
    if at.value.trim().is_empty() {
        return Secret(String::new());
    }
    let Some(name) = at.value.strip_prefix("ssm:") else {
        report.add(
            at.span,
            format!("`{key}` holds something else than a reference"),
            "write `\"ssm:/NAME\"`, and give the secret itself to `saasauth secret set /NAME`",
        );
        if let Some(error) = report.errors.last_mut() {
            error.place = Some(report.source.covered_place(at.span));
            let hint = "if it was a real secret, revoke it: it stands in a file";
            error.hints.push(hint.to_owned());
        }
        return Secret(String::new());
    };
    match parameter_name(name) {
        Ok(()) => {}
        Err(WrongName::Misspelled) => report.add(
            at.span,
            format!("`{key}` is no parameter's name"),
            "write `ssm:/name/of/it` in letters, digits and `/_.-`",
        ),
        Err(WrongName::Reserved) => report.add(
            at.span,
            format!("the parameter `{name}` starts with a reserved word"),
            "SSM keeps names starting with `/aws` and `/ssm`; pick another",
        ),
    }
    Secret(name.to_owned())
}
