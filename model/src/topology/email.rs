//! The sender: SES identity, configuration set and welcome template.

use std::collections::BTreeSet;

use super::{Builder, SenderIdentity, triggers};
use crate::project::stage::{Mail, Welcome};
use crate::project::template::{for_html, variables};
use crate::resource::configuration_set::{ReputationOptions, SuppressionOptions};
use crate::resource::template::TemplateContent;
use crate::resource::user_pool::EmailConfiguration;
use crate::resource::{ConfigurationSet, EmailIdentity, Expr, LogicalId, Resource, Template};

/// Logical ID of the SES identity.
pub const IDENTITY: &str = "EmailIdentity";
pub(super) const CONFIGURATION_SET: &str = "ConfigurationSet";
pub(super) const WELCOME_TEMPLATE: &str = "WelcomeTemplate";

pub(super) fn declare(builder: &mut Builder<'_>) {
    let Some(email) = &builder.stage.email else {
        return;
    };
    if matches!(builder.facts.identity, SenderIdentity::Ours { .. }) {
        let identity = EmailIdentity {
            email_identity: email.identity.to_string(),
            tags: builder.tags(),
        };
        builder.add(IDENTITY, Resource::EmailIdentity(identity));
    } else {
        builder.note(format!(
            "the SES identity `{}` isn't this stage's: used as it is, never changed",
            email.identity
        ));
    }
    let set = ConfigurationSet {
        name: configuration_set(builder),
        reputation_options: ReputationOptions {
            reputation_metrics_enabled: true,
        },
        suppression_options: SuppressionOptions {
            suppressed_reasons: vec!["BOUNCE".to_owned(), "COMPLAINT".to_owned()],
        },
        tags: builder.tags(),
    };
    builder.add(CONFIGURATION_SET, Resource::ConfigurationSet(set));
    if let Some(welcome) = &email.welcome {
        let templates: Vec<_> = templates(builder, welcome).collect();
        for (id, template_name, mail) in templates {
            let template = Template {
                template: TemplateContent {
                    template_name,
                    subject_part: mail.subject.to_owned(),
                    // What is wrong with it was said when the file was read.
                    html_part: for_html(mail.html).0,
                    text_part: mail.text.map(str::to_owned),
                },
            };
            // SES sends nothing when the data lacks what a template asks for: the function that has it comes first.
            let function = triggers::CONFIRM_USER.to_owned();
            builder.add_after(id, Resource::Template(template), vec![function]);
        }
    }
    if !sender_is_ready(builder) {
        builder.unverified_sender = Some(email.identity.to_string());
        builder.note(format!(
            "SES has not verified `{}` yet: Cognito's own sender (50 emails a day) is used until a deploy after it has",
            email.identity
        ));
    }
}

pub(super) fn configuration_set(builder: &Builder<'_>) -> String {
    builder.name("email")
}

pub(super) fn welcome_template(builder: &Builder<'_>) -> String {
    builder.name("welcome")
}

/// The templates of the welcome email: logical ID, name in SES, and contents. A variant is called like the
/// standard one, with its language at the end.
pub(super) fn templates<'a>(
    builder: &Builder<'_>,
    welcome: &'a Welcome,
) -> impl Iterator<Item = (LogicalId, String, Mail<'a>)> {
    let name = welcome_template(builder);
    welcome.mails().map(move |(locale, mail)| match locale {
        None => (WELCOME_TEMPLATE.to_owned(), name.clone(), mail),
        Some(locale) => {
            let id = super::id(WELCOME_TEMPLATE, locale);
            (id, format!("{name}-{locale}"), mail)
        }
    })
}

/// Every `{{variable}}` of the welcome email in any language, sorted, with commas between. SES sends
/// nothing when the data lacks one, so the function must know which to fill with nothing.
pub(super) fn welcome_fields(welcome: &Welcome) -> Vec<String> {
    let fields: BTreeSet<&str> = welcome
        .mails()
        .flat_map(|(_, mail)| [Some(mail.subject), Some(mail.html), mail.text])
        .flatten()
        .flat_map(variables)
        .collect();
    fields.into_iter().map(str::to_owned).collect()
}

/// Cognito refuses a pool whose sender SES hasn't verified, and the identity has to exist before it
/// can be verified; so a first deploy uses Cognito's own sender and a later one switches over.
pub(super) fn sender_is_ready(builder: &Builder<'_>) -> bool {
    let (SenderIdentity::Ours { ready } | SenderIdentity::Theirs { ready }) =
        builder.facts.identity;
    ready || builder.is_local()
}

/// Who sends the pool's own mail.
pub(super) fn email_configuration(builder: &Builder<'_>) -> EmailConfiguration {
    let Some(email) = builder
        .stage
        .email
        .as_ref()
        .filter(|_| sender_is_ready(builder))
    else {
        return EmailConfiguration {
            email_sending_account: "COGNITO_DEFAULT".to_owned(),
            from: None,
            source_arn: None,
            configuration_set: None,
        };
    };
    let source_arn = match builder.facts.identity {
        SenderIdentity::Ours { .. } => {
            Expr::join([Expr::arn("ses", "identity/"), Expr::reference(IDENTITY)])
        }
        SenderIdentity::Theirs { .. } => Expr::arn("ses", format!("identity/{}", email.identity)),
    };
    EmailConfiguration {
        email_sending_account: "DEVELOPER".to_owned(),
        from: Some(email.from.to_string()),
        source_arn: Some(source_arn),
        configuration_set: Some(Expr::reference(CONFIGURATION_SET)),
    }
}
