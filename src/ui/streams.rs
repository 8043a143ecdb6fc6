//! The two streams of the process: who writes to them, how wide they are, and how a live display
//! steps aside while something is written.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anstream::AutoStream;
use clap::ColorChoice;
use indicatif::{ProgressBar, ProgressDrawTarget};

use super::text::shown;
use saasauth_model::error::{Error, Result};

/// The width assumed for a file or a pipe: wide enough to break little, narrow enough to read in a
/// build log.
const WIDTH_OF_A_LOG: usize = 100;
/// Below this, lines can't be laid out; the terminal breaks them as it likes.
const LEAST_WIDTH: usize = 40;

/// Standard output and standard error.
pub(super) struct Streams {
    data: Mutex<OutputStream>,
    notes: Mutex<OutputStream>,
    live: Mutex<Option<ProgressBar>>,
    /// A question is asked: the live display draws nothing.
    paused: AtomicBool,
    data_size: WindowSize,
    notes_size: WindowSize,
    notes_colored: bool,
}

/// Where bytes go.
struct OutputStream {
    writer: Box<dyn Write + Send>,
    /// The reader went away. Nobody is left to tell, so the rest is dropped without a word.
    closed: bool,
}

/// How big a stream's window is.
#[derive(Debug, Clone, Copy)]
enum WindowSize {
    /// A terminal's, asked anew each time: windows are resized.
    Terminal(StandardStream),
    /// Not a terminal.
    Columns(usize),
}

#[derive(Debug, Clone, Copy)]
enum StandardStream {
    Output,
    Error,
}

impl Streams {
    /// The process's own streams.
    pub(super) fn standard(color: ColorChoice) -> Self {
        let choice = match color {
            ColorChoice::Auto => anstream::ColorChoice::Auto,
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
        };
        let size = |is_terminal: bool, standard: StandardStream| match is_terminal {
            true => WindowSize::Terminal(standard),
            false => WindowSize::Columns(columns().unwrap_or(WIDTH_OF_A_LOG)),
        };
        let notes = AutoStream::new(io::stderr(), choice);
        Self {
            data_size: size(io::stdout().is_terminal(), StandardStream::Output),
            notes_size: size(io::stderr().is_terminal(), StandardStream::Error),
            data: OutputStream::new(AutoStream::new(io::stdout(), choice)),
            notes_colored: notes.current_choice() != anstream::ColorChoice::Never,
            notes: OutputStream::new(notes),
            live: Mutex::new(None),
            paused: AtomicBool::new(false),
        }
    }

    /// Streams into memory, taken for files of the given width.
    #[cfg(test)]
    pub(super) fn captured(
        data: impl Write + Send + 'static,
        notes: impl Write + Send + 'static,
        width: usize,
    ) -> Self {
        Self {
            data_size: WindowSize::Columns(width),
            notes_size: WindowSize::Columns(width),
            notes_colored: false,
            data: OutputStream::new(data),
            notes: OutputStream::new(notes),
            live: Mutex::new(None),
            paused: AtomicBool::new(false),
        }
    }

    /// Whether standard error is a terminal.
    pub(super) fn notes_on_terminal(&self) -> bool {
        matches!(self.notes_size, WindowSize::Terminal(_))
    }

    /// Whether styles survive on standard error; what draws there past this type strips them else.
    pub(super) fn notes_colored(&self) -> bool {
        self.notes_colored
    }

    /// The width of standard output.
    pub(super) fn data_width(&self) -> usize {
        self.data_size.now().0
    }

    /// The width of standard error.
    pub(super) fn notes_width(&self) -> usize {
        self.notes_size.now().0
    }

    /// The width and height of standard error.
    pub(super) fn notes_size(&self) -> (usize, usize) {
        self.notes_size.now()
    }

    /// Writes to standard output: exactly, but on a screen, where nothing may move the cursor. A reader that went away
    /// is not an error; a full disk is.
    pub(super) fn write_data(&self, text: &str) -> Result<()> {
        let text = match self.data_size {
            WindowSize::Terminal(_) => shown(text),
            WindowSize::Columns(_) => Cow::Borrowed(text),
        };
        let text = text.as_ref();
        self.aside(|| lock(&self.data).write(text))
            .map_err(|error| Error::io("could not write to standard output", &error))
    }

    /// Writes to standard error. When that fails there is nowhere left to say so.
    pub(super) fn write_note(&self, text: &str) {
        let text = shown(text);
        let _ = self.aside(|| lock(&self.notes).write(&text));
    }

    /// Sets what must step aside while something is written.
    pub(super) fn set_live(&self, bar: Option<ProgressBar>) {
        *lock(&self.live) = bar;
    }

    /// Takes the live display off the terminal until the returned value is dropped, for a question on a line of its own.
    /// Unlike [`Bar::suspend`](ProgressBar::suspend) it holds no lock meanwhile: the question may stay unanswered.
    pub(super) fn pause(self: &Arc<Self>) -> Pause {
        let live = lock(&self.live).clone();
        self.paused.store(true, Ordering::Relaxed);
        if let Some(bar) = live {
            // Draws that there is nothing, over what was there.
            bar.tick();
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Pause(Arc::clone(self))
    }

    /// Whether the live display is to draw nothing.
    pub(super) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        // Cloned, so that the lock isn't held while the bar draws.
        let live = lock(&self.live).clone();
        match live {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

/// While it lives, there is no live display.
pub struct Pause(Arc<Streams>);

impl Drop for Pause {
    fn drop(&mut self) {
        self.0.paused.store(false, Ordering::Relaxed);
        // Gone when the command was given up meanwhile.
        if let Some(bar) = &*lock(&self.0.live) {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
}

impl OutputStream {
    fn new(writer: impl Write + Send + 'static) -> Mutex<Self> {
        Mutex::new(Self {
            writer: Box::new(writer),
            closed: false,
        })
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let written = self
            .writer
            .write_all(text.as_bytes())
            .and_then(|()| self.writer.flush());
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            other => other,
        }
    }
}

impl WindowSize {
    fn now(self) -> (usize, usize) {
        let size = match self {
            Self::Columns(columns) => return (columns, usize::MAX),
            Self::Terminal(StandardStream::Output) => rustix::termios::tcgetwinsize(io::stdout()),
            Self::Terminal(StandardStream::Error) => rustix::termios::tcgetwinsize(io::stderr()),
        };
        match size {
            // A terminal without a window, such as a serial line, says 0.
            Ok(size) if size.ws_col > 0 => (
                usize::from(size.ws_col).max(LEAST_WIDTH),
                usize::from(size.ws_row).max(1),
            ),
            _ => (columns().unwrap_or(80), 24),
        }
    }
}

/// The width somebody set for us.
fn columns() -> Option<usize> {
    let columns: usize = std::env::var("COLUMNS").ok()?.parse().ok()?;
    Some(columns.max(LEAST_WIDTH))
}

/// A panic elsewhere is no reason to lose what is to be said about it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_not_an_error() {
        let streams = Streams::captured(Failing(io::ErrorKind::BrokenPipe), io::sink(), 80);
        streams.write_data("a").expect("the first write notices");
        streams.write_data("b").expect("the second does not try");
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let streams = Streams::captured(Failing(io::ErrorKind::StorageFull), io::sink(), 80);
        let error = streams.write_data("a").expect_err("data would be lost");
        assert_eq!(error.message, "could not write to standard output");
    }
}
