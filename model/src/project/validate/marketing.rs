//! Marketing platforms: who opted in, where it goes, and that no secret stands in the file.

use std::collections::BTreeMap;

use saasauth_contract::environment::LONGEST_MARKETING;

use super::{Report, hosts};
use crate::project::source::{Span, is_secret_parameter};
use crate::project::stage::{
    AttributeType, Beehiiv, Client, ClientKind, Hubspot, Kit, Mailchimp, Marketing, Secret, SignIn,
    Webhook, is_standard_attribute,
};
use crate::project::tree::{At, Name};
use crate::project::words;

pub(super) fn marketing(
    at: &mut At<Marketing>,
    sign_in: &SignIn,
    clients: &BTreeMap<Name, Client>,
    report: &mut Report<'_>,
) {
    let span = at.span();
    let Marketing {
        opt_in,
        mailchimp,
        hubspot,
        beehiiv,
        kit,
        webhook,
    } = &mut at.value;
    let hint = "add `opt_in: ATTRIBUTE`: nobody is signed up for marketing without saying so";
    if report.required(opt_in, "opt_in", span, hint) {
        check_opt_in(opt_in, sign_in, clients, report);
    }
    if let Some(at) = mailchimp {
        let owner = at.span();
        let Mailchimp {
            list,
            api_key,
            double_opt_in: _,
            tags,
            fields,
            endpoint,
        } = &mut at.value;
        check_identifier(list, "list", owner, report);
        check_secret(api_key, "api_key", owner, report);
        check_tags(tags, report);
        check_fields(fields, sign_in, report);
        check_endpoint(endpoint.as_mut(), report);
    }
    if let Some(at) = hubspot {
        let owner = at.span();
        let Hubspot {
            token,
            fields,
            endpoint,
        } = &mut at.value;
        check_secret(token, "token", owner, report);
        check_fields(fields, sign_in, report);
        check_endpoint(endpoint.as_mut(), report);
    }
    if let Some(at) = beehiiv {
        let owner = at.span();
        let Beehiiv {
            publication,
            api_key,
            double_opt_in: _,
            tags,
            fields,
            endpoint,
        } = &mut at.value;
        check_identifier(publication, "publication", owner, report);
        check_secret(api_key, "api_key", owner, report);
        check_tags(tags, report);
        check_fields(fields, sign_in, report);
        check_endpoint(endpoint.as_mut(), report);
    }
    if let Some(at) = kit {
        let owner = at.span();
        let Kit {
            form,
            api_key,
            double_opt_in: _,
            tags,
            fields,
            endpoint,
        } = &mut at.value;
        check_identifier(form, "form", owner, report);
        check_secret(api_key, "api_key", owner, report);
        check_tags(tags, report);
        check_fields(fields, sign_in, report);
        check_endpoint(endpoint.as_mut(), report);
    }
    if let Some(at) = webhook {
        let Webhook { url, secret } = &**at;
        let hint = "add `url: https://…`, where the request goes";
        if report.required(url, "url", at.span(), hint) {
            check_receiver(url, report);
        }
        check_secret(secret, "secret", at.span(), report);
    }
    check_whole(at, report);
}

fn check_whole(at: &At<Marketing>, report: &mut Report<'_>) {
    if at.secrets().is_empty() {
        report.add(
            at.span(),
            "`marketing` names no platform",
            "add `mailchimp`, `hubspot`, `beehiiv`, `kit` or `webhook`, or remove `marketing`",
        );
    }
    let size = at.settings_text().len();
    if size > LONGEST_MARKETING {
        report.add(
            at.span(),
            format!("the marketing settings take {size} bytes"),
            format!(
                "a function's environment has room for {LONGEST_MARKETING}; map fewer fields, or shorten tags"
            ),
        );
    }
}

fn check_tags(tags: &[At<String>], report: &mut Report<'_>) {
    for (at, tag) in tags.iter().enumerate() {
        if tag.trim().is_empty() {
            report.add(tag.span(), "a tag is empty", "name it, or remove it");
        } else if tags[..at].contains(tag) {
            report.add(
                tag.span(),
                format!("the tag `{tag}` stands here twice"),
                "remove one",
            );
        }
    }
}

fn check_fields(fields: &BTreeMap<Name, At<String>>, sign_in: &SignIn, report: &mut Report<'_>) {
    for (field, attribute) in fields {
        if field.trim().is_empty() {
            report.add(
                field.span(),
                "a field has no name",
                "write the platform's name of it, such as `FNAME: name`",
            );
        }
        if !sign_in.attributes.contains_key(attribute) {
            report.add(
                attribute.span(),
                format!("the field `{field}` takes `{attribute}`, which is no attribute"),
                words::hint(
                    attribute,
                    sign_in.attributes.keys().map(|name| name.as_str()),
                ),
            );
        }
    }
}

fn check_endpoint(endpoint: Option<&mut At<String>>, report: &mut Report<'_>) {
    if let Some(at) = endpoint {
        check_receiver(at, report);
        // Paths are put behind it.
        at.value.truncate(at.trim_end_matches('/').len());
    }
}

fn check_opt_in(
    opt_in: &At<String>,
    sign_in: &SignIn,
    clients: &BTreeMap<Name, Client>,
    report: &mut Report<'_>,
) {
    let name = opt_in.as_str();
    let Some(attribute) = sign_in.attributes.get(name) else {
        let near = words::nearest(name, sign_in.attributes.keys().map(|name| name.as_str()));
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add `{name}: {{ type: boolean }}` under `sign_in.attributes`"),
        };
        report.add(
            opt_in.span(),
            format!("there is no attribute `{name}`"),
            hint,
        );
        return;
    };
    let holds_yes_or_no = [AttributeType::Boolean, AttributeType::String].contains(&attribute.kind);
    if is_standard_attribute(name) || !holds_yes_or_no {
        report.add(
            opt_in.span(),
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
            opt_in.span(),
            format!("no client may write `{name}`, so nobody could opt in"),
            format!("add `{name}` to a client's `write`"),
        );
    }
}

fn check_identifier(id: &At<String>, key: &str, owner: Option<Span>, report: &mut Report<'_>) {
    let hint = format!("add `{key}`, as the platform's settings show it");
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if report.required(id, key, owner, &hint) && !id.chars().all(fine) {
        report.add(
            id.span(),
            format!("`{key}` holds more than letters, digits, `-` and `_`"),
            format!("copy the ID of the {key} alone, not its name or its URL"),
        );
    }
}

fn check_secret(secret: &At<Secret>, key: &str, owner: Option<Span>, report: &mut Report<'_>) {
    let hint = format!("add `{key}: \"ssm:/NAME\"`, then run `saasauth secret set /NAME`");
    report.required(secret, key, owner, &hint);
}

/// Reports a URL that no request with somebody's data may go to.
fn check_receiver(at: &At<String>, report: &mut Report<'_>) {
    let parts = hosts::url(at);
    // The function's environment holds the URL, and whoever may look at the function sees it.
    let query = at.split_once('?').map_or("", |(_, query)| query);
    let names = query
        .split(['&', '#'])
        .filter_map(|pair| pair.split_once('='));
    let is_secret = names.into_iter().any(|(name, _)| is_secret_parameter(name));
    if is_secret || parts.as_ref().is_some_and(|url| url.has_user) {
        report.add(
            at.span(),
            "the URL holds what looks like a secret",
            "leave it out: requests are signed with `secret`, and the receiver checks the signature",
        );
        return;
    }
    let fine = parts.is_some_and(|url| {
        !url.host.is_empty() && (url.scheme == "https" || url.scheme == "http" && url.is_loopback())
    });
    if !fine {
        report.add(
            at.span(),
            format!("`{at}` can't receive requests"),
            "write an `https://` URL; plain http is for localhost only",
        );
    }
}
