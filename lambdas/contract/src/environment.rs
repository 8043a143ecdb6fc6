//! The environment of both functions: what the tool sets when it deploys, and the function reads when it
//! starts.
//!
//! [`ConfirmUser`] and [`GenerateToken`] each know both directions, `to_vars` and `from_vars`, so that a
//! variable that is set is one that is read.

use std::error::Error;
use std::fmt;

use crate::claims::{BUDGETS, DEFAULT_BUDGET};
use crate::federation::ProviderDomains;

/// The name of the Permissions table.
pub const PERMISSIONS_TABLE: &str = "PERMISSIONS_TABLE";
/// The name of the Domains table.
pub const DOMAINS_TABLE: &str = "DOMAINS_TABLE";
const DEFAULT_ROLE: &str = "DEFAULT_ROLE";
const PROVIDER_DOMAINS: &str = "PROVIDER_DOMAINS";

const EMAIL_FROM: &str = "EMAIL_FROM";
const WELCOME_TEMPLATE: &str = "WELCOME_TEMPLATE";
const WELCOME_LOCALES: &str = "WELCOME_LOCALES";
const WELCOME_FIELDS: &str = "WELCOME_FIELDS";
const CONFIGURATION_SET: &str = "CONFIGURATION_SET";
const MARKETING: &str = "MARKETING";

const ROLES: &str = "ROLES";
const CLAIMS_BUDGET: &str = "CLAIMS_BUDGET";
const TOKEN_SCOPES: &str = "TOKEN_SCOPES";
const TOKEN_DOMAINS: &str = "TOKEN_DOMAINS";
/// The name of confirmUser.
pub const CONFIRM_USER_FUNCTION: &str = "CONFIRM_USER_FUNCTION";
const RESOURCE_SERVER: &str = "RESOURCE_SERVER";

/// The one word that `TOKEN_SCOPES` may be.
const SCOPES_ARE_PERMISSIONS: &str = "permissions";
/// The one word that `TOKEN_DOMAINS` may be.
const DOMAINS_WITH_ROLES: &str = "roles";

/// What Lambda gives all variables of a function together, in bytes.
pub const LONGEST: usize = 4096;
/// How much of it the marketing settings may take. A quarter is left to everything else.
pub const LONGEST_MARKETING: usize = 3 * 1024;
/// How much of it the domains of identity providers may take.
pub const LONGEST_PROVIDER_DOMAINS: usize = 512;
/// How much of it the names of the roles may take.
pub const LONGEST_ROLES: usize = 1024;

/// A function's variables: names and values, always in the same order.
pub type Variables = Vec<(&'static str, String)>;

/// What both functions are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// The name of the Permissions table.
    pub permissions: String,
    /// The name of the Domains table.
    pub domains: String,
    /// The role of users whom nothing else gives one.
    pub default_role: String,
}

/// The environment of confirmUser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmUser {
    pub tables: Tables,
    /// Absent when the project sends no welcome mail.
    pub welcome: Option<WelcomeMail>,
    /// [`Marketing`](crate::marketing::Marketing) as JSON; absent when no platform is told.
    pub marketing: Option<String>,
    /// Whose addresses the companies' identity providers may vouch for.
    pub provider_domains: ProviderDomains,
}

/// How the welcome mail is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WelcomeMail {
    /// The sender.
    pub from: String,
    /// The name of an SES template.
    pub template: String,
    /// For each of these there is a template `{template}-{locale}`.
    pub locales: Vec<String>,
    /// The SES configuration set.
    pub configuration_set: Option<String>,
    /// The attributes the template may name. SES sends nothing at all when one of them is missing, so those
    /// the user has not given are sent empty.
    pub fields: Vec<String>,
}

/// The environment of generateToken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateToken {
    pub tables: Tables,
    /// The roles to read while the process starts; the default role alone when none is named.
    pub roles: Vec<String>,
    /// How many bytes the claims may take in a token.
    pub claims_budget: usize,
    /// Whether the permissions are OAuth scopes of the access token, too.
    pub permissions_as_scopes: bool,
    /// Whether tokens say which role the user has in each domain, and what it permits.
    pub domain_roles: bool,
    /// The name of confirmUser, which makes the deliveries still owed to a user; nobody does when absent.
    pub confirm_user_function: Option<String>,
    /// The resource server whose scopes are permissions, so that the tokens of machines carry them as such
    /// (event V3_0); machines' tokens are left alone when absent.
    pub resource_server: Option<String>,
    /// Whose addresses the companies' identity providers may vouch for.
    pub provider_domains: ProviderDomains,
}

/// The environment lacks something, or contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableError {
    /// The variable.
    pub name: &'static str,
    /// What it holds; `None` when it is missing.
    pub value: Option<String>,
    /// What it should hold, or why it should be there.
    pub expected: String,
}

impl fmt::Display for VariableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, expected) = (self.name, &self.expected);
        match &self.value {
            Some(value) => write!(
                f,
                "the environment variable `{name}` is `{value}`, but must be {expected}"
            ),
            None if expected.is_empty() => {
                write!(f, "the environment variable `{name}` is not set")
            }
            None => write!(
                f,
                "the environment variable `{name}` is not set, {expected}"
            ),
        }
    }
}

impl Error for VariableError {}

/// Answers for one variable. An empty one counts as absent: AWS consoles leave those behind.
struct Lookup<F>(F);

impl<F: Fn(&str) -> Option<String>> Lookup<F> {
    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    fn required(&self, name: &'static str) -> Result<String, VariableError> {
        self.get(name).ok_or_else(|| VariableError {
            name,
            value: None,
            expected: String::new(),
        })
    }

    /// The elements of a list separated by commas.
    fn list(&self, name: &str) -> Vec<String> {
        self.get(name)
            .iter()
            .flat_map(|names| names.split(','))
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect()
    }

    /// Whether a variable that may be one word alone is there.
    fn switch(&self, name: &'static str, word: &str) -> Result<bool, VariableError> {
        match self.get(name) {
            None => Ok(false),
            Some(value) if value == word => Ok(true),
            Some(other) => Err(VariableError {
                name,
                value: Some(other),
                expected: format!("`{word}`"),
            }),
        }
    }

    fn provider_domains(&self) -> Result<ProviderDomains, VariableError> {
        let Some(text) = self.get(PROVIDER_DOMAINS) else {
            return Ok(ProviderDomains::default());
        };
        ProviderDomains::from_text(&text).ok_or_else(|| VariableError {
            name: PROVIDER_DOMAINS,
            value: Some(text),
            expected: "such as `Okta=acme.com acme.de;Corp=globex.com`".to_owned(),
        })
    }

    fn tables(&self) -> Result<Tables, VariableError> {
        Ok(Tables {
            permissions: self.required(PERMISSIONS_TABLE)?,
            domains: self.required(DOMAINS_TABLE)?,
            default_role: self.required(DEFAULT_ROLE)?,
        })
    }
}

impl Tables {
    fn to_vars(&self) -> Variables {
        vec![
            (PERMISSIONS_TABLE, self.permissions.clone()),
            (DOMAINS_TABLE, self.domains.clone()),
            (DEFAULT_ROLE, self.default_role.clone()),
        ]
    }
}

/// Adds a variable unless it says nothing.
fn add(variables: &mut Variables, name: &'static str, value: Option<String>) {
    variables.extend(
        value
            .filter(|value| !value.is_empty())
            .map(|value| (name, value)),
    );
}

impl ConfirmUser {
    /// The variables that say this.
    pub fn to_vars(&self) -> Variables {
        let mut variables = self.tables.to_vars();
        if let Some(welcome) = &self.welcome {
            for (name, value) in [
                (EMAIL_FROM, Some(welcome.from.clone())),
                (WELCOME_TEMPLATE, Some(welcome.template.clone())),
                (WELCOME_LOCALES, Some(welcome.locales.join(","))),
                (WELCOME_FIELDS, Some(welcome.fields.join(","))),
                (CONFIGURATION_SET, welcome.configuration_set.clone()),
            ] {
                add(&mut variables, name, value);
            }
        }
        add(&mut variables, MARKETING, self.marketing.clone());
        let providers = self.provider_domains.to_string();
        add(&mut variables, PROVIDER_DOMAINS, Some(providers));
        variables
    }

    /// Reads the variables; `lookup` answers for one.
    pub fn from_vars(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, VariableError> {
        let lookup = Lookup(lookup);
        let half = |name, other: &str| VariableError {
            name,
            value: None,
            expected: format!("though `{other}` is"),
        };
        let welcome = match (lookup.get(EMAIL_FROM), lookup.get(WELCOME_TEMPLATE)) {
            (Some(from), Some(template)) => Some(WelcomeMail {
                from,
                template,
                locales: lookup.list(WELCOME_LOCALES),
                configuration_set: lookup.get(CONFIGURATION_SET),
                fields: lookup.list(WELCOME_FIELDS),
            }),
            (None, None) => None,
            (Some(_), None) => return Err(half(WELCOME_TEMPLATE, EMAIL_FROM)),
            (None, Some(_)) => return Err(half(EMAIL_FROM, WELCOME_TEMPLATE)),
        };
        Ok(Self {
            tables: lookup.tables()?,
            welcome,
            marketing: lookup.get(MARKETING),
            provider_domains: lookup.provider_domains()?,
        })
    }
}

impl GenerateToken {
    /// The variables that say this.
    pub fn to_vars(&self) -> Variables {
        let mut variables = self.tables.to_vars();
        let scopes = self
            .permissions_as_scopes
            .then(|| SCOPES_ARE_PERMISSIONS.to_owned());
        for (name, value) in [
            (CONFIRM_USER_FUNCTION, self.confirm_user_function.clone()),
            (ROLES, Some(self.roles.join(","))),
            (CLAIMS_BUDGET, Some(self.claims_budget.to_string())),
            (TOKEN_SCOPES, scopes),
            (
                TOKEN_DOMAINS,
                self.domain_roles.then(|| DOMAINS_WITH_ROLES.to_owned()),
            ),
            (RESOURCE_SERVER, self.resource_server.clone()),
            (PROVIDER_DOMAINS, Some(self.provider_domains.to_string())),
        ] {
            add(&mut variables, name, value);
        }
        variables
    }

    /// Reads the variables; `lookup` answers for one.
    pub fn from_vars(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, VariableError> {
        let lookup = Lookup(lookup);
        let tables = lookup.tables()?;
        let mut roles = lookup.list(ROLES);
        if roles.is_empty() {
            roles.push(tables.default_role.clone());
        }
        Ok(Self {
            roles,
            tables,
            claims_budget: budget(lookup.get(CLAIMS_BUDGET))?,
            permissions_as_scopes: lookup.switch(TOKEN_SCOPES, SCOPES_ARE_PERMISSIONS)?,
            domain_roles: lookup.switch(TOKEN_DOMAINS, DOMAINS_WITH_ROLES)?,
            confirm_user_function: lookup.get(CONFIRM_USER_FUNCTION),
            resource_server: lookup.get(RESOURCE_SERVER),
            provider_domains: lookup.provider_domains()?,
        })
    }

    /// The roles to read while a process starts: the default one and as many of the others as there is
    /// room for. The rest is read when a token asks for it.
    pub fn roles<'a>(default: &'a str, others: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let others = others.into_iter().filter(|role| *role != default);
        let mut taken = 0;
        std::iter::once(default)
            .chain(others)
            .take_while(|role| {
                // A comma each.
                taken += role.len() + 1;
                taken <= LONGEST_ROLES
            })
            .map(str::to_owned)
            .collect()
    }
}

fn budget(given: Option<String>) -> Result<usize, VariableError> {
    let Some(given) = given else {
        return Ok(DEFAULT_BUDGET);
    };
    let number = given.parse().ok();
    number
        .filter(|budget| BUDGETS.contains(budget))
        .ok_or_else(|| VariableError {
            name: CLAIMS_BUDGET,
            value: Some(given),
            expected: format!(
                "a number of bytes, {} to {}",
                BUDGETS.start(),
                BUDGETS.end()
            ),
        })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn tables() -> Tables {
        Tables {
            permissions: "p".to_owned(),
            domains: "d".to_owned(),
            default_role: "member".to_owned(),
        }
    }

    fn lookup(variables: &[(&'static str, String)]) -> impl Fn(&str) -> Option<String> {
        move |wanted| {
            let mut known = variables.iter();
            let found = known.find(|(name, _)| *name == wanted)?;
            Some(found.1.clone())
        }
    }

    /// The variables of the tables, and these.
    fn given(more: &[(&'static str, &str)]) -> Variables {
        let more = more
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        tables().to_vars().into_iter().chain(more).collect()
    }

    fn providers() -> ProviderDomains {
        ProviderDomains::from_text("Corp=globex.com;Okta=acme.com acme.de").expect("it is legal")
    }

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn options(text: &str) -> [Option<String>; 2] {
        [None, Some(text.to_owned())]
    }

    #[test]
    fn what_confirm_user_is_told_it_reads() {
        let mut mails = vec![None];
        for locales in ["", "de", "de pt-BR"] {
            for fields in ["", "name company"] {
                for configuration_set in options("acme-dev") {
                    mails.push(Some(WelcomeMail {
                        from: "Acme, Inc. <hello@acme.com>".to_owned(),
                        template: "acme-dev-welcome".to_owned(),
                        locales: words(locales),
                        configuration_set,
                        fields: words(fields),
                    }));
                }
            }
        }
        for welcome in mails {
            for marketing in options(r#"{"opt_in":"news, or not","platforms":{}}"#) {
                let environment = ConfirmUser {
                    tables: tables(),
                    welcome: welcome.clone(),
                    marketing,
                    provider_domains: providers(),
                };
                let variables = environment.to_vars();
                let read = ConfirmUser::from_vars(lookup(&variables));
                assert_eq!(read, Ok(environment), "{variables:?}");
                assert_each_once(&variables);
            }
        }
    }

    #[test]
    fn what_generate_token_is_told_it_reads() {
        for roles in ["member", "member admin", "admin"] {
            for claims_budget in [*BUDGETS.start(), DEFAULT_BUDGET, *BUDGETS.end()] {
                for permissions_as_scopes in [false, true] {
                    for confirm_user_function in options("acme-dev-confirm-user") {
                        for resource_server in options("acme") {
                            let environment = GenerateToken {
                                tables: tables(),
                                roles: words(roles),
                                claims_budget,
                                permissions_as_scopes,
                                domain_roles: !permissions_as_scopes,
                                confirm_user_function: confirm_user_function.clone(),
                                resource_server,
                                provider_domains: providers(),
                            };
                            let variables = environment.to_vars();
                            let read = GenerateToken::from_vars(lookup(&variables));
                            assert_eq!(read, Ok(environment), "{variables:?}");
                            assert_each_once(&variables);
                        }
                    }
                }
            }
        }
    }

    fn assert_each_once(variables: &[(&'static str, String)]) {
        let names: BTreeSet<_> = variables.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), variables.len(), "{variables:?}");
        assert!(variables.iter().all(|(_, value)| !value.is_empty()));
    }

    #[test]
    fn three_variables_are_enough() {
        let confirm = ConfirmUser::from_vars(lookup(&given(&[]))).expect("the rest has defaults");
        assert_eq!((confirm.welcome, confirm.marketing), (None, None));
        let token = GenerateToken::from_vars(lookup(&given(&[]))).expect("the rest has defaults");
        assert_eq!(token.roles, ["member"]);
        assert_eq!(token.claims_budget, 4096);
        assert!(!token.permissions_as_scopes && !token.domain_roles);
        assert_eq!(token.confirm_user_function, None);
        assert!(token.provider_domains.is_empty() && confirm.provider_domains.is_empty());
    }

    #[test]
    fn an_empty_variable_is_as_good_as_none() {
        let empty = given(&[
            (MARKETING, ""),
            (EMAIL_FROM, ""),
            (ROLES, ""),
            (CLAIMS_BUDGET, ""),
        ]);
        assert!(ConfirmUser::from_vars(lookup(&empty)).is_ok_and(|read| read.marketing.is_none()));
        assert!(GenerateToken::from_vars(lookup(&empty)).is_ok());
        let unset = ConfirmUser::from_vars(|_| Some(String::new())).expect_err("no table is named");
        assert_eq!(
            unset.to_string(),
            "the environment variable `PERMISSIONS_TABLE` is not set"
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name_and_value() {
        for (name, value) in [
            (CLAIMS_BUDGET, "4 KB"),
            (CLAIMS_BUDGET, "100"),
            (CLAIMS_BUDGET, "9000"),
            (CLAIMS_BUDGET, "-1"),
            (TOKEN_SCOPES, "all"),
            (TOKEN_DOMAINS, "names"),
            (PROVIDER_DOMAINS, "Okta"),
        ] {
            let error = GenerateToken::from_vars(lookup(&given(&[(name, value)])))
                .expect_err("it must be refused")
                .to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
    }

    #[test]
    fn half_a_mail_is_refused() {
        for (set, missing) in [
            (EMAIL_FROM, WELCOME_TEMPLATE),
            (WELCOME_TEMPLATE, EMAIL_FROM),
        ] {
            let error = ConfirmUser::from_vars(lookup(&given(&[(set, "x")])));
            assert_eq!(
                error.expect_err("the other is missing").to_string(),
                format!("the environment variable `{missing}` is not set, though `{set}` is")
            );
        }
    }

    #[test]
    fn of_very_many_roles_the_last_wait() {
        let names: Vec<String> = (0..200).map(|n| format!("role-{n:04}")).collect();
        let roles = GenerateToken::roles("role-0007", names.iter().map(String::as_str));
        assert_eq!(roles[..3], ["role-0007", "role-0000", "role-0001"]);
        assert!(roles.join(",").len() <= LONGEST_ROLES && roles.len() > 90);
        let once: BTreeSet<_> = roles.iter().collect();
        assert_eq!(once.len(), roles.len());
    }
}
