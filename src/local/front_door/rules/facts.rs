//! What a rule may ask about what is there: the pool, its factors, a role, a sender. Each is asked for once.

use percent_encoding::{percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::super::RESERVED;
use super::super::request::Request;
use super::super::scope::Scope;
use super::super::upstream::Upstream;

/// The world a request comes into.
pub(super) struct Facts<'a> {
    /// The request's parameters.
    pub(super) input: &'a Value,
    pub(super) scope: Scope,
    world: World<'a>,
    pool: OnceCell<Option<Value>>,
    factors: OnceCell<Option<Value>>,
}

enum World<'a> {
    Emulator(&'a Upstream),
    /// One made up for a test: answers by the names of the questions.
    #[cfg(test)]
    Given(&'a Value),
}

/// A role, as far as somebody who wants to assume it cares.
#[derive(Debug)]
pub(super) struct Role {
    /// The statements of its trust policy.
    pub(super) trust: Vec<Value>,
    /// Those of its inline policies.
    pub(super) statements: Vec<Value>,
    /// Whether managed policies are attached, whose statements nobody has read.
    pub(super) has_managed: bool,
}

impl<'a> Facts<'a> {
    pub(super) fn asked_of(upstream: &'a Upstream, scope: Scope, request: &'a Request) -> Self {
        Self::new(World::Emulator(upstream), scope, &request.input)
    }

    #[cfg(test)]
    pub(super) fn given(world: &'a Value, input: &'a Value) -> Self {
        let scope = Scope::new("111122223333", "eu-west-1");
        Self::new(World::Given(world), scope, input)
    }

    fn new(world: World<'a>, scope: Scope, input: &'a Value) -> Self {
        Self {
            input,
            scope,
            world,
            pool: OnceCell::new(),
            factors: OnceCell::new(),
        }
    }

    fn pool_id(&self) -> Value {
        self.input["UserPoolId"].clone()
    }

    /// The pool the request names, as it is.
    pub(super) async fn pool(&self) -> Option<&Value> {
        let ask = async {
            let input = json!({ "UserPoolId": self.pool_id() });
            let mut answer = self.cognito("DescribeUserPool", &input).await?;
            Some(answer["UserPool"].take())
        };
        self.pool.get_or_init(|| ask).await.as_ref()
    }

    /// Its second factors.
    pub(super) async fn factors(&self) -> Option<&Value> {
        let ask = async {
            let input = json!({ "UserPoolId": self.pool_id() });
            self.cognito("GetUserPoolMfaConfig", &input).await
        };
        self.factors.get_or_init(|| ask).await.as_ref()
    }

    /// The names of its identity providers.
    pub(super) async fn providers(&self) -> Vec<String> {
        let all = self.pages("ListIdentityProviders", "Providers", 60).await;
        let names = all.iter().filter_map(|one| one["ProviderName"].as_str());
        names.map(str::to_owned).collect()
    }

    /// The custom scopes of its resource servers, as clients name them.
    pub(super) async fn custom_scopes(&self) -> Vec<String> {
        let mut scopes = Vec::new();
        for server in self
            .pages("ListResourceServers", "ResourceServers", 50)
            .await
        {
            let identifier = server["Identifier"].as_str().unwrap_or_default();
            let names = server["Scopes"].as_array().into_iter().flatten();
            scopes.extend(
                names
                    .filter_map(|scope| scope["ScopeName"].as_str())
                    .map(|name| format!("{identifier}/{name}")),
            );
        }
        scopes
    }

    /// Everything that a listing of the pool has.
    async fn pages(&self, action: &str, name: &str, at_once: u32) -> Vec<Value> {
        let mut input = json!({ "UserPoolId": self.pool_id(), "MaxResults": at_once });
        let mut all = Vec::new();
        while let Some(mut page) = self.cognito(action, &input).await {
            if let Some(found) = page[name].as_array_mut() {
                all.append(found);
            }
            match page.get("NextToken") {
                Some(next) if next.is_string() => input["NextToken"] = next.clone(),
                _ => break,
            }
        }
        all
    }

    async fn cognito(&self, action: &str, input: &Value) -> Option<Value> {
        match self.world {
            World::Emulator(upstream) => upstream.cognito(&self.scope, action, input).await.ok(),
            // An answer about one pool alone stands under the operation and the pool's ID.
            #[cfg(test)]
            World::Given(world) => {
                let of_pool = format!(
                    "{action} {}",
                    input["UserPoolId"].as_str().unwrap_or_default()
                );
                world.get(&of_pool).or_else(|| world.get(action)).cloned()
            }
        }
    }

    /// A role by its name; nothing when there is none.
    pub(super) async fn role(&self, name: &str) -> Option<Role> {
        match self.world {
            World::Emulator(upstream) => self.role_of(upstream, name).await,
            #[cfg(test)]
            World::Given(world) => {
                let role = world["roles"].get(name)?;
                Some(Role {
                    trust: statements(&role["trust"]),
                    statements: statements(&role["policy"]),
                    has_managed: role["managed"] == true,
                })
            }
        }
    }

    async fn role_of(&self, upstream: &Upstream, name: &str) -> Option<Role> {
        let ask = async |action: &str, more: &[(&str, &str)]| {
            let fields = [&[("Action", action), ("RoleName", name)], more].concat();
            upstream.iam(&self.scope, &fields).await
        };
        let role = ask("GetRole", &[]).await?;
        let trust = statements(&document(&role, "AssumeRolePolicyDocument"));
        let attached = ask("ListAttachedRolePolicies", &[]).await?;
        let mut allowed = Vec::new();
        let names = ask("ListRolePolicies", &[]).await?;
        for policy in elements(&names, "member") {
            let policy = ask("GetRolePolicy", &[("PolicyName", policy)]).await?;
            allowed.extend(statements(&document(&policy, "PolicyDocument")));
        }
        Some(Role {
            trust,
            statements: allowed,
            has_managed: elements(&attached, "PolicyArn").next().is_some(),
        })
    }

    /// Whether there is a queue of this name.
    pub(super) async fn has_queue(&self, name: &str) -> bool {
        match self.world {
            World::Emulator(upstream) => upstream.queue(&self.scope, name).await.is_some(),
            #[cfg(test)]
            World::Given(world) => world["queues"].get(name).is_some(),
        }
    }

    /// The role of a function, by its ARN; nothing when there is no such function.
    pub(super) async fn role_of_function(&self, name: &str) -> Option<String> {
        let name = utf8_percent_encode(name, RESERVED).to_string();
        let configuration = match self.world {
            World::Emulator(upstream) => {
                let path = format!("/2015-03-31/functions/{name}/configuration");
                upstream.get(&self.scope, "lambda", &path).await?
            }
            #[cfg(test)]
            World::Given(world) => world["functions"].get(&name)?.clone(),
        };
        configuration["Role"].as_str().map(str::to_owned)
    }

    /// An identity of SES; nothing when there is none.
    pub(super) async fn identity(&self, scope: &Scope, name: &str) -> Option<Value> {
        let name = utf8_percent_encode(name, RESERVED).to_string();
        self.ses(scope, "identities", &name).await
    }

    pub(super) async fn configuration_set(&self, name: &str) -> Option<Value> {
        let name = utf8_percent_encode(name, RESERVED).to_string();
        self.ses(&self.scope, "configuration-sets", &name).await
    }

    async fn ses(&self, scope: &Scope, kind: &str, name: &str) -> Option<Value> {
        match self.world {
            World::Emulator(upstream) => {
                let path = format!("/v2/email/{kind}/{name}");
                upstream.get(scope, "ses", &path).await
            }
            #[cfg(test)]
            World::Given(world) => {
                let name = percent_decode_str(name).decode_utf8_lossy();
                let _ = scope;
                world[kind].get(&*name).cloned()
            }
        }
    }

    /// A table as it is described; nothing when there is none.
    pub(super) async fn table(&self, name: &str) -> Option<Value> {
        self.dynamodb("DescribeTable", name, "Table").await
    }

    /// How a table's items expire; nothing when there is no such table.
    pub(super) async fn time_to_live(&self, name: &str) -> Option<Value> {
        self.dynamodb("DescribeTimeToLive", name, "TimeToLiveDescription")
            .await
    }

    async fn dynamodb(&self, action: &str, name: &str, member: &str) -> Option<Value> {
        match self.world {
            World::Emulator(upstream) => {
                let input = json!({ "TableName": name });
                let mut answer = upstream.dynamodb(&self.scope, action, &input).await?;
                Some(answer[member].take())
            }
            #[cfg(test)]
            World::Given(world) => {
                let _ = action;
                let table = world["tables"].get(name)?;
                Some(table.get(member).unwrap_or(table).clone())
            }
        }
    }

    /// A domain of a pool: what is known of it, which may be nothing.
    pub(super) async fn domain(&self, name: &str) -> Option<Value> {
        let input = json!({ "Domain": name });
        let mut answer = self.cognito("DescribeUserPoolDomain", &input).await?;
        Some(answer["DomainDescription"].take())
    }
}

/// The statements of a policy: one may stand without a list.
pub(super) fn statements(policy: &Value) -> Vec<Value> {
    match &policy["Statement"] {
        Value::Array(all) => all.clone(),
        one @ Value::Object(_) => vec![one.clone()],
        _ => Vec::new(),
    }
}

/// A policy inside an answer of IAM: JSON, percent-encoded, or as it is where the emulator keeps it so.
fn document(xml: &str, element: &str) -> Value {
    let text = elements(xml, element).next().unwrap_or_default();
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    let plain = decoded
        .replace("&quot;", "\"")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    serde_json::from_str(&plain).unwrap_or_default()
}

/// The texts of the elements of this name.
fn elements<'x>(xml: &'x str, name: &str) -> impl Iterator<Item = &'x str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(open.as_str())?;
        let (text, after) = after.split_once(close.as_str())?;
        rest = after;
        Some(text)
    })
}
