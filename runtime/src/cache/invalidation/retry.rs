//! Sending what could not be sent, until the store has taken it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{FailedInvalidation, drop_of, end_tags};
use crate::deadline::HANDLE_DEADLINE;
use crate::engine::Engine;
use crate::engine::invalidation_queue::QueueReply;
use crate::engine::lost_invalidation::LostInvalidation;
use crate::engine::pending::{MethodEntries, PendingEntries, PendingTags};
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
    entries: &MethodEntries,
    error: &Error,
) -> FailedInvalidation {
    let kind = error.kind();
    let add = |waiting: &mut PendingEntries| waiting.add(bound.clone(), entries.clone());
    let is_queued = is_queued(engine, add);
    if !is_queued {
        report_lost(engine, &LostInvalidation::new(&bound, entries, kind));
    }
    FailedInvalidation {
        bound: Some(bound),
        kind,
        is_queued,
    }
}

/// The same of tags.
pub(super) fn queue_tags(engine: &Engine, tags: &PendingTags, error: &Error) -> FailedInvalidation {
    let kind = error.kind();
    let is_queued = is_queued(engine, |waiting| waiting.add_tags(tags.clone()));
    if !is_queued {
        report_lost_tags(engine, tags, kind);
    }
    FailedInvalidation {
        bound: None,
        kind,
        is_queued,
    }
}

/// Queues something, unless the cache was closed.
fn is_queued(engine: &Engine, add: impl FnOnce(&mut PendingEntries)) -> bool {
    let queue = engine.invalidations();
    match queue.add(add, engine.limits().invalidation_queue) {
        QueueReply::Queued => true,
        QueueReply::NeedsSender => {
            if background::spawn(send(engine.clone())).is_err() {
                queue.end_sender();
            }
            true
        }
        QueueReply::Refused => false,
    }
}

fn report_lost_tags(engine: &Engine, tags: &PendingTags, kind: ErrorKind) {
    match tags {
        PendingTags::All => report_lost(engine, &LostInvalidation::of_tag(None, kind)),
        PendingTags::Of(tags) => {
            for tag in tags {
                report_lost(engine, &LostInvalidation::of_tag(Some(&tag.name), kind));
            }
        }
    }
}

fn report_lost(engine: &Engine, lost: &LostInvalidation) {
    let kind = lost.kind();
    tracing::warn!(
        method = lost.method(),
        entries = lost.entries(),
        %kind,
        "redis-func-cache: an invalidation was given up; values from before it may be served until their `ttl`"
    );
    let listener = &engine.limits().on_lost_invalidation;
    (listener.0)(lost);
}

/// Sends until the queue is empty.
async fn send(engine: Engine) {
    let queue = engine.invalidations();
    let mut delay = FIRST_DELAY;
    loop {
        let pause = backoff::jittered(delay);
        let _ = tokio::time::timeout(pause, queue.hurry.notified()).await;
        let Some(pending) = queue.take() else {
            return;
        };
        let mut is_sent = true;
        let (methods, tags) = pending.into_parts();
        for (bound, entries) in methods {
            let sent = drop_of(&engine, &bound, &entries).await;
            is_sent &= sent.is_ok();
            queue.sent(&bound, sent.is_err().then_some(entries));
        }
        if !tags.is_empty() {
            let sent = end_tags(&engine, &tags).await;
            is_sent &= sent.is_ok();
            queue.sent_tags(sent.is_err().then_some(tags));
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
    let kind = ErrorKind::Unavailable;
    let (methods, tags) = queue.close().into_parts();
    for (bound, entries) in methods {
        engine.count(Some(&bound), Event::lost, 1);
        report_lost(engine, &LostInvalidation::new(&bound, &entries, kind));
    }
    if !tags.is_empty() {
        engine.count(None, Event::lost, 1);
        report_lost_tags(engine, &tags, kind);
    }
}
