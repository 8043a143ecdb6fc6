//! Writes the project file of a user pool that somebody else made, so that a deploy adds to it and changes nothing of it.
//!
//! What the file has a word for, it says. Where that would come out otherwise than it is, the property is named under
//! `adopt` as one that stays; a file that the rules refuse gives way, part by part, until they don't. What hangs from the
//! pool and has no place in the file isn't ours, and is left alone.

mod draft;
mod yaml;

use std::collections::BTreeMap;
use std::path::PathBuf;

use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::plan::{PropertyChange, adopted};
use saasauth_model::project::{self, FILE_NAME, Project};
use saasauth_model::resource::{Live, LogicalId};
use saasauth_model::topology;
use serde_json::Value;

use crate::aws::WholePool;
use draft::Parts;
use yaml::{comment, list, text};

/// Where the file goes, and what it is of.
#[derive(Debug, Clone)]
pub struct Place {
    /// The folder it will stand in.
    pub directory: PathBuf,
    /// The project's name.
    pub project: String,
    /// The stage that takes the pool over.
    pub stage: String,
    /// The region the pool is in.
    pub region: String,
    /// A folder with crates of both triggers: what the file will stand beside is not there yet.
    pub triggers: PathBuf,
}

/// A table to take over, and the pool.
#[derive(Debug)]
pub struct There<'a> {
    /// The pool, with what hangs from it.
    pub pool: &'a WholePool,
    /// The table that is to be the Permissions table.
    pub table: Option<&'a Live>,
}

/// A project file in the making.
#[derive(Debug)]
pub struct Draft<'a> {
    place: &'a Place,
    there: &'a There<'a>,
    parts: Parts,
    keep: BTreeMap<LogicalId, Vec<(String, Option<Value>)>>,
}

/// Where the sources of the triggers will stand, seen from the file.
const LAMBDAS: &str = "lambdas";

impl Place {
    /// The least a project file can say, to connect with.
    ///
    /// # Errors
    /// When a name can't be one.
    pub fn bare(&self) -> Result<Project> {
        let clients = "clients: { web: { kind: spa } }\n";
        let triggers = Self::triggers_in(&self.elsewhere());
        self.check(self.head() + clients + &triggers + &self.stages(""))
    }

    fn head(&self) -> String {
        let Self {
            project, region, ..
        } = self;
        format!(
            "version: 1\nproject: {}\nregion: {}\n",
            text(project),
            text(region)
        )
    }

    /// Where the sources of the triggers stand in a draft.
    fn elsewhere(&self) -> String {
        self.triggers.display().to_string()
    }

    fn triggers_in(folder: &str) -> String {
        let path = |name: &str| text(&format!("{folder}/{name}"));
        format!(
            "\ntriggers:\n  confirm_user: {{ path: {}, memory_mb: 256 }}\n  generate_token: {{ path: {}, memory_mb: 512 }}\n",
            path("confirm-user"),
            path("generate-token")
        )
    }

    fn stages(&self, adopt: &str) -> String {
        let stage = text(&self.stage);
        let is_local = self.stage == project::validate::LOCAL;
        let mut stages = "\nstages:\n".to_owned();
        if !is_local {
            stages.push_str("  local: { target: local }\n");
        }
        stages.push_str(&format!("  {stage}:\n"));
        if is_local {
            stages.push_str("    target: local\n");
        } else {
            stages.push_str(
                "    protect: true                 # refuses to destroy, or to replace anything that holds data\n",
            );
        }
        stages + adopt
    }

    fn check(&self, text: String) -> Result<Project> {
        project::of_text(&self.directory.join(FILE_NAME), text)
    }
}

impl<'a> Draft<'a> {
    /// Says of the pool what a project file can say.
    ///
    /// # Errors
    /// When not even the least that can be said of it obeys the rules.
    pub fn of(place: &'a Place, there: &'a There<'a>) -> Result<Self> {
        let pool = &there.pool.pool.properties;
        let mut draft = Self {
            place,
            there,
            parts: Parts::default(),
            keep: BTreeMap::new(),
        };
        draft.parts.hosted_ui = there.pool.domain.as_ref().and_then(draft::hosted_ui);
        if draft.project().is_err() {
            draft.parts.hosted_ui = None;
        }
        draft.parts.email = draft::email(pool, &place.region);
        if draft.project().is_err() {
            draft.parts.email = None;
        }
        for one in draft::attributes(pool) {
            draft.parts.attributes.push(one);
            if draft.project().is_err() {
                draft.parts.attributes.pop();
            }
        }
        let ways = draft::sign_in(pool, draft.parts.email.is_some());
        let fitting = ways.into_iter().find(|way| {
            draft.parts.sign_in.clone_from(way);
            draft.project().is_ok()
        });
        // The last of them says the least; what is wrong with that is what there is to tell.
        if fitting.is_none() {
            draft.project()?;
        }
        for group in &there.pool.groups {
            draft.parts.roles.push(group.clone());
            if draft.project().is_err() {
                draft.parts.roles.pop();
            }
        }
        for provider in &there.pool.providers {
            let secret = |name: &str| format!("ssm:/{}/{}/{name}", place.project, place.stage);
            let one = draft::provider(&provider.properties, secret);
            draft.parts.providers.push(one);
            if draft.project().is_err() {
                draft.parts.providers.pop();
            }
        }
        for client in &there.pool.clients {
            let taken: Vec<String> = draft
                .parts
                .clients
                .iter()
                .map(|one| one.0.clone())
                .collect();
            let name = client.properties["ClientName"].as_str().unwrap_or_default();
            let name = draft::legal(name, "client", &taken);
            let id = client.physical_id.rsplit('|').next().unwrap_or_default();
            let mut ways = draft::client(&client.properties).into_iter();
            let _ = ways.any(|way| {
                draft.parts.clients.push((name.clone(), way, id.to_owned()));
                let is_right = draft.project().is_ok();
                if !is_right {
                    draft.parts.clients.pop();
                }
                is_right
            });
        }
        Ok(draft)
    }

    /// The file as it is by now.
    ///
    /// # Errors
    /// When it breaks a rule.
    pub fn project(&self) -> Result<Project> {
        self.place.check(self.write(&self.place.elsewhere()))
    }

    /// Names as staying what would change otherwise of what is `live`.
    pub fn keep(
        &mut self,
        differing: &BTreeMap<LogicalId, Vec<PropertyChange>>,
        live: &BTreeMap<LogicalId, Live>,
    ) {
        for (id, changes) in differing {
            let names = adopted::names(changes).into_iter().map(|name| {
                let found = live.get(id).and_then(|live| found(&live.properties, &name));
                (name, found)
            });
            self.keep.insert(id.clone(), names.collect());
        }
        if self.is_lite() {
            let name = "LambdaConfig.PreTokenGenerationConfig".to_owned();
            let of_pool = self.keep.entry(topology::USER_POOL.to_owned()).or_default();
            if !of_pool.iter().any(|(known, _)| *known == name) {
                of_pool.push((name, None));
            }
        }
    }

    /// Whether the pool has the one feature plan that puts no claims into access tokens.
    pub fn is_lite(&self) -> bool {
        self.there.pool.pool.properties["UserPoolTier"] == "LITE"
    }

    /// Whether nothing keeps the pool from being deleted.
    pub fn is_unprotected(&self) -> bool {
        self.there.pool.pool.properties["DeletionProtection"] != "ACTIVE"
    }

    /// The triggers of others that stay in the place of ours.
    pub fn triggers_of_others(&self) -> Vec<&str> {
        let kept = self.keep.get(topology::USER_POOL).into_iter().flatten();
        let kept = kept.filter(|(_, found)| found.is_some());
        kept.filter_map(|(name, _)| name.strip_prefix("LambdaConfig."))
            .collect()
    }

    /// What stays as it is, by logical ID.
    pub fn kept(&self) -> BTreeMap<&str, Vec<&str>> {
        let kept = self.keep.iter();
        kept.map(|(id, names)| {
            let names = names.iter().map(|(name, _)| name.as_str());
            (id.as_str(), names.collect())
        })
        .collect()
    }

    /// What hangs from the pool and is not in the file.
    pub fn left(&self) -> Vec<String> {
        self.parts.left(self.there.pool)
    }

    /// The file.
    pub fn text(&self) -> String {
        self.write(LAMBDAS)
    }

    fn write(&self, lambdas: &str) -> String {
        let Parts {
            sign_in,
            attributes,
            providers,
            clients,
            hosted_ui,
            roles,
            email,
        } = &self.parts;
        let id = &self.there.pool.pool.physical_id;
        let mut file = format!(
            "# The user pool {id}, taken over as it is. What `adopt` lists under `keep` stays as it was found: take an entry\n\
             # out to have it follow this file.\n\n{}\nsign_in:\n",
            self.place.head()
        );
        let mut line = |line: String| {
            file.push_str(&line);
            file.push('\n');
        };
        for (key, value) in sign_in {
            line(format!("  {key}: {value}"));
        }
        for (key, entries) in [("attributes", attributes), ("providers", providers)] {
            if !entries.is_empty() {
                line(format!("  {key}:"));
            }
            for (name, value) in entries {
                line(format!("    {}: {value}", text(name)));
            }
        }
        line("\nclients:".to_owned());
        if clients.is_empty() {
            line(
                "  web: { kind: spa, callback_urls: [\"http://localhost:3000/callback\"] }"
                    .to_owned(),
            );
        }
        for (name, value, _) in clients {
            line(format!("  {}: {value}", text(name)));
        }
        if let Some(hosted_ui) = hosted_ui {
            line(format!("\nhosted_ui: {hosted_ui}"));
        }
        line("\n# A group is a role: say what each permits, as RESOURCE:ACTION.".to_owned());
        line("access:\n  default_role: member\n  roles:".to_owned());
        if !roles.iter().any(|role| role == "member") {
            line("    member: []".to_owned());
        }
        for role in roles {
            line(format!("    {}: []", text(role)));
        }
        if let Some(email) = email {
            line(format!("\nemail: {email}"));
        }
        file + &Place::triggers_in(lambdas) + &self.place.stages(&self.adopt())
    }

    fn adopt(&self) -> String {
        let mut lines = vec!["    adopt:".to_owned()];
        let pool = &self.there.pool.pool.physical_id;
        lines.push("      user_pool:".to_owned());
        lines.push(format!("        id: {}", text(pool)));
        self.keep_of(topology::USER_POOL, 8, &mut lines);
        let clients = &self.parts.clients;
        if !clients.is_empty() {
            lines.push("      clients:".to_owned());
        }
        for (name, _, client) in clients {
            lines.push(format!("        {}:", text(name)));
            lines.push(format!("          id: {}", text(client)));
            self.keep_of(&topology::id("Client", name), 10, &mut lines);
        }
        if let Some(table) = self.there.table {
            lines.push("      permissions_table:".to_owned());
            lines.push(format!("        name: {}", text(&table.physical_id)));
            self.keep_of(topology::PERMISSIONS_TABLE, 8, &mut lines);
        }
        if self.keep.contains_key(topology::HOSTED_UI) {
            lines.push("      hosted_ui:".to_owned());
            self.keep_of(topology::HOSTED_UI, 8, &mut lines);
        }
        let providers = self.parts.providers.iter().map(|(name, _)| name);
        self.keep_by_name("providers", "Provider", providers, &mut lines);
        self.keep_by_name("roles", "Group", &self.parts.roles, &mut lines);
        lines.join("\n") + "\n"
    }

    fn keep_by_name<'n>(
        &self,
        key: &str,
        prefix: &str,
        names: impl IntoIterator<Item = &'n String>,
        lines: &mut Vec<String>,
    ) {
        let kept = names.into_iter().filter_map(|name| {
            let kept = self.keep.get(&topology::id(prefix, name))?;
            let kept = kept.iter().map(|(name, _)| name.as_str());
            Some(format!(
                "        {}: {{ keep: {} }}",
                text(name),
                list(kept)
            ))
        });
        let kept: Vec<String> = kept.collect();
        if !kept.is_empty() {
            lines.push(format!("      {key}:"));
            lines.extend(kept);
        }
    }

    fn keep_of(&self, id: &str, indent: usize, lines: &mut Vec<String>) {
        let Some(kept) = self.keep.get(id) else {
            return;
        };
        let space = " ".repeat(indent);
        lines.push(format!("{space}keep:"));
        for (name, found) in kept {
            let why = match (name.as_str(), found) {
                ("LambdaConfig.PreTokenGenerationConfig", None) => {
                    "the plan Lite has no claims in access tokens: take this and UserPoolTier out to have them".to_owned()
                }
                (_, Some(found)) => comment(found),
                (_, None) => "not set".to_owned(),
            };
            lines.push(format!("{space}  - {}  # {why}", text(name)));
        }
    }
}

/// What there is at the path of a property.
fn found(properties: &Value, path: &str) -> Option<Value> {
    if let Some((list, name)) = path.strip_suffix(']').and_then(|path| path.split_once('[')) {
        let mut entries = properties[list].as_array()?.iter();
        return entries.find(|entry| entry["Name"] == name).cloned();
    }
    let mut value = properties;
    for name in path.split('.') {
        value = &value[name];
    }
    (!value.is_null()).then(|| value.clone())
}

/// What to do about a pool that isn't there.
pub fn not_there(pool: &str, place: &Place) -> Error {
    Error::new(
        ErrorKind::Aws,
        format!("there is no user pool `{pool}` in `{}`", place.region),
    )
    .with_hint("for a pool in AWS, name a stage and the credentials: `--stage prod --profile NAME`")
}
