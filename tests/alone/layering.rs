//! The rules of the architecture that a compiler doesn't check.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use crate::support::{files, repository, run};

/// What each module of `src/lib.rs` may use of the others, lowest first: whole modules, or a part of one.
const EDGES: [(&str, &[&str]); 12] = [
    ("tools", &[]),
    ("aws", &[]),
    ("scaffold", &[]),
    // cargo-lambda and the emulator are tools.
    ("artifact", &["tools"]),
    ("local", &["tools"]),
    ("engine", &["aws"]),
    // An operator's changes to the users of a deployed stage.
    ("people", &["aws", "engine"]),
    // The project file of what somebody else made.
    ("adopt", &["aws", "scaffold"]),
    // It shows what is told, and asks nothing: the events of the engine, what an upgrade changes, and under
    // `-v` the requests.
    (
        "ui",
        &["aws::trace", "engine::event", "people", "scaffold::upgrade"],
    ),
    // A user of a deployed stage: finds it by its outputs, and reads the mail of the local cloud.
    ("verify", &["aws", "engine", "local"]),
    // What is around a deploy: the machine, the way, the account.
    ("doctor", &["artifact", "aws", "engine", "local", "tools"]),
    // Puts them together.
    (
        "cli",
        &[
            "adopt", "artifact", "aws", "doctor", "engine", "local", "people", "scaffold", "ui",
            "verify",
        ],
    ),
];

/// What the crate of the pure core may not stand on, by the start of a name: runtimes, clients, terminals.
const IMPURE: [&str; 12] = [
    "anstream",
    "aws-",
    "axum",
    "clap",
    "crossterm",
    "futures",
    "hyper",
    "indicatif",
    "reqwest",
    "rustix",
    "rustls",
    "tokio",
];

/// Fails for every line that mentions one of `words`, in the source files the rule applies to.
#[track_caller]
fn never(words: &[&str], applies: impl Fn(&str) -> bool) {
    let mut found = Vec::new();
    for root in ["src", "model/src"] {
        for (path, bytes) in files(&repository().join(root)) {
            let path = format!("{root}/{}", path.display());
            // Tests of a module may use what the module must not.
            if !path.ends_with(".rs") || path.ends_with("tests.rs") || !applies(&path) {
                continue;
            }
            let text = String::from_utf8(bytes).unwrap();
            let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
            for (number, line) in text.lines().enumerate() {
                // A doc comment may speak of what the code doesn't use.
                let code = line.split("//").next().unwrap();
                if words.iter().any(|word| code.contains(word)) {
                    found.push(format!("{path}:{}: {}", number + 1, line.trim()));
                }
            }
        }
    }
    assert!(
        found.is_empty(),
        "{words:?} must not be mentioned here:\n{}",
        found.join("\n")
    );
}

/// Whether a source file belongs to a module of the tool.
fn of(path: &str, module: &str) -> bool {
    path == format!("src/{module}.rs") || path.starts_with(&format!("src/{module}/"))
}

#[test]
fn the_pure_core_stands_on_no_network_and_no_terminal() {
    // The whole graph: what a dependency brings along is compiled, and can be called, all the same.
    let tree = run(Command::new(env!("CARGO"))
        .args(["tree", "--package", "saasauth-model", "--edges", "normal"])
        .args(["--prefix", "none", "--offline"])
        .current_dir(repository()))
    .expect(0)
    .stdout;
    let below: BTreeSet<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(below.contains("serde"), "{below:?}");
    let impure: Vec<_> = below
        .iter()
        .filter(|name| IMPURE.iter().any(|start| name.starts_with(start)))
        .collect();
    assert!(impure.is_empty(), "the pure core stands on {impure:?}");
    never(
        &["async fn", ".await", "std::net", "std::process"],
        |path| path.starts_with("model/"),
    );
}

#[test]
fn only_aws_knows_the_sdk() {
    never(
        &["aws_sdk_", "aws_config", "aws_smithy", "aws_types"],
        |path| !of(path, "aws"),
    );
}

#[test]
fn only_ui_writes_to_the_terminal() {
    let words = [
        "println!",
        "eprintln!",
        "print!(",
        "eprint!(",
        "indicatif",
        "io::stdout",
        "io::stderr",
    ];
    never(&words, |path| !of(path, "ui"));
}

#[test]
fn nothing_ends_the_process_but_main() {
    never(&["process::exit", "process::abort"], |_| true);
}

#[test]
fn dependencies_point_down() {
    let mut used = BTreeSet::new();
    for (path, bytes) in files(&repository().join("src")) {
        let is_source = path.extension().is_some_and(|end| end == "rs");
        if !is_source || path.ends_with("tests.rs") || path == Path::new("lib.rs") {
            continue;
        }
        let source = String::from_utf8(bytes).unwrap();
        let module = module_of(&path);
        let uses = if path == Path::new("main.rs") {
            continue;
        } else {
            uses(&module, &source)
        };
        for one in uses {
            let (from, to) = (module[0].as_str(), one.path.as_slice());
            let edge = allowed(from, to).unwrap_or_else(|| {
                panic!(
                    "src/{}:{}: `{from}` must not use `crate::{}`",
                    path.display(),
                    one.line,
                    to.join("::")
                )
            });
            used.insert((from.to_owned(), edge));
        }
    }
    for (module, edges) in EDGES {
        for edge in edges {
            let edge = (module.to_owned(), (*edge).to_owned());
            assert!(used.contains(&edge), "nothing needs the edge {edge:?}");
        }
    }
}

#[test]
fn every_module_stands_in_the_table_below_what_uses_it() {
    let lib = fs::read_to_string(repository().join("src/lib.rs")).unwrap();
    let lib = syn::parse_file(&lib).unwrap();
    let modules: BTreeSet<String> = lib
        .items
        .iter()
        .filter_map(|item| match item {
            syn::Item::Mod(module) => Some(module.ident.to_string()),
            _ => None,
        })
        .collect();
    let table: BTreeSet<String> = EDGES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(table, modules);
    for (position, (module, edges)) in EDGES.iter().enumerate() {
        for edge in *edges {
            let below = edge.split("::").next().unwrap();
            assert!(
                EDGES[..position].iter().any(|(name, _)| *name == below),
                "`{module}` uses `{below}`, which does not stand before it"
            );
        }
    }
}

#[test]
fn a_use_is_seen_however_it_is_written() {
    let sample = r#"
        use crate::{cli::context::Context, local::{self, Mail as Letter}, aws::Fault};
        use super::super::ui;
        pub(in crate::aws) struct Inner(crate::engine::Events);
        mod nested {
            use super::super::super::verify::Report;
            fn all() -> Vec<String> {
                self::own();
                vec![format!("{}", crate::scaffold::name())]
            }
        }
        #[cfg(test)]
        mod tests {
            use crate::tools;
        }
    "#;
    let module = ["aws", "directory"].map(str::to_owned);
    let seen: BTreeSet<String> = uses(&module, sample)
        .into_iter()
        .map(|one| one.path.join("::"))
        .collect();
    let expected = [
        "aws",
        "aws::Fault",
        "cli::context::Context",
        "engine::Events",
        "local",
        "local::Mail",
        "scaffold::name",
        "ui",
        "verify::Report",
    ];
    let outside: Vec<&str> = seen
        .iter()
        .map(String::as_str)
        .filter(|path| !path.starts_with("aws::directory"))
        .collect();
    assert_eq!(outside, expected);
    let refused = |path: &str| {
        let path: Vec<String> = path.split("::").map(str::to_owned).collect();
        allowed("aws", &path).is_none()
    };
    assert!(!refused("aws::Fault"));
    assert!(
        expected
            .iter()
            .filter(|path| !path.starts_with("aws"))
            .all(|path| refused(path))
    );
    // A part of a module is not the whole of it.
    let path = |path: [&str; 2]| path.map(str::to_owned);
    assert_eq!(
        allowed("ui", &path(["aws", "trace"])).as_deref(),
        Some("aws::trace")
    );
    assert_eq!(allowed("ui", &path(["aws", "Aws"])), None);
    // The whole crate under another name would hide what is used of it.
    for hidden in [
        "use crate as all;",
        "use crate::*;",
        "use crate::{self as all};",
    ] {
        let whole = uses(&module, hidden);
        assert_eq!(whole.len(), 1, "{hidden}");
        assert_eq!(allowed("cli", &whole[0].path), None, "{hidden}");
    }
}

/// The edge of the table that lets `from` use a path of the crate; a module may use itself.
fn allowed(from: &str, path: &[String]) -> Option<String> {
    if path.first().is_some_and(|first| first == from) {
        return Some(from.to_owned());
    }
    let (_, edges) = EDGES.iter().find(|(module, _)| *module == from)?;
    let edge = edges.iter().find(|edge| {
        let edge: Vec<&str> = edge.split("::").collect();
        path.len() >= edge.len() && edge.iter().zip(path).all(|(edge, part)| edge == part)
    })?;
    Some((*edge).to_owned())
}

/// `directory/mod.rs` and `directory.rs` are both the module `directory`.
fn module_of(file: &Path) -> Vec<String> {
    let mut module: Vec<String> = file
        .with_extension("")
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    module.pop_if(|last| last == "mod");
    module
}

/// A path of this crate that some code names, from the crate's root.
#[derive(Debug)]
struct Use {
    path: Vec<String>,
    line: usize,
}

/// What a module's code, tests aside, names of its crate: in declarations, in paths and within macros.
fn uses(module: &[String], source: &str) -> Vec<Use> {
    let mut found = Uses {
        module: module.to_vec(),
        found: Vec::new(),
    };
    found.visit_file(&syn::parse_file(source).unwrap());
    found.found
}

struct Uses {
    /// Where the code stands that is being read.
    module: Vec<String>,
    found: Vec<Use>,
}

impl Uses {
    /// Takes down a path that starts at `crate`, `self` or `super`; any other stays within what a
    /// declaration named, or leaves this crate.
    fn add(&mut self, path: &[String], line: usize) {
        let mut resolved = match path.first().map(String::as_str) {
            Some("crate") => Vec::new(),
            Some("self" | "super") => self.module.clone(),
            _ => return,
        };
        for part in path {
            match part.as_str() {
                "crate" | "self" => {}
                "super" => drop(resolved.pop()),
                part => resolved.push(part.to_owned()),
            }
        }
        self.found.push(Use {
            path: resolved,
            line,
        });
    }

    fn tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |ident: &syn::Ident| [before, &[ident.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.add(&with(&name.ident), line(&name.ident)),
            syn::UseTree::Rename(name) => self.add(&with(&name.ident), line(&name.ident)),
            syn::UseTree::Glob(glob) => {
                self.add(before, glob.star_token.spans[0].start().line);
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(before, tree);
                }
            }
        }
    }

    /// What a macro is given is no syntax yet: paths are looked for in its words.
    fn words(&mut self, words: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut began, mut colons) = (0, 0);
        for word in words {
            match word {
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.add(&path, began);
                        path.clear();
                        began = line(&ident);
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                other => {
                    self.add(&path, began);
                    path.clear();
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.words(group.stream());
                    }
                }
            }
        }
        self.add(&path, began);
    }
}

fn line(ident: &syn::Ident) -> usize {
    ident.span().start().line
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Uses {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_for_tests(&module.attrs) {
            self.module.push(module.ident.to_string());
            visit::visit_item_mod(self, module);
            self.module.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_for_tests(&item.attrs) {
            self.tree(&[], &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        // `self` alone is a value.
        if parts.len() > 1 {
            self.add(&parts, line(&path.segments[0].ident));
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.words(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}
