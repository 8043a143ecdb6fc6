// An expression, included by `src/lib.rs`. `tests/project.rs` compares it with the folder.
&[
    ("Cargo.toml", include_str!("project.Cargo.toml")),
    ("README.md", include_str!("README.md")),
    ("src/claims.rs", include_str!("src/claims.rs")),
    ("src/delivery.rs", include_str!("src/delivery.rs")),
    ("src/environment.rs", include_str!("src/environment.rs")),
    ("src/federation.rs", include_str!("src/federation.rs")),
    ("src/handover.rs", include_str!("src/handover.rs")),
    ("src/keys.rs", include_str!("src/keys.rs")),
    ("src/lib.rs", include_str!("src/lib.rs")),
    ("src/mail.rs", include_str!("src/mail.rs")),
    ("src/marketing.rs", include_str!("src/marketing.rs")),
    ("src/permission.rs", include_str!("src/permission.rs")),
    ("src/record.rs", include_str!("src/record.rs")),
    ("src/version.rs", include_str!("src/version.rs")),
]
