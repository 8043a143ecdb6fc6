//! Shows events as they happen: a live tree on a terminal, plain lines elsewhere.
//!
//! The model folds events into what is going on and says which of them leave a line behind. The two
//! readers turn such lines into text, and the live one also draws what is still running.

mod live;
mod model;
mod plain;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use self::model::Model;
use super::streams::{Streams, lock};
use crate::engine::event::Event;

/// Fast enough to look alive, slow enough to cost nothing over a remote connection.
const FRAME: Duration = Duration::from_millis(100);

/// Shows the events of one command. Usable from any thread. Dropping it takes the live part off the
/// terminal, however the command ended.
pub struct Progress {
    model: Arc<Mutex<Model>>,
    reader: Display,
}

enum Display {
    Silent,
    Plain {
        streams: Arc<Streams>,
        verbose: bool,
    },
    Live {
        streams: Arc<Streams>,
        bar: ProgressBar,
    },
}

impl Progress {
    pub(super) fn silent() -> Self {
        Self::of(Display::Silent)
    }

    pub(super) fn plain(streams: &Arc<Streams>, verbose: bool) -> Self {
        Self::of(Display::Plain {
            streams: Arc::clone(streams),
            verbose,
        })
    }

    pub(super) fn live(streams: &Arc<Streams>) -> Self {
        let model = Arc::new(Mutex::new(Model::default()));
        let bar = bar(Arc::clone(&model), Arc::clone(streams));
        streams.set_live(Some(bar.clone()));
        Self {
            model,
            reader: Display::Live {
                streams: Arc::clone(streams),
                bar,
            },
        }
    }

    fn of(reader: Display) -> Self {
        Self {
            model: Arc::default(),
            reader,
        }
    }

    /// Shows one event.
    pub fn handle(&self, event: Event) {
        if !matches!(self.reader, Display::Silent) {
            // The model must be free again before anything is drawn: drawing reads it.
            let lines = lock(&self.model).apply(event, Instant::now());
            self.write(&lines);
        }
    }

    /// Ends it after success: the last phase counts as done. After a failure, drop it instead.
    pub fn finish(self) {
        self.handle(Event::Finished);
    }

    fn write(&self, lines: &[model::ProgressLine]) {
        let (streams, texts): (_, Vec<String>) = match &self.reader {
            Display::Silent => return,
            Display::Plain { streams, verbose } => (
                streams,
                lines
                    .iter()
                    .filter_map(|line| plain::line(line, *verbose))
                    .collect(),
            ),
            Display::Live { streams, .. } => {
                (streams, lines.iter().filter_map(live::line).collect())
            }
        };
        if !texts.is_empty() {
            streams.write_note(&(texts.join("\n") + "\n"));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Display::Live { streams, bar } = &self.reader {
            streams.set_live(None);
            bar.finish_and_clear();
        }
    }
}

/// One bar of as many lines as are needed, drawn from the model. A bar per resource would need a
/// thread each to keep the seconds going, and could not be drawn whole in one go.
fn bar(model: Arc<Mutex<Model>>, streams: Arc<Streams>) -> ProgressBar {
    let frame = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
        if streams.is_paused() {
            return;
        }
        let (width, height) = streams.notes_size();
        let text = live::frame(&lock(&model), width, height, Instant::now()).join("\n");
        // The buffer it writes to can't fail.
        let _ = match streams.notes_colored() {
            true => out.write_str(&text),
            false => write!(out, "{}", anstream::adapter::strip_str(&text)),
        };
    };
    let style = ProgressStyle::with_template("{frame}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .with_key("frame", frame);
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style);
    bar.enable_steady_tick(FRAME);
    bar
}

#[cfg(test)]
mod tests;
