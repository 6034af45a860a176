//! Single-flight: concurrent misses of one call share one execution in this process.
//!
//! The first call to miss becomes the leader and runs its method. Calls that miss meanwhile follow,
//! and are given the encoded value, so that neither `T` nor `E` need be `Clone`. When a leader ends
//! without a value (cancelled, panicked, its runtime gone), its drop promotes a follower.
//!
//! Another process may invalidate the value at any time, so a value is valid only for followers that
//! had joined by a known moment: before the method ran, or before the store was asked whether the
//! value is still current. Of those that joined later, one becomes the leader and looks in the store
//! first.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::key::digest::Field;
use crate::rt::background::spawn;
use crate::rt::sync::{Mutex, MutexGuard, PoisonError, sleep};

/// Concurrent leaders of one flight, after some have failed.
const MAX_LEADERS: usize = 8;
/// How often followers wait once more while all leaders wait for another process. If that process
/// has died, its lease ends before.
const MAX_EXTENSIONS: usize = 8;

/// The open flights of one cache.
pub(crate) struct Flights {
    open: Mutex<HashMap<Field, Arc<Flight>>>,
}

/// One shared execution, or several after failures, and its followers.
struct Flight {
    field: Field,
    /// The digest of its method's path.
    method: u64,
    state: Mutex<FlightState>,
}

#[derive(Default)]
struct FlightState {
    leaders: usize,
    /// Of the leaders, those that wait for another process.
    waiting_remotely: usize,
    /// One of them came back during this timeout, and gets a timeout of its own.
    is_back: bool,
    /// In the order in which they joined.
    waiting: VecDeque<Follower>,
    joined: u64,
    is_watched: bool,
}

struct Follower {
    number: u64,
    outcome: oneshot::Sender<FollowerOutcome>,
}

/// A moment in a flight: how many had joined by then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JoinMark(u64);

impl JoinMark {
    /// All that join before the value is published.
    pub(crate) const ALL: Self = Self(u64::MAX);
}

/// A value as the codec wrote it, with the flags of its entry.
pub(crate) struct EncodedValue {
    pub(crate) flags: u8,
    pub(crate) payload: Vec<u8>,
}

/// How a follower's wait ends.
pub(crate) enum FollowerOutcome {
    Value(Arc<EncodedValue>),
    /// The leader is gone or failed, or its value may be too old: this follower leads now.
    Promoted(Leader),
}

/// The part of a call in a flight.
pub(crate) enum FlightRole {
    Leader(Leader),
    Follower(oneshot::Receiver<FollowerOutcome>),
}

/// The right to run the method for all. Its drop publishes the value or promotes a follower.
pub(crate) struct Leader {
    flights: Arc<Flights>,
    flight: Arc<Flight>,
    end: LeaderEnd,
}

enum LeaderEnd {
    /// How many followers lead in its place.
    Promote(usize),
    Publish(Arc<EncodedValue>, JoinMark),
}

impl Flights {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::default(),
        })
    }

    /// Becomes the leader or a follower. A follower that has waited for `follower_timeout` leads as well.
    pub(crate) fn join(
        self: &Arc<Self>,
        field: Field,
        method: u64,
        follower_timeout: Duration,
    ) -> FlightRole {
        let mut open = self.open();
        let flight = open.entry(field).or_insert_with(|| {
            Arc::new(Flight {
                field,
                method,
                state: Mutex::default(),
            })
        });
        let flight = flight.clone();
        let mut state = flight.state();
        drop(open);
        if state.leaders == 0 {
            state.leaders = 1;
            drop(state);
            return FlightRole::Leader(self.lead(flight));
        }
        let (outcome, wait) = oneshot::channel();
        let number = state.joined;
        state.joined += 1;
        state.waiting.push_back(Follower { number, outcome });
        let watches = !std::mem::replace(&mut state.is_watched, true);
        drop(state);
        if watches {
            let watch = watch(self.clone(), flight.clone(), follower_timeout);
            if spawn(watch).is_err() {
                // There is no thread for a timer, and no call may wait without one.
                flight.state().waiting.clear();
            }
        }
        FlightRole::Follower(wait)
    }

    /// Later calls start a flight of their own, whatever is under way.
    pub(crate) fn detach(&self, field: Field) {
        self.open().retain(|other, _| other.call() != field.call());
    }

    /// [`detach`](Self::detach) for all calls of a method.
    pub(crate) fn detach_method(&self, method: u64) {
        self.open().retain(|_, flight| flight.method != method);
    }

    pub(crate) fn detach_all(&self) {
        self.open().clear();
    }

    fn lead(self: &Arc<Self>, flight: Arc<Flight>) -> Leader {
        Leader {
            flights: self.clone(),
            flight,
            end: LeaderEnd::Promote(1),
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Field, Arc<Flight>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes a flight whose other leaders may take long: there is a value, and no later call should
    /// wait for theirs.
    fn close_if_others_lead(&self, flight: &Arc<Flight>) {
        let mut open = self.open();
        let is_known = open
            .get(&flight.field)
            .is_some_and(|known| Arc::ptr_eq(known, flight));
        if is_known && flight.state().leaders > 1 {
            open.remove(&flight.field);
        }
    }

    /// Promotes up to `places` followers, in one step with the leaders that leave: a call that joined
    /// in between would lead as well.
    fn promote(self: &Arc<Self>, flight: &Arc<Flight>, leaving: usize, places: usize, most: usize) {
        let mut state = flight.state();
        state.leaders -= leaving;
        for _ in 0..places {
            if state.leaders >= most {
                return;
            }
            while let Some(next) = state.waiting.pop_front() {
                if next.outcome.is_closed() {
                    continue;
                }
                state.leaders += 1;
                drop(state);
                // If its caller has just gone away, the drop of the leader promotes the next one.
                drop(
                    next.outcome
                        .send(FollowerOutcome::Promoted(self.lead(flight.clone()))),
                );
                state = flight.state();
                break;
            }
            if state.leaders == 0 {
                drop(state);
                self.end(flight);
                return;
            }
        }
    }

    /// Removes a flight that has neither leader nor followers.
    fn end(&self, flight: &Arc<Flight>) {
        let mut open = self.open();
        let state = flight.state();
        let is_known = open
            .get(&flight.field)
            .is_some_and(|known| Arc::ptr_eq(known, flight));
        if is_known && state.leaders == 0 && state.waiting.is_empty() {
            open.remove(&flight.field);
        }
    }
}

impl Flight {
    fn state(&self) -> MutexGuard<'_, FlightState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FlightState {
    /// Takes the followers that had joined by then: the first in line.
    fn take(&mut self, joined: JoinMark) -> VecDeque<Follower> {
        let later = self
            .waiting
            .partition_point(|follower| follower.number < joined.0);
        let later = self.waiting.split_off(later);
        std::mem::replace(&mut self.waiting, later)
    }
}

/// Promotes a follower whenever the timeout has passed: the leader may be waiting for one of them, or
/// may not be polled at all.
async fn watch(flights: Arc<Flights>, flight: Arc<Flight>, follower_timeout: Duration) {
    let mut extensions = 0;
    loop {
        sleep(follower_timeout).await;
        {
            let mut state = flight.state();
            if state.waiting.is_empty() {
                state.is_watched = false;
                return;
            }
            let is_back = std::mem::take(&mut state.is_back);
            if (is_back || state.waiting_remotely == state.leaders) && extensions < MAX_EXTENSIONS {
                extensions += 1;
                continue;
            }
        }
        flights.promote(&flight, 0, 1, usize::MAX);
    }
}

impl Leader {
    /// Whether any call waits for the value.
    pub(crate) fn has_followers(&self) -> bool {
        !self.flight.state().waiting.is_empty()
    }

    /// Whether a call waits that had joined by then.
    pub(crate) fn has_followers_before(&self, joined: JoinMark) -> bool {
        let state = self.flight.state();
        let first = state.waiting.front();
        first.is_some_and(|first| first.number < joined.0)
    }

    /// All that have joined by now. Taken before a request to the store, it tells which followers may
    /// be given the answer.
    pub(crate) fn mark(&self) -> JoinMark {
        JoinMark(self.flight.state().joined)
    }

    /// Marks this leader as waiting for another process until the guard is dropped.
    pub(crate) fn begin_remote_wait(&self) -> RemoteWait {
        self.flight.state().waiting_remotely += 1;
        RemoteWait(self.flight.clone())
    }

    /// There is a value: the drop gives it to the followers that had joined by then. Of the others,
    /// one is promoted.
    pub(crate) fn publish(&mut self, value: Arc<EncodedValue>, joined: JoinMark) {
        self.end = LeaderEnd::Publish(value, joined);
    }

    /// There is no value to share: twice as many followers run their methods next, up to a limit.
    pub(crate) fn failed(mut self) {
        self.end = LeaderEnd::Promote(2);
    }
}

/// A leader waits for another process: it is not stuck, and no follower need lead in its place.
pub(crate) struct RemoteWait(Arc<Flight>);

impl Drop for RemoteWait {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.waiting_remotely -= 1;
        state.is_back = true;
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        let places = match std::mem::replace(&mut self.end, LeaderEnd::Promote(1)) {
            LeaderEnd::Promote(places) => places,
            LeaderEnd::Publish(value, joined) => {
                self.flights.close_if_others_lead(&self.flight);
                let served = self.flight.state().take(joined);
                for follower in served {
                    drop(follower.outcome.send(FollowerOutcome::Value(value.clone())));
                }
                1
            }
        };
        self.flights.promote(&self.flight, 1, places, MAX_LEADERS);
    }
}

impl fmt::Debug for Flights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.open().len();
        f.debug_struct("Flights").field("open", &open).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELD: Field = Field([7; 20]);
    const METHOD: u64 = 7;

    #[test]
    fn each_failure_doubles_the_leaders_up_to_a_limit() {
        let flights = Flights::new();
        let FlightRole::Leader(first) = flights.join(FIELD, METHOD, Duration::from_secs(3600))
        else {
            panic!("the first call leads");
        };
        let mut waiting: Vec<_> = (0..100)
            .map(
                |_| match flights.join(FIELD, METHOD, Duration::from_secs(3600)) {
                    FlightRole::Follower(wait) => wait,
                    FlightRole::Leader(_) => panic!("the others follow"),
                },
            )
            .collect();
        let mut leads = vec![first];
        let mut widths = Vec::new();
        while !leads.is_empty() {
            widths.push(leads.len());
            leads.into_iter().for_each(Leader::failed);
            leads = Vec::new();
            waiting.retain_mut(|wait| match wait.try_recv() {
                Ok(FollowerOutcome::Promoted(lead)) => {
                    leads.push(lead);
                    false
                }
                _ => true,
            });
        }
        assert_eq!(widths[..4], [1, 2, 4, 8]);
        assert!(
            widths.iter().all(|&width| width <= MAX_LEADERS),
            "{widths:?}"
        );
        assert_eq!(
            widths.iter().sum::<usize>(),
            101,
            "all have run: {widths:?}"
        );
        assert_eq!(flights.open().len(), 0);
    }
}
