//! Sending what could not be sent, until the store has taken it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{FailedInvalidation, drop_of};
use crate::deadline::HANDLE_DEADLINE;
use crate::engine::Engine;
use crate::engine::invalidation_queue::QueueReply;
use crate::engine::lost_invalidation::LostInvalidation;
use crate::engine::pending::MethodEntries;
use crate::error::{Error, ErrorKind};
use crate::method::bound::BoundMethod;
use crate::rt::{background, backoff, timeout};
use crate::stats::Event;

const FIRST_DELAY: Duration = Duration::from_millis(50);
/// Calls of these entries run their methods meanwhile, so it is short.
const LONGEST_DELAY: Duration = Duration::from_secs(1);

/// Queues an invalidation that has failed.
pub(super) fn queue(
    engine: &Engine,
    bound: Arc<BoundMethod>,
    entries: MethodEntries,
    error: &Error,
) -> FailedInvalidation {
    let kind = error.kind();
    let queue = engine.invalidations();
    let at_most = engine.limits().invalidation_queue;
    let is_queued = match queue.add(&bound, entries, at_most) {
        QueueReply::Queued => true,
        QueueReply::NeedsSender => {
            if background::spawn(send(engine.clone())).is_err() {
                queue.end_sender();
            }
            true
        }
        QueueReply::Refused(entries) => {
            report_lost(engine, &bound, &entries, kind);
            false
        }
    };
    FailedInvalidation {
        bound,
        kind,
        is_queued,
    }
}

fn report_lost(engine: &Engine, bound: &BoundMethod, entries: &MethodEntries, kind: ErrorKind) {
    let lost = LostInvalidation::new(bound, entries, kind);
    tracing::warn!(
        method = lost.method(),
        entries = lost.entries(),
        %kind,
        "redis-func-cache: an invalidation was given up; values from before it may be served until their `ttl`"
    );
    let listener = &engine.limits().on_lost_invalidation;
    (listener.0)(&lost);
}

/// Sends until the queue is empty.
async fn send(engine: Engine) {
    let queue = engine.invalidations();
    let mut delay = FIRST_DELAY;
    loop {
        let pause = backoff::jittered(delay);
        let _ = tokio::time::timeout(pause, queue.hurry.notified()).await;
        let Some(methods) = queue.take() else {
            return;
        };
        let mut is_sent = true;
        for (bound, entries) in methods {
            let sent = drop_of(&engine, &bound, &entries).await;
            is_sent &= sent.is_ok();
            queue.sent(&bound, sent.is_err().then_some(entries));
        }
        delay = if is_sent {
            FIRST_DELAY
        } else {
            (delay * 2).min(LONGEST_DELAY)
        };
    }
}

/// The cache is being closed: sends what can be sent within a second, and gives the rest up.
pub(in crate::cache) async fn drain(engine: &Engine) {
    let queue = engine.invalidations();
    let until = Instant::now() + HANDLE_DEADLINE;
    while !queue.is_empty() && Instant::now() < until {
        queue.hurry.notify_one();
        timeout::within(FIRST_DELAY, queue.progress.notified()).await;
    }
    for (bound, entries) in queue.close().into_methods() {
        engine.count(Some(&bound), Event::lost, 1);
        report_lost(engine, &bound, &entries, ErrorKind::Unavailable);
    }
}
