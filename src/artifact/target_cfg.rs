//! Whether a `cfg(…)` of Cargo's configuration holds for a target that triggers are built for.

/// Whether the name of a `[target]` table is a `cfg(…)` that holds for this target. What isn't known here
/// doesn't hold: Cargo asks the compiler, which knows more, but not of anything that triggers are built
/// for differently.
pub(super) fn holds(name: &str, target: &str) -> bool {
    let mut words = Words(name);
    let held = words.next() == Some("cfg") && words.next() == Some("(");
    held && predicate(&mut words, target) == Some(true)
}

/// One predicate; `None` for a text that is none.
fn predicate(words: &mut Words<'_>, target: &str) -> Option<bool> {
    let name = words.next()?;
    match (name, words.peek()) {
        ("all" | "any" | "not", Some("(")) => {
            words.next();
            let mut held = Vec::new();
            while words.peek()? != ")" {
                held.push(predicate(words, target)?);
                if words.peek()? == "," {
                    words.next();
                }
            }
            words.next();
            Some(match name {
                "all" => held.iter().all(|held| *held),
                "any" => held.iter().any(|held| *held),
                _ => !*held.first()?,
            })
        }
        (_, Some("=")) => {
            words.next();
            let value = words.next()?.strip_prefix('"')?.strip_suffix('"')?;
            Some(value_holds(name, value, target))
        }
        _ => Some(matches!(name, "unix" | "true")),
    }
}

fn value_holds(name: &str, value: &str, target: &str) -> bool {
    let mut parts = target.split('-');
    let architecture = parts.next().unwrap_or_default();
    let vendor = parts.next().unwrap_or_default();
    let is_linux = target.contains("linux");
    match name {
        "target_arch" => value == architecture,
        "target_vendor" => value == vendor,
        "target_os" => value == if is_linux { "linux" } else { "macos" },
        "target_env" => value == if is_linux { "gnu" } else { "" },
        "target_family" => value == "unix",
        "target_endian" => value == "little",
        "target_pointer_width" => value == "64",
        _ => false,
    }
}

/// The words of an expression: names, texts in quotation marks, and signs.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn peek(&self) -> Option<&'a str> {
        Self(self.0).next()
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        let first = text.chars().next()?;
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let length = if first == '"' {
            text[1..].find('"')? + 2
        } else if is_name(first) {
            text.find(|c| !is_name(c)).unwrap_or(text.len())
        } else {
            first.len_utf8()
        };
        let (word, rest) = text.split_at(length);
        self.0 = rest;
        Some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_holds_as_it_does_for_the_compiler() {
        for (name, holds_for_x86, holds_for_arm) in [
            ("cfg(unix)", true, true),
            ("cfg(windows)", false, false),
            ("cfg(target_os = \"linux\")", true, true),
            ("cfg(target_arch=\"aarch64\")", false, true),
            ("cfg(not(target_arch = \"aarch64\"))", true, false),
            ("cfg(all(unix, target_arch = \"x86_64\",))", true, false),
            (
                "cfg(any(target_os = \"macos\", all(target_env = \"gnu\", target_arch = \"aarch64\")))",
                false,
                true,
            ),
            ("cfg(all())", true, true),
            ("cfg(target_feature = \"avx512f\")", false, false),
            ("cfg(", false, false),
            ("cfg(not())", false, false),
            ("unix", false, false),
            ("x86_64-unknown-linux-gnu", false, false),
        ] {
            let held = |target| holds(name, target);
            assert_eq!(held("x86_64-unknown-linux-gnu"), holds_for_x86, "{name}");
            assert_eq!(held("aarch64-unknown-linux-gnu"), holds_for_arm, "{name}");
        }
        assert!(holds("cfg(target_os = \"macos\")", "aarch64-apple-darwin"));
    }
}
