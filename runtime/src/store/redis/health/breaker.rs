//! A circuit breaker for one side of an endpoint, reading or writing: whether it is worth asking.
//!
//! Nothing here waits or sends. Calls ask to be [admitted](Breaker::admit) and report their outcomes. The
//! call that opens the breaker starts a probe, which runs until the breaker closes. No caller ever probes.

use std::time::{Duration, Instant};

use crate::rt::sync::{AtomicU64, Mutex, MutexGuard, Ordering, PoisonError};

/// So many failures, with no answer between them, are no accident.
const IN_A_ROW: u32 = 5;
/// Shares are of the calls of this time, if there were at least so many.
const WINDOW: Duration = Duration::from_secs(10);
const LEAST_CALLS: u64 = 20;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Hits are to return within three seconds, so probes cannot be further apart.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestOutcome {
    /// The endpoint answered, whatever it said.
    Answered,
    /// It answered, but took longer than half of what a call has.
    Slow,
    /// It did not answer.
    Failed,
    /// Its reply, or a refused connection, says that the next call will fail too.
    Refused,
}

#[derive(Debug, Default)]
pub(crate) struct Breaker {
    /// Even while it is closed, odd while it is open. Calls of an earlier epoch do not count.
    epoch: AtomicU64,
    /// Answers so far. Counting one is all that a call costs while nothing is wrong.
    answers: AtomicU64,
    failures: Mutex<FailureRecord>,
}

/// Allows one call to the endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Permit {
    epoch: u64,
}

/// The failures since the breaker closed.
#[derive(Debug, Default)]
struct FailureRecord {
    in_a_row: u32,
    /// How many answers there were when it failed last.
    answers_at_failure: u64,
    /// The time that shares are of; it begins with the first failure.
    window: Option<Window>,
    /// Before the next probe.
    pause: Duration,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    answers_before: u64,
    failed: u64,
    slow: u64,
}

impl Breaker {
    /// A permit; `None` while it is open.
    pub(crate) fn admit(&self) -> Option<Permit> {
        let epoch = self.epoch.load(Ordering::Acquire);
        epoch.is_multiple_of(2).then_some(Permit { epoch })
    }

    pub(crate) fn is_open(&self) -> bool {
        self.admit().is_none()
    }

    /// Counts answers, none of them slow.
    pub(crate) fn answered(&self, answers: u64) {
        self.answers.fetch_add(answers, Ordering::Relaxed);
    }

    /// Records the outcome of a call. Exactly one call gets `Some`: the breaker opens by it, and this is
    /// when to probe for the first time.
    pub(crate) fn report(
        &self,
        permit: Permit,
        outcome: RequestOutcome,
        now: Instant,
    ) -> Option<Duration> {
        if outcome == RequestOutcome::Answered {
            self.answered(1);
            return None;
        }
        let mut record = self.failures();
        if self.epoch.load(Ordering::Relaxed) != permit.epoch {
            return None;
        }
        if outcome == RequestOutcome::Slow {
            self.answered(1);
        }
        let answers = self.answers.load(Ordering::Relaxed);
        if !record.opens(outcome, answers, now) {
            return None;
        }
        *record = FailureRecord {
            pause: FIRST_PAUSE,
            ..FailureRecord::default()
        };
        self.epoch.store(permit.epoch + 1, Ordering::Release);
        Some(FIRST_PAUSE)
    }

    /// Records the outcome of a probe. `None` says that the breaker is closed now, `Some` when to probe
    /// again.
    pub(crate) fn probed(&self, answered: bool) -> Option<Duration> {
        let mut record = self.failures();
        let epoch = self.epoch.load(Ordering::Relaxed);
        if epoch.is_multiple_of(2) {
            return None;
        }
        if !answered {
            record.pause = (record.pause * 2).min(LONGEST_PAUSE);
            return Some(record.pause);
        }
        *record = FailureRecord {
            answers_at_failure: self.answers.load(Ordering::Relaxed),
            ..FailureRecord::default()
        };
        self.epoch.store(epoch + 1, Ordering::Release);
        None
    }

    fn failures(&self) -> MutexGuard<'_, FailureRecord> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FailureRecord {
    /// Whether the breaker opens by this outcome.
    fn opens(&mut self, outcome: RequestOutcome, answers: u64, now: Instant) -> bool {
        let before = answers - u64::from(outcome == RequestOutcome::Slow);
        let window = self.window.get_or_insert_with(|| Window::new(now, before));
        if now.saturating_duration_since(window.since) > WINDOW {
            *window = Window::new(now, before);
        }
        if outcome == RequestOutcome::Slow {
            window.slow += 1;
        } else {
            window.failed += 1;
            let answered = answers != self.answers_at_failure;
            self.in_a_row = if answered { 1 } else { self.in_a_row + 1 };
            self.answers_at_failure = answers;
        }
        let calls = answers - window.answers_before + window.failed;
        let share_failed = window.failed * 2 >= calls;
        let share_slow = (window.slow + window.failed) * 5 >= calls * 4;
        outcome == RequestOutcome::Refused
            || self.in_a_row >= IN_A_ROW
            || (calls >= LEAST_CALLS && (share_failed || share_slow))
    }
}

impl Window {
    fn new(since: Instant, answers_before: u64) -> Self {
        Self {
            since,
            answers_before,
            failed: 0,
            slow: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Reports outcomes to a breaker; at which of them it opened.
    fn opens_at(breaker: &Breaker, outcomes: &[RequestOutcome], apart: Duration) -> Option<usize> {
        let mut now = Instant::now();
        outcomes.iter().position(|&outcome| {
            now += apart;
            let permit = breaker.admit().expect("still closed");
            breaker.report(permit, outcome, now).is_some()
        })
    }

    fn fresh(outcomes: &[RequestOutcome]) -> Option<usize> {
        opens_at(&Breaker::default(), outcomes, Duration::from_millis(1))
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_four_do_not() {
        use RequestOutcome::{Answered, Failed};
        assert_eq!(fresh(&[Failed; 9]), Some(4));
        let mut four = [Failed; 9];
        four[4] = Answered;
        assert_eq!(fresh(&four), None);
        // However long it takes: the endpoint of a method that is seldom called may be dead too.
        let breaker = Breaker::default();
        assert_eq!(opens_at(&breaker, &[Failed; 9], 60 * SECOND), Some(4));
    }

    #[test]
    fn half_of_the_calls_of_ten_seconds_open_it() {
        use RequestOutcome::{Answered, Failed};
        let half: Vec<_> = [Failed, Answered].into_iter().cycle().take(60).collect();
        assert_eq!(
            fresh(&half),
            Some(20),
            "with the first failure after 20 calls"
        );
        let third: Vec<_> = [Failed, Answered, Answered]
            .into_iter()
            .cycle()
            .take(600)
            .collect();
        assert_eq!(fresh(&third), None);
        assert_eq!(
            opens_at(&Breaker::default(), &half, SECOND),
            None,
            "too few in ten seconds"
        );
    }

    #[test]
    fn an_endpoint_that_is_always_slow_opens_it() {
        use RequestOutcome::{Answered, Slow};
        assert_eq!(fresh(&[Slow; 30]), Some(19));
        let most: Vec<_> = [Slow, Slow, Slow, Answered]
            .into_iter()
            .cycle()
            .take(600)
            .collect();
        assert_eq!(fresh(&most), None);
    }

    #[test]
    fn one_refusal_opens_it_and_one_probe_closes_it() {
        let breaker = Breaker::default();
        let (early, now) = (breaker.admit().unwrap(), Instant::now());
        let permit = breaker.admit().unwrap();
        assert_eq!(
            breaker.report(permit, RequestOutcome::Refused, now),
            Some(SECOND)
        );
        assert!(breaker.is_open());
        assert_eq!(
            breaker.report(early, RequestOutcome::Refused, now),
            None,
            "it opens once"
        );
        assert_eq!(breaker.probed(false), Some(2 * SECOND));
        assert_eq!(
            breaker.probed(false),
            Some(2 * SECOND),
            "hits return within 3 s"
        );
        assert_eq!(breaker.probed(true), None);
        // What began before it opened says nothing about the endpoint now.
        assert_eq!(breaker.report(early, RequestOutcome::Refused, now), None);
        assert!(!breaker.is_open());
        let permit = breaker.admit().unwrap();
        assert_eq!(
            breaker.report(permit, RequestOutcome::Refused, now),
            Some(SECOND),
            "again"
        );
    }

    #[test]
    fn failures_from_before_it_opened_are_forgotten_when_it_closes() {
        let breaker = Breaker::default();
        let now = Instant::now();
        for _ in 0..5 {
            breaker.report(breaker.admit().unwrap(), RequestOutcome::Failed, now);
        }
        breaker.probed(true);
        for _ in 0..4 {
            assert_eq!(
                breaker.report(breaker.admit().unwrap(), RequestOutcome::Failed, now),
                None
            );
        }
    }
}
