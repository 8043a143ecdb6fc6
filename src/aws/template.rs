//! `AWS::SES::Template`.

use aws_sdk_sesv2::types::EmailTemplateContent;
use serde_json::json;

use super::classify::{found, gone};
use super::lifecycle::{Change, Lifecycle, each};
use super::{Aws, Fault, Result, Waiting, Wanted, live};
use saasauth_model::resource::{Kind, Live, LogicalId, Template};

impl Lifecycle for Template {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        each(wanted, async |id| aws.read_template(id).await).await
    }

    async fn create(&self, aws: &Aws, _id: &str, waiting: Waiting<'_>) -> Result<Live> {
        aws.pace("CreateEmailTemplate", waiting).await;
        aws.create_template(self).await
    }

    async fn update(&self, aws: &Aws, _change: Change<'_>, waiting: Waiting<'_>) -> Result<()> {
        aws.pace("UpdateEmailTemplate", waiting).await;
        aws.update_template(self).await
    }

    async fn delete(aws: &Aws, physical_id: &str, waiting: Waiting<'_>) -> Result<()> {
        aws.pace("DeleteEmailTemplate", waiting).await;
        aws.delete_template(physical_id).await
    }
}

impl Aws {
    pub(super) async fn read_template(&self, name: &str) -> Result<Option<Live>> {
        let answer = self
            .ses
            .get_email_template()
            .template_name(name)
            .send()
            .await;
        let Some(answer) = found(answer.map_err(Fault::from))? else {
            return Ok(None);
        };
        let content = answer.template_content();
        let properties = json!({
            "Template": {
                "TemplateName": name,
                "SubjectPart": content.and_then(|content| content.subject()),
                "HtmlPart": content.and_then(|content| content.html()),
                "TextPart": content.and_then(|content| content.text()),
            },
        });
        Ok(Some(live(Kind::Template, name, properties)))
    }

    pub(super) async fn create_template(&self, one: &Template) -> Result<Live> {
        self.ses
            .create_email_template()
            .template_name(&one.template.template_name)
            .template_content(content(one))
            .send()
            .await?;
        Ok(self.made(Kind::Template, &one.template.template_name, one))
    }

    pub(super) async fn update_template(&self, one: &Template) -> Result<()> {
        self.ses
            .update_email_template()
            .template_name(&one.template.template_name)
            .template_content(content(one))
            .send()
            .await?;
        Ok(())
    }

    pub(super) async fn delete_template(&self, name: &str) -> Result<()> {
        let deleted = self
            .ses
            .delete_email_template()
            .template_name(name)
            .send()
            .await;
        gone(deleted.map_err(Fault::from))
    }
}

fn content(one: &Template) -> EmailTemplateContent {
    EmailTemplateContent::builder()
        .subject(&one.template.subject_part)
        .html(&one.template.html_part)
        .set_text(one.template.text_part.clone())
        .build()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::future::join_all;
    use saasauth_model::resource::template::TemplateContent;
    use serde_json::json;

    use super::*;
    use crate::aws::replay::{self, ok};

    #[tokio::test]
    async fn templates_are_sent_one_a_second() {
        let one = Template {
            template: TemplateContent {
                template_name: "t".to_owned(),
                subject_part: "s".to_owned(),
                html_part: "h".to_owned(),
                text_part: None,
            },
        };
        let (aws, replay) = replay::aws([ok(json!({})), ok(json!({})), ok(json!({}))]);
        let told = Mutex::new(Vec::new());
        let waiting = |what| told.lock().expect("not poisoned").push(what);
        let made = join_all((0..3).map(|_| one.create(&aws, "T", &waiting))).await;
        assert!(made.iter().all(Result::is_ok));
        // The first has no turn to wait for.
        let next = "SES to take the next template";
        assert_eq!(*told.lock().expect("not poisoned"), [next, next]);
        replay.finish();
    }
}
