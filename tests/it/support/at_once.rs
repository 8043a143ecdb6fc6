//! Doing several things at once: nearly all of a test's time is waiting.

use std::sync::Mutex;

/// Does this with each of those, so many at a time.
pub(crate) fn at_once<T>(
    workers: usize,
    those: impl IntoIterator<Item = T, IntoIter: Send>,
    this: impl Fn(T) + Sync,
) {
    let those = Mutex::new(those.into_iter());
    let next = || those.lock().unwrap().next();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(one) = next() {
                    this(one);
                }
            });
        }
    });
}
