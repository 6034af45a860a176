use std::future::Future;

/// Waits for a future on this thread, with a runtime around it or without.
///
/// In a task of tokio, channels and timers count what they give and after 128 times have nothing to
/// give until the task yields (its cooperative budget). A thread that waits never yields: so the
/// future is exempt, or a task's 129th call of a sync method would wait for ever.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    pollster::block_on(tokio::task::unconstrained(future))
}
