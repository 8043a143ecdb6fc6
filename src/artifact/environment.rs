//! What the shell says to Cargo and to build scripts, and a trigger must not hear.

use tokio::process::Command;

/// Removes from the environment what would make a trigger's bytes depend on the shell, or on the
/// Cargo run that started us. What a trigger needs belongs in its workspace's Cargo configuration.
pub(super) fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if leaks(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
}

fn leaks(name: &str) -> bool {
    const NAMES: [&str; 11] = [
        // Flags meant for other builds: CI sets `-D warnings`, laptops `target-cpu=native`.
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_BUILD_INCREMENTAL",
        "CARGO_INCREMENTAL",
        // What `cargo run` and `cargo test` tell the program they start.
        "CARGO",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_CRATE_NAME",
        "OUT_DIR",
    ];
    const BEGINNINGS: [&str; 7] = [
        "CARGO_PKG_",
        "CARGO_BIN_",
        // Optimisation is the manifest's.
        "CARGO_PROFILE_",
        "CARGO_HOST_",
        // cargo-zigbuild lets stable Cargo hear of those when it builds for the host.
        "CARGO_UNSTABLE_",
        // Another compiler, another linker, files beside the binary.
        "CARGO_LAMBDA_",
        "CMAKE_TOOLCHAIN_FILE",
    ];
    NAMES.contains(&name)
        || BEGINNINGS.iter().any(|start| name.starts_with(start))
        // Flags, linker and runner by target. Where it is compiled to changes nothing.
        || (name.starts_with("CARGO_TARGET_") && name != "CARGO_TARGET_DIR")
        || is_c_flags(name)
        || is_c_tool(name)
}

/// Whether build scripts take this for flags of C: those of a trigger compile C and assembler of
/// cryptography (crate `cc`, which also looks for each name with `TARGET_` before it or the target after).
pub(super) fn is_c_flags(name: &str) -> bool {
    const NAMES: [&str; 4] = ["CFLAGS", "CXXFLAGS", "ARFLAGS", "RANLIBFLAGS"];
    let name = name.strip_prefix("TARGET_").unwrap_or(name);
    let of_target = |rest: &str| rest.is_empty() || is_target(rest);
    NAMES
        .iter()
        .any(|flags| name.strip_prefix(flags).is_some_and(of_target))
}

/// Whether build scripts take this for a tool for the target. cargo-zigbuild names its own, where nobody
/// else did.
fn is_c_tool(name: &str) -> bool {
    const NAMES: [&str; 4] = ["CC", "CXX", "AR", "RANLIB"];
    let for_target = name.strip_prefix("TARGET_");
    for_target.is_some_and(|name| NAMES.contains(&name))
        || NAMES
            .iter()
            .any(|tool| name.strip_prefix(tool).is_some_and(is_target))
}

/// `_x86_64_unknown_linux_gnu`, in either spelling.
fn is_target(rest: &str) -> bool {
    rest.starts_with('_') && (rest.contains("linux") || rest.contains("apple"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_says_of_other_builds_stays_there() {
        for name in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_BUILD_RUSTFLAGS",
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS",
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER",
            "CARGO_BUILD_TARGET",
            "CARGO_PROFILE_RELEASE_LTO",
            "CARGO_PROFILE_LAMBDA_OPT_LEVEL",
            "CARGO_INCREMENTAL",
            "CARGO_LAMBDA_COMPILER",
            "CFLAGS",
            "CFLAGS_x86_64-unknown-linux-gnu",
            "TARGET_CXXFLAGS",
            "CC_x86_64_unknown_linux_gnu",
            "TARGET_AR",
        ] {
            assert!(leaks(name), "{name}");
        }
        for name in [
            "PATH",
            "HTTPS_PROXY",
            "CARGO_HOME",
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_RUSTC_WRAPPER",
            "CARGO_BUILD_JOBS",
            "CARGO_HTTP_PROXY",
            "CARGO_NET_OFFLINE",
            "CARGO_REGISTRIES_ACME_TOKEN",
            "CARGO_REGISTRY_TOKEN",
            "CARGO_ZIGBUILD_ZIG_PATH",
            "RUSTC_WRAPPER",
            "RUSTUP_TOOLCHAIN",
            "CC",
            "HOST_CFLAGS",
            "CARGO_SOURCE",
        ] {
            assert!(!leaks(name), "{name}");
        }
    }
}
