//! Work on the store that continues after its caller stops waiting, or is dropped.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::oneshot;

use crate::engine::Engine;
use crate::rt::background::spawn;

/// Begins work, and waits for it at most this long. A later result is given to `late`.
pub(crate) async fn within<T: Send + 'static>(
    engine: &Engine,
    at_most: Duration,
    work: impl Future<Output = T> + Send + 'static,
    late: impl FnOnce(T) + Send + 'static,
) -> Option<T> {
    if engine.store().is_immediate() {
        return Some(work.await);
    }
    let (publish, done) = oneshot::channel();
    let task = async move {
        let mut work = pin!(work);
        let done = match tokio::time::timeout(at_most, work.as_mut()).await {
            Ok(done) => publish.send(done).err(),
            Err(_) => {
                drop(publish);
                Some(work.await)
            }
        };
        if let Some(done) = done {
            late(done);
        }
    };
    // Without the background thread there is no connection either.
    spawn(task).ok()?;
    done.await.ok()
}

/// Begins work that no caller waits for.
pub(crate) fn start(engine: &Engine, work: impl Future<Output = ()> + Send + 'static) {
    if engine.store().is_immediate() {
        let mut work = Box::pin(work);
        if work.as_mut().now_or_never().is_none() {
            // A test has frozen the store meanwhile.
            let _ = spawn(work);
        }
        return;
    }
    // As above.
    let _ = spawn(work);
}
