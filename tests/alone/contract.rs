//! What tool, triggers and verifier must agree on is written once, in `lambdas/contract`.

use std::fs;

use proc_macro2::{TokenStream, TokenTree};

use crate::support::{files, repository};

/// Where product code stands.
const ROOTS: [&str; 6] = [
    "src",
    "model/src",
    "verifier/src",
    "lambdas/contract/src",
    "lambdas/triggers/src",
    "lambdas/triggers/starter",
];

/// What the keys of items, the names of attributes and of deliveries begin with.
const PREFIXES: [&str; 5] = ["USER#", "ROLE#", "DOMAIN#", "custom:", "hook:"];

/// Whole words: the other keys, and what a function is asked for.
const WORDS: [&str; 3] = ["META", "by-domain", "PostConfirmation_ConfirmSignUp"];

/// The literals of a file, those in macros too, without those of attributes and doc comments.
fn literals(tokens: TokenStream, found: &mut Vec<String>) {
    let mut is_attribute = false;
    for token in tokens {
        match token {
            TokenTree::Punct(mark) if mark.as_char() == '#' => {
                is_attribute = true;
                continue;
            }
            // `#!`
            TokenTree::Punct(mark) if mark.as_char() == '!' && is_attribute => continue,
            TokenTree::Group(group) if !is_attribute => literals(group.stream(), found),
            TokenTree::Literal(literal) => found.push(literal.to_string()),
            TokenTree::Group(_) | TokenTree::Punct(_) | TokenTree::Ident(_) => {}
        }
        is_attribute = false;
    }
}

/// The names of the functions' variables, which the contract gives constants of the same name.
fn variables() -> Vec<String> {
    let source = repository().join("lambdas/contract/src/environment.rs");
    let source = fs::read_to_string(source).unwrap();
    let source = source.lines().filter_map(|line| {
        let line = line.strip_prefix("pub ").unwrap_or(line);
        let (name, value) = line.strip_prefix("const ")?.split_once(": &str = ")?;
        (value == format!("\"{name}\";")).then(|| name.to_owned())
    });
    source.collect()
}

#[test]
fn every_word_of_the_contract_is_written_once() {
    let mut all = Vec::new();
    for root in ROOTS {
        for (path, bytes) in files(&repository().join(root)) {
            let path = format!("{root}/{}", path.display());
            if !path.ends_with(".rs") || path.ends_with("tests.rs") || path.contains("/tests/") {
                continue;
            }
            let text = String::from_utf8(bytes).unwrap();
            // Tests spell what they expect.
            let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
            let mut found = Vec::new();
            literals(text.parse().unwrap(), &mut found);
            all.extend(found.into_iter().map(|literal| (literal, path.clone())));
        }
    }
    let variables = variables();
    assert!(variables.len() > 13, "{variables:?}");
    let words = WORDS.map(str::to_owned).into_iter().chain(variables);
    let exact = words.map(|word| format!("\"{word}\""));
    let begun = PREFIXES.map(|prefix| format!("\"{prefix}"));
    let mut amiss = Vec::new();
    let mut check = |word: &str, is_it: &dyn Fn(&str) -> bool| {
        let places: Vec<_> = all
            .iter()
            .filter(|(literal, _)| is_it(literal))
            .map(|(_, path)| path.as_str())
            .collect();
        if !matches!(&places[..], [one] if one.starts_with("lambdas/contract/")) {
            amiss.push(format!("{word} stands in {places:?}"));
        }
    };
    for word in exact {
        check(&word, &|literal| literal == word);
    }
    for prefix in begun {
        check(&prefix, &|literal| literal.starts_with(&prefix));
    }
    assert!(amiss.is_empty(), "{}", amiss.join("\n"));
}
