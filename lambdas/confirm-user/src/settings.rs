//! What the deployment tells the function, in environment variables.

use trigger_common::Setup;
use trigger_common::failure::required;

/// The function's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `PERMISSIONS_TABLE`
    pub permissions_table: String,
    /// `DOMAINS_TABLE`
    pub domains_table: String,
    /// `DEFAULT_ROLE`: of users whose domain gives them none.
    pub default_role: String,
    /// Absent when the project sends no welcome mail.
    pub welcome: Option<WelcomeMail>,
}

/// How the welcome mail is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WelcomeMail {
    /// `EMAIL_FROM`
    pub from: String,
    /// `WELCOME_TEMPLATE`: the name of an SES template.
    pub template: String,
    /// `CONFIGURATION_SET`
    pub configuration_set: Option<String>,
    /// `WELCOME_FIELDS`, comma separated: the attributes the template may name. SES sends nothing at all
    /// when one of them is missing, so those the user has not given are sent empty.
    pub fields: Vec<String>,
}

impl Settings {
    /// Reads the settings; `lookup` answers for one variable.
    pub fn from_variables(lookup: &impl Fn(&str) -> Option<String>) -> Result<Self, Setup> {
        let welcome = match (lookup("EMAIL_FROM"), lookup("WELCOME_TEMPLATE")) {
            (Some(from), Some(template)) => Some(WelcomeMail {
                from,
                template,
                configuration_set: lookup("CONFIGURATION_SET"),
                fields: lookup("WELCOME_FIELDS")
                    .iter()
                    .flat_map(|names| names.split(','))
                    .map(|name| name.trim().to_owned())
                    .filter(|name| !name.is_empty())
                    .collect(),
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
            welcome,
        })
    }
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
    fn without_mail_variables_there_is_no_welcome_mail() {
        assert_eq!(read(&TABLES).expect("the tables suffice").welcome, None);
    }

    #[test]
    fn the_welcome_mail_is_read_whole() {
        let mail = [
            ("EMAIL_FROM", "Acme <hello@acme.com>"),
            ("WELCOME_TEMPLATE", "acme-dev-welcome"),
            ("CONFIGURATION_SET", "acme-dev"),
            ("WELCOME_FIELDS", "name, company"),
        ];
        let settings = read(&[&TABLES[..], &mail[..]].concat()).expect("it is whole");
        assert_eq!(
            settings.welcome,
            Some(WelcomeMail {
                from: "Acme <hello@acme.com>".to_owned(),
                template: "acme-dev-welcome".to_owned(),
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
}
