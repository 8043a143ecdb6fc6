//! Mail: SendEmail, and what templates, identities and configuration sets are called.

use super::facts::Facts;
use super::{Rule, When, given, refuse_if, text};

const BAD: &str = "BadRequestException";

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "mail from a sender that SES hasn't verified",
        service: "sesv2",
        operations: &["SendEmail", "SendBulkEmail"],
        code: "MessageRejected",
        when: When::Facts(|facts| Box::pin(unverified_sender(facts))),
        source: "API reference, SendEmail; aws-samples/amazon-cognito-passwordless-email-auth#8",
    },
    Rule {
        name: "mail with a configuration set that isn't there",
        service: "sesv2",
        operations: &["SendEmail", "SendBulkEmail"],
        code: "NotFoundException",
        when: When::Facts(|facts| {
            Box::pin(async {
                let name = text(facts.input, "/ConfigurationSetName")?;
                let there = facts.configuration_set(name).await.is_some();
                (!there).then(|| format!("Configuration set <{name}> does not exist."))
            })
        }),
        source: "API reference, SendEmail, errors",
    },
    Rule {
        name: "an identity that is there already",
        service: "sesv2",
        operations: &["CreateEmailIdentity"],
        code: "AlreadyExistsException",
        when: When::Facts(|facts| {
            Box::pin(async {
                let name = text(facts.input, "/EmailIdentity")?;
                facts.identity(&facts.scope, name).await?;
                Some(format!("Email identity {name} already exist."))
            })
        }),
        source: "API reference, CreateEmailIdentity, errors",
    },
    Rule {
        name: "deleting an identity that isn't there",
        service: "sesv2",
        operations: &["DeleteEmailIdentity"],
        code: "NotFoundException",
        when: When::Facts(|facts| {
            Box::pin(async {
                let name = text(facts.input, "/EmailIdentity")?;
                let there = facts.identity(&facts.scope, name).await.is_some();
                (!there).then(|| format!("Email identity {name} does not exist."))
            })
        }),
        source: "API reference, DeleteEmailIdentity, errors",
    },
    Rule {
        name: "deleting a configuration set that isn't there",
        service: "sesv2",
        operations: &["DeleteConfigurationSet"],
        code: "NotFoundException",
        when: When::Facts(|facts| {
            Box::pin(async {
                let name = text(facts.input, "/ConfigurationSetName")?;
                let there = facts.configuration_set(name).await.is_some();
                (!there).then(|| format!("Configuration set <{name}> does not exist."))
            })
        }),
        source: "API reference, DeleteConfigurationSet, errors",
    },
    Rule {
        name: "a configuration set by a name that none can have",
        service: "sesv2",
        operations: &["CreateConfigurationSet"],
        code: BAD,
        when: When::Input(|input| {
            let name = text(input, "/ConfigurationSetName")?;
            refuse_if(
                !is_name(name),
                "Invalid configuration set name: only alphanumeric ASCII characters, '_', and '-' are allowed, up to 64.",
            )
        }),
        source: "model, ConfigurationSetName",
    },
    Rule {
        name: "a template by a name that none can have",
        service: "sesv2",
        operations: &["CreateEmailTemplate"],
        code: BAD,
        when: When::Input(|input| {
            let name = text(input, "/TemplateName")?;
            refuse_if(
                !is_name(name),
                "Template name can only contain ASCII letters, numbers, underscores, and dashes, up to 64.",
            )
        }),
        source: "SES guide, Using templates to send personalized email",
    },
    Rule {
        name: "a template without anything to read",
        service: "sesv2",
        operations: &["CreateEmailTemplate", "UpdateEmailTemplate"],
        code: BAD,
        when: When::Input(|input| {
            refuse_if(
                !given(input, "/TemplateContent/Text") && !given(input, "/TemplateContent/Html"),
                "The template must have a text or an HTML part.",
            )
        }),
        source: "API reference, EmailTemplateContent",
    },
    Rule {
        name: "an identity that is neither a domain nor an address",
        service: "sesv2",
        operations: &["CreateEmailIdentity"],
        code: BAD,
        when: When::Input(|input| {
            let identity = text(input, "/EmailIdentity")?;
            let domain = identity.rsplit('@').next().unwrap_or_default();
            refuse_if(
                !domain.contains('.')
                    || identity.chars().any(char::is_whitespace)
                    || identity.starts_with('@'),
                "Invalid email identity: it is neither a domain nor an email address.",
            )
        }),
        source: "model, CreateEmailIdentityRequest.EmailIdentity",
    },
];

/// How configuration sets and templates may be called.
fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// The address itself or its domain has to be verified, or the domain above that.
async fn unverified_sender(facts: &Facts<'_>) -> Option<String> {
    let from = text(facts.input, "/FromEmailAddress")?;
    // "Acme <hello@acme.com>"
    let address = match from.rsplit_once('<') {
        Some((_, address)) => address.trim_end().trim_end_matches('>'),
        None => from.trim(),
    };
    let mut candidate = Some(address);
    while let Some(name) = candidate {
        if let Some(identity) = facts.identity(&facts.scope, name).await
            && identity["VerifiedForSendingStatus"] == true
        {
            return None;
        }
        candidate = match name.split_once('@') {
            Some((_, domain)) => Some(domain),
            None => name
                .split_once('.')
                .map(|(_, above)| above)
                .filter(|above| above.contains('.')),
        };
    }
    Some(format!(
        "Email address is not verified. The following identities failed the check in region {}: {address}",
        facts.scope.region.to_ascii_uppercase()
    ))
}
