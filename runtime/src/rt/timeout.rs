//! Waiting with a limit, without a runtime around it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::oneshot;

use super::background::spawn;

/// Waits for an event, but not longer than this. It needs no runtime around it.
pub(crate) async fn within(at_most: Duration, event: impl Future<Output = ()>) {
    let (mut timer_end, time_is_up) = oneshot::channel::<()>();
    let timer = async move {
        // Ends early once no call waits any more.
        let _ = tokio::time::timeout(at_most, timer_end.closed()).await;
    };
    if spawn(timer).is_err() {
        return;
    }
    let (mut event, mut time_is_up) = (pin!(event), pin!(time_is_up));
    poll_fn(|context| match event.as_mut().poll(context) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => time_is_up.as_mut().poll(context).map(|_| ()),
    })
    .await;
}
