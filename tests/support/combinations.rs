//! Every combination of the settings of signing in that a project file can express: names, verification,
//! second factors, recovery, tier and sender, as YAML.
//!
//! Which of them are right is not said here. The pure core holds all of them against Cognito's rules, offline;
//! the local cloud deploys, changes and destroys those that are.

/// One combination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Combination {
    /// `sign_in.with`, which is fixed once the pool exists: a change leads to others of the same alone.
    pub(crate) with: &'static str,
    /// `verify.by`.
    pub(crate) by: &'static str,
    /// `verify.how`.
    pub(crate) how: &'static str,
    /// `mfa.mode`.
    pub(crate) mode: &'static str,
    /// `mfa.methods`; empty when the mode is off.
    pub(crate) methods: &'static str,
    /// `recovery`; empty where the file says nothing of it.
    pub(crate) recovery: &'static str,
    /// `plan`.
    pub(crate) plan: &'static str,
    /// Whether there is a sender of one's own.
    pub(crate) sender: bool,
}

/// `sign_in.with`, and the attributes it takes. Which of them a pool requires is as fixed as the names are, so
/// both stand there from the start: what a later change needs is there already.
const WITH: [(&str, &str); 4] = [
    ("[email]", "email: { required: true }, phone_number: {}"),
    ("[phone]", "email: {}, phone_number: { required: true }"),
    (
        "[email, phone]",
        "email: { required: true }, phone_number: { required: true }",
    ),
    (
        "[username]",
        "email: { required: true }, phone_number: { required: true }",
    ),
];

const MFA: [(&str, &str); 15] = [
    ("off", ""),
    ("optional", "[totp]"),
    ("optional", "[sms]"),
    ("optional", "[email]"),
    ("optional", "[totp, sms]"),
    ("optional", "[totp, email]"),
    ("optional", "[sms, email]"),
    ("optional", "[totp, sms, email]"),
    ("required", "[totp]"),
    ("required", "[sms]"),
    ("required", "[email]"),
    ("required", "[totp, sms]"),
    ("required", "[totp, email]"),
    ("required", "[sms, email]"),
    ("required", "[totp, sms, email]"),
];

const RECOVERY: [&str; 6] = [
    "",
    "[email]",
    "[phone]",
    "[email, phone]",
    "[phone, email]",
    "[admin]",
];

/// All of them, those with the same `with` beside each other.
pub(crate) fn all() -> Vec<Combination> {
    let mut all = Vec::new();
    for (with, _) in WITH {
        for by in ["email", "sms"] {
            for how in ["code", "link"] {
                for (mode, methods) in MFA {
                    for recovery in RECOVERY {
                        // The cheapest is refused whatever stands beside it.
                        let plans: &[&str] = match (mode, recovery) {
                            ("off", "") => &["lite", "essentials", "plus"],
                            _ => &["essentials", "plus"],
                        };
                        for &plan in plans {
                            for sender in [false, true] {
                                all.push(Combination {
                                    with,
                                    by,
                                    how,
                                    mode,
                                    methods,
                                    recovery,
                                    plan,
                                    sender,
                                });
                            }
                        }
                    }
                }
            }
        }
    }
    all
}

impl Combination {
    /// The project file. `lambdas` is where both triggers are, from the file's folder; `prefix` that of the
    /// sign-in pages, which is one stage's alone.
    pub(crate) fn yaml(&self, project: &str, lambdas: &str, prefix: &str) -> String {
        let Self {
            with,
            by,
            how,
            mode,
            methods,
            recovery,
            plan,
            sender,
        } = self;
        let mut attributes = WITH.iter().filter(|(known, _)| known == with);
        let attributes = attributes.next().map_or("", |(_, attributes)| attributes);
        let methods = match *methods {
            "" => String::new(),
            methods => format!(", methods: {methods}"),
        };
        let recovery = match *recovery {
            "" => String::new(),
            recovery => format!("  recovery: {recovery}\n"),
        };
        let email = if *sender {
            format!(
                "email: {{ from: \"{project} <hello@{project}.example>\", identity: {project}.example }}\n"
            )
        } else {
            String::new()
        };
        format!(
            "version: 1\nproject: {project}\nregion: eu-west-1\n\
             sign_in:\n  with: {with}\n  attributes: {{ {attributes} }}\n\
             \x20 verify: {{ by: {by}, how: {how} }}\n  mfa: {{ mode: {mode}{methods} }}\n{recovery}\
             \x20 plan: {plan}\n\
             clients: {{ web: {{ kind: spa, callback_urls: [\"http://localhost:3000/\"] }} }}\n\
             hosted_ui: {{ prefix: {prefix} }}\n{email}\
             triggers:\n  confirm_user: {{ path: {lambdas}/confirm-user }}\n\
             \x20 generate_token: {{ path: {lambdas}/generate-token }}\n"
        )
    }
}
