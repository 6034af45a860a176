//! Hits on their way to the server, behind the calls.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::pair::MOST_TOUCHES;
use super::{Inner, STEP, Side, driver, text, timed};
use crate::entry;
use crate::field::Field;
use crate::method::Pair;
use crate::store::Found;

/// Between two looks at the end of a pair.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Whether the entry counts as a hit with the policy; what else is wrong with it, the call finds.
pub(super) fn is_alive(found: &Found) -> bool {
    found.entry.as_deref().is_some_and(|entry| {
        let hard_ms = entry::hard_ms_of(entry);
        hard_ms == 0 || hard_ms > found.now_us / 1000
    })
}

impl Inner {
    /// Records a hit, to be sent behind.
    pub(super) fn touch(
        self: &Arc<Self>,
        pair: &Arc<Pair>,
        field: Field,
        now_us: u64,
        interval: Duration,
    ) {
        let shared = self.shared(pair);
        let counts = pair.policy.counts_hits();
        if !counts && !pair.structure.is_sliding() {
            return;
        }
        let mut touches = shared.touches();
        if counts {
            touches.record(field, now_us);
        }
        let is_full = touches.len() >= MOST_TOUCHES;
        if touches.is_scheduled && !is_full {
            return;
        }
        touches.is_scheduled = true;
        drop(touches);
        let (inner, pair) = (self.clone(), pair.clone());
        let pause = match (is_full, counts) {
            (true, _) => Duration::ZERO,
            (false, true) => interval,
            // All there is to do is to move the end of the pair, which moves in hundredths.
            (false, false) => {
                interval.max(Duration::from_millis(pair.structure.ms() / 400).min(LONGEST_PAUSE))
            }
        };
        // Without a driver there was no hit.
        let _ = driver::spawn(async move {
            tokio::time::sleep(pause).await;
            inner.send_touches(&pair).await;
        });
    }

    async fn send_touches(self: &Arc<Self>, pair: &Arc<Pair>) {
        let touched = {
            let mut touches = self.shared(pair).touches();
            touches.is_scheduled = false;
            touches.take()
        };
        if touched.is_empty() && pair.policy.counts_hits() {
            return;
        }
        let hits = touched.len() as u64 / 3;
        let script = self.scripts(&pair.policy).touch.clone();
        let mut args = vec![
            text(pair.structure.ms()),
            text(u64::from(pair.structure.is_sliding())),
        ];
        args.extend(touched);
        // Whole, although its text is longer: a server that does not know the script would have it
        // sent again, and a put that comes meanwhile would evict without these hits.
        let send = timed(self.whole_script(&script, &pair.stem, &args));
        let sent = self.ask(Side::Write, pair, STEP, send).await;
        if sent.is_err() {
            self.dropped_touches.fetch_add(hits, Ordering::Relaxed);
        }
    }
}
