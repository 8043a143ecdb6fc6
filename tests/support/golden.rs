//! Golden files: what the program said once, somebody read, and it has to say again.
//!
//! They are the messages beside `tests/fixtures/projects/invalid/*.yaml`, the templates in
//! `stacks/examples/` and the schema beside the examples, all of them written by this one function and
//! compared, byte for byte, with what the real binary says. To renew them, and then read what changed:
//!
//! ```sh
//! UPDATE_GOLDEN=1 cargo test --test alone
//! git diff
//! ```
//!
//! A text of a few lines stands in its test instead, as a string or an inline `insta` snapshot.

use std::fs;
use std::path::Path;

/// Fails the test unless the file holds this text; under `UPDATE_GOLDEN` it writes the text there instead.
#[track_caller]
pub(crate) fn assert_golden(file: &Path, text: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        // Only what changes: what is compiled in would be compiled anew for every touched file.
        if fs::read_to_string(file).ok().as_deref() != Some(text) {
            fs::write(file, text).unwrap();
        }
        return;
    }
    let kept = fs::read_to_string(file).unwrap_or_default();
    assert!(
        kept == text,
        "`{}` holds something else; UPDATE_GOLDEN=1 renews it\n--- it holds\n{kept}\n--- said now\n{text}",
        file.display()
    );
}
