//! Parse, run, exit code; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    // SAFETY: the process has no other thread yet.
    unsafe { saasauth::cli::variables::forget_empty() };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(_) => return ExitCode::FAILURE,
    };
    let code = runtime.block_on(saasauth::cli::run(std::env::args_os()));
    // A question left unanswered still waits for its line on a thread of its own.
    runtime.shutdown_background();
    code
}
