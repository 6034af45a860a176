//! The thread that owns every connection of this process.
//!
//! A connection lives on the runtime that made it. Callers come from many runtimes (each
//! `#[tokio::test]` has its own), from current-thread runtimes, and from threads with none; so the
//! connections live on a runtime that outlasts them all, and callers only wait for answers.

use std::future::Future;
use std::sync::LazyLock;

use once_cell::sync::OnceCell;
use tokio::runtime::{Builder, Handle};

use super::fork::PerProcess;
use crate::error::{Error, ErrorKind};

/// A forked child has not got the thread, and starts one of its own.
static RUNTIME: LazyLock<PerProcess<OnceCell<Handle>>> = LazyLock::new(PerProcess::default);

/// Runs a future on the background thread. Dropping the returned future does not stop it, unless it is polled
/// by a task of that thread already.
pub(crate) async fn run<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> Result<T, Error> {
    let runtime = handle()?;
    if Handle::try_current().is_ok_and(|here| here.id() == runtime.id()) {
        // A box, or every operation would have the room for this way too.
        return Ok(Box::pin(future).await);
    }
    let task = runtime.spawn(future);
    task.await
        .map_err(|_| Error::new(ErrorKind::Unavailable, "the task of the store was ended"))
}

/// Starts a future on the background thread.
pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Result<(), Error> {
    handle()?.spawn(future);
    Ok(())
}

/// Its runtime.
pub(crate) fn handle() -> Result<&'static Handle, Error> {
    // `get_or_try_init`: a thread may be refused now and granted later.
    RUNTIME.get_or_default().get_or_try_init(|| {
        let refused = |error: std::io::Error| {
            Error::unavailable("the system refused a thread for the connections").with_source(error)
        };
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(refused)?;
        let handle = runtime.handle().clone();
        std::thread::Builder::new()
            .name("redis-func-cache".to_owned())
            .spawn(move || runtime.block_on(std::future::pending::<()>()))
            .map_err(refused)?;
        Ok(handle)
    })
}
