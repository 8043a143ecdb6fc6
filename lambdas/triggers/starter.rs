// An expression, included by `src/lib.rs`. The files in `starter` are links to those of `lambdas/`: Cargo packs
// what they point to, and would leave a folder with a manifest of its own out.
&[
    (
        "confirm-user/Cargo.toml",
        include_str!("starter/confirm-user.Cargo.toml"),
    ),
    (
        "confirm-user/src/hooks.rs",
        include_str!("starter/confirm-user.hooks.rs"),
    ),
    (
        "confirm-user/src/main.rs",
        include_str!("starter/confirm-user.main.rs"),
    ),
    (
        "generate-token/Cargo.toml",
        include_str!("starter/generate-token.Cargo.toml"),
    ),
    (
        "generate-token/src/hooks.rs",
        include_str!("starter/generate-token.hooks.rs"),
    ),
    (
        "generate-token/src/main.rs",
        include_str!("starter/generate-token.main.rs"),
    ),
]
