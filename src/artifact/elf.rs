//! Reads from a binary's header whether Lambda can run it.

use super::Architecture;
use saasauth_model::error::{Error, ErrorKind, Result};

/// `e_machine` values of the ELF specification.
const X86_64: u16 = 0x3E;
const AARCH64: u16 = 0xB7;

/// Refuses a binary that isn't a 64-bit Linux program of this architecture.
///
/// Lambda takes any file, and only the first invocation fails, with `Runtime.InvalidEntrypoint`.
pub(super) fn check(name: &str, binary: &[u8], architecture: Architecture) -> Result<()> {
    let found = match header(binary) {
        Some(X86_64) => Architecture::X86_64,
        Some(AARCH64) => Architecture::Arm64,
        Some(machine) => {
            return Err(wrong(
                name,
                &format!("it is built for the ELF machine {machine:#x}"),
                architecture,
            ));
        }
        None => return Err(wrong(name, "it is no 64-bit Linux program", architecture)),
    };
    if found == architecture {
        Ok(())
    } else {
        Err(wrong(
            name,
            &format!("it is built for {found}"),
            architecture,
        ))
    }
}

fn wrong(name: &str, cause: &str, architecture: Architecture) -> Error {
    Error::new(
        ErrorKind::Build,
        format!("the binary of `{name}` does not run on Lambda's {architecture}"),
    )
    .with_cause(cause)
    .with_hint(
        "see `build.target` and `linker` in the Cargo configuration of the trigger's workspace",
    )
    .with_hint("or change `architecture` in the project file")
}

/// The machine of a 64-bit little-endian ELF file.
fn header(binary: &[u8]) -> Option<u16> {
    const CLASS_64: u8 = 2;
    const LITTLE_ENDIAN: u8 = 1;
    let header = binary.get(..20)?;
    let fits =
        header.starts_with(b"\x7fELF") && header[4] == CLASS_64 && header[5] == LITTLE_ENDIAN;
    fits.then(|| u16::from_le_bytes([header[18], header[19]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(class: u8, machine: u16) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..4].copy_from_slice(b"\x7fELF");
        bytes[4] = class;
        bytes[5] = 1;
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes
    }

    #[test]
    fn accepts_the_architecture_and_nothing_else() {
        assert!(check("a", &elf(2, 0x3E), Architecture::X86_64).is_ok());
        assert!(check("a", &elf(2, 0xB7), Architecture::Arm64).is_ok());
        for (bytes, cause) in [
            (elf(2, 0x3E), "it is built for x86_64"),
            (elf(1, 0xB7), "it is no 64-bit Linux program"),
            (elf(2, 0xF3), "it is built for the ELF machine 0xf3"),
            (
                b"\xcf\xfa\xed\xfe".to_vec(),
                "it is no 64-bit Linux program",
            ),
            (Vec::new(), "it is no 64-bit Linux program"),
        ] {
            let error = check("a", &bytes, Architecture::Arm64).expect_err(cause);
            assert_eq!(error.causes, [cause]);
        }
    }
}
