//! What the deployment tells the function, in environment variables.

use serde_json::Value;
use trigger_common::Setup;
use trigger_common::failure::required;

use crate::platform::Platform;

/// The function's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `PERMISSIONS_TABLE`
    pub permissions_table: String,
    /// `DOMAINS_TABLE`
    pub domains_table: String,
    /// `DEFAULT_ROLE`: of users whose domain gives them none.
    pub default_role: String,
    /// `AWS_LAMBDA_FUNCTION_NAME`: this function, to hand deliveries to. Lambda sets it.
    pub function: Option<String>,
    /// Absent when the project sends no welcome mail.
    pub welcome: Option<WelcomeMail>,
    /// Absent when the project tells no marketing platform.
    pub marketing: Option<Marketing>,
}

/// How the welcome mail is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WelcomeMail {
    /// `EMAIL_FROM`
    pub from: String,
    /// `WELCOME_TEMPLATE`: the name of an SES template.
    pub template: String,
    /// `WELCOME_LOCALES`, comma separated: for each there is a template `{WELCOME_TEMPLATE}-{locale}`.
    pub locales: Vec<String>,
    /// `CONFIGURATION_SET`
    pub configuration_set: Option<String>,
    /// `WELCOME_FIELDS`, comma separated: the attributes the template may name. SES sends nothing at all
    /// when one of them is missing, so those the user has not given are sent empty.
    pub fields: Vec<String>,
}

/// Which platforms are told, of whom: `MARKETING`, as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marketing {
    /// The attribute that must be `true`.
    pub opt_in: String,
    pub platforms: Vec<Platform>,
    /// What `MARKETING` holds that this function can make nothing of. A sign-up is worth more than a
    /// newsletter, so it is reported and passed over.
    pub ignored: Vec<String>,
}

impl Settings {
    /// Reads the settings; `lookup` answers for one variable.
    pub fn from_variables(lookup: &impl Fn(&str) -> Option<String>) -> Result<Self, Setup> {
        let welcome = match (lookup("EMAIL_FROM"), lookup("WELCOME_TEMPLATE")) {
            (Some(from), Some(template)) => Some(WelcomeMail {
                from,
                template,
                locales: list(lookup("WELCOME_LOCALES")),
                configuration_set: lookup("CONFIGURATION_SET"),
                fields: list(lookup("WELCOME_FIELDS")),
            }),
            (None, None) => None,
            _ => {
                let message = "`EMAIL_FROM` and `WELCOME_TEMPLATE` go together, only one is set";
                return Err(Setup(message.to_owned()));
            }
        };
        Ok(Self {
            permissions_table: required(lookup, "PERMISSIONS_TABLE")?,
            domains_table: required(lookup, "DOMAINS_TABLE")?,
            default_role: required(lookup, "DEFAULT_ROLE")?,
            function: lookup("AWS_LAMBDA_FUNCTION_NAME"),
            welcome,
            marketing: lookup("MARKETING").map(|text| Marketing::from_json(&text)),
        })
    }
}

impl Marketing {
    /// Reads `{"opt_in": …, "platforms": {name: settings}}`.
    pub fn from_json(text: &str) -> Self {
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let opt_in = value.get("opt_in").and_then(Value::as_str);
        let platforms = value.get("platforms").and_then(Value::as_object);
        let mut marketing = Self {
            opt_in: opt_in.unwrap_or_default().to_owned(),
            platforms: Vec::new(),
            ignored: Vec::new(),
        };
        let (Some(_), Some(platforms)) = (opt_in, platforms) else {
            marketing.ignored.push("MARKETING".to_owned());
            return marketing;
        };
        for (name, settings) in platforms {
            match Platform::from_json(name, settings) {
                Some(platform) => marketing.platforms.push(platform),
                None => marketing.ignored.push(name.clone()),
            }
        }
        marketing
    }
}

fn list(value: Option<String>) -> Vec<String> {
    value
        .iter()
        .flat_map(|names| names.split(','))
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, Setup> {
        Settings::from_variables(&|name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name)?;
            Some(found.1.to_owned())
        })
    }

    const TABLES: [(&str, &str); 3] = [
        ("PERMISSIONS_TABLE", "p"),
        ("DOMAINS_TABLE", "d"),
        ("DEFAULT_ROLE", "member"),
    ];

    #[test]
    fn without_variables_there_is_nothing_to_deliver() {
        let settings = read(&TABLES).expect("the tables suffice");
        assert_eq!((settings.welcome, settings.marketing), (None, None));
    }

    #[test]
    fn the_welcome_mail_is_read_whole() {
        let mail = [
            ("EMAIL_FROM", "Acme <hello@acme.com>"),
            ("WELCOME_TEMPLATE", "acme-dev-welcome"),
            ("CONFIGURATION_SET", "acme-dev"),
            ("WELCOME_FIELDS", "name, company"),
            ("WELCOME_LOCALES", "de,pt-BR"),
        ];
        let settings = read(&[&TABLES[..], &mail[..]].concat()).expect("it is whole");
        assert_eq!(
            settings.welcome,
            Some(WelcomeMail {
                from: "Acme <hello@acme.com>".to_owned(),
                template: "acme-dev-welcome".to_owned(),
                locales: vec!["de".to_owned(), "pt-BR".to_owned()],
                configuration_set: Some("acme-dev".to_owned()),
                fields: vec!["name".to_owned(), "company".to_owned()],
            })
        );
    }

    #[test]
    fn half_a_setting_is_refused() {
        let error = read(&[&TABLES[..], &[("EMAIL_FROM", "a@b.c")]].concat());
        assert!(
            error
                .expect_err("no template")
                .to_string()
                .contains("WELCOME_TEMPLATE")
        );
        assert!(
            read(&TABLES[1..])
                .expect_err("no table")
                .to_string()
                .contains("PERMISSIONS_TABLE")
        );
    }

    #[test]
    fn every_platform_is_read() {
        let marketing = Marketing::from_json(
            r#"{"opt_in":"marketing_opt_in","platforms":{
                "mailchimp":{"list":"a1","api_key":"/acme/mailchimp-key","double_opt_in":true,
                             "tags":["signup"],"fields":{"FNAME":"name"},"endpoint":null},
                "hubspot":{"token":"/h","fields":{},"endpoint":null},
                "beehiiv":{"publication":"pub_1","api_key":"/b"},
                "kit":{"form":"7","api_key":"/k","double_opt_in":false},
                "webhook":{"url":"https://example.com/hook","secret":"/w"}}}"#,
        );
        assert_eq!(marketing.opt_in, "marketing_opt_in");
        assert_eq!(marketing.ignored, [""; 0]);
        let mut names: Vec<_> = marketing.platforms.iter().map(Platform::name).collect();
        names.sort_unstable();
        assert_eq!(names, ["beehiiv", "hubspot", "kit", "mailchimp", "webhook"]);
    }

    #[test]
    fn what_is_not_understood_stops_no_sign_up() {
        let marketing = Marketing::from_json(
            r#"{"opt_in":"m","platforms":{"pigeon":{},"hubspot":{},"webhook":{"url":"u","secret":"s"}}}"#,
        );
        assert_eq!(marketing.platforms.len(), 1);
        let mut ignored = marketing.ignored;
        ignored.sort_unstable();
        assert_eq!(ignored, ["hubspot", "pigeon"]);
        assert_eq!(Marketing::from_json("{").ignored, ["MARKETING"]);
    }
}
