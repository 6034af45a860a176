//! Calls joined on one computation in this process.
//!
//! Who misses first leads: it runs its method, and whoever misses the same call meanwhile follows,
//! and is given the encoded value, so that neither `T` nor `E` need be `Clone`. A leader that ends
//! without a value (cancelled, panicked, its runtime gone) hands the lead on by its drop.
//!
//! Another process may invalidate the value at any time, so a value is good for those only who had
//! joined at a known moment: before the method ran, or before the store was asked whether the value
//! is still current. Those who came later are led by one of them, who looks into the store first.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::key::digest::Field;
use crate::rt::background::spawn;
use crate::rt::sync::{Mutex, MutexGuard, PoisonError, sleep};

/// Computations of one call at the same time, after some have failed.
const MOST_LEADERS: usize = 8;
/// So often the patience of followers starts anew while leaders wait for another process: its
/// lease ends before, if it died.
const MOST_EXTENSIONS: usize = 8;

/// The flights of one cache.
pub(crate) struct Flights {
    open: Mutex<HashMap<Field, Arc<Flight>>>,
}

/// One computation, or several after failures, and who waits for it.
struct Flight {
    field: Field,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    leaders: usize,
    /// Of the leaders, those who wait for another process.
    abroad: usize,
    /// One of them came back, and has not had its time yet.
    is_back: bool,
    /// In the order in which they joined.
    waiting: VecDeque<Follower>,
    joined: u64,
    is_watched: bool,
}

struct Follower {
    number: u64,
    tell: oneshot::Sender<Told>,
}

/// A moment of a flight: how many had joined by then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Joined(u64);

impl Joined {
    /// Whoever joins before the value is there.
    pub(crate) const ALL: Self = Self(u64::MAX);
}

/// A value as the codec wrote it, with the flags of its entry.
pub(crate) struct Landed {
    pub(crate) flags: u8,
    pub(crate) payload: Vec<u8>,
}

/// What a follower is told.
pub(crate) enum Told {
    Landed(Arc<Landed>),
    /// The leader is gone or failed, or its value may be too old: the receiver leads.
    Lead(Lead),
}

pub(crate) enum Place {
    Leads(Lead),
    Follows(oneshot::Receiver<Told>),
}

/// The right to run the method for all. Its drop tells the others.
pub(crate) struct Lead {
    flights: Arc<Flights>,
    flight: Arc<Flight>,
    end: End,
}

enum End {
    /// How many others lead in its place.
    HandsOn(usize),
    Lands(Arc<Landed>, Joined),
}

impl Flights {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::default(),
        })
    }

    /// Leads or follows. A follower that has waited for `patience` leads as well.
    pub(crate) fn join(self: &Arc<Self>, field: Field, patience: Duration) -> Place {
        let mut open = self.open();
        let flight = open.entry(field).or_insert_with(|| {
            Arc::new(Flight {
                field,
                state: Mutex::default(),
            })
        });
        let flight = flight.clone();
        let mut state = flight.state();
        drop(open);
        if state.leaders == 0 {
            state.leaders = 1;
            drop(state);
            return Place::Leads(self.lead(flight));
        }
        let (tell, told) = oneshot::channel();
        let number = state.joined;
        state.joined += 1;
        state.waiting.push_back(Follower { number, tell });
        let watches = !std::mem::replace(&mut state.is_watched, true);
        drop(state);
        if watches {
            let watch = watch(self.clone(), flight.clone(), patience);
            if spawn(watch).is_err() {
                // No thread is to be had for a timer: nobody may wait without one.
                flight.state().waiting.clear();
            }
        }
        Place::Follows(told)
    }

    /// Lets calls from now on start anew, whatever is under way.
    pub(crate) fn detach(&self, field: Field) {
        self.open().remove(&field);
    }

    pub(crate) fn detach_all(&self) {
        self.open().clear();
    }

    fn lead(self: &Arc<Self>, flight: Arc<Flight>) -> Lead {
        Lead {
            flights: self.clone(),
            flight,
            end: End::HandsOn(1),
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Field, Arc<Flight>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a flight off the list whose other leaders may take long: there is a value, and nobody
    /// is to wait for theirs.
    fn close_if_others_lead(&self, flight: &Arc<Flight>) {
        let mut open = self.open();
        let is_known = open
            .get(&flight.field)
            .is_some_and(|known| Arc::ptr_eq(known, flight));
        if is_known && flight.state().leaders > 1 {
            open.remove(&flight.field);
        }
    }

    /// Makes up to so many followers leaders, in one step with those who leave: who joins between
    /// would lead as well.
    fn hand_on(self: &Arc<Self>, flight: &Arc<Flight>, leaving: usize, places: usize, most: usize) {
        let mut state = flight.state();
        state.leaders -= leaving;
        for _ in 0..places {
            if state.leaders >= most {
                return;
            }
            while let Some(next) = state.waiting.pop_front() {
                if next.tell.is_closed() {
                    continue;
                }
                state.leaders += 1;
                drop(state);
                // If it went away just now, the lead comes back and its drop finds the next.
                drop(next.tell.send(Told::Lead(self.lead(flight.clone()))));
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

    /// Takes a flight without leader and followers off the list.
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
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Those who wait and had joined by then: the first in line.
    fn take(&mut self, joined: Joined) -> VecDeque<Follower> {
        let later = self
            .waiting
            .partition_point(|follower| follower.number < joined.0);
        let later = self.waiting.split_off(later);
        std::mem::replace(&mut self.waiting, later)
    }
}

/// Lets another one lead whenever the patience of followers has ended: the leader may be waiting
/// for one of them, or not be polled at all.
async fn watch(flights: Arc<Flights>, flight: Arc<Flight>, patience: Duration) {
    let mut extensions = 0;
    loop {
        sleep(patience).await;
        {
            let mut state = flight.state();
            if state.waiting.is_empty() {
                state.is_watched = false;
                return;
            }
            let is_back = std::mem::take(&mut state.is_back);
            if (is_back || state.abroad == state.leaders) && extensions < MOST_EXTENSIONS {
                extensions += 1;
                continue;
            }
        }
        flights.hand_on(&flight, 0, 1, usize::MAX);
    }
}

impl Lead {
    /// Whether anybody would be glad of the value.
    pub(crate) fn has_followers(&self) -> bool {
        !self.flight.state().waiting.is_empty()
    }

    /// Whether anybody waits who had joined by then.
    pub(crate) fn is_followed_since(&self, joined: Joined) -> bool {
        let state = self.flight.state();
        let first = state.waiting.front();
        first.is_some_and(|first| first.number < joined.0)
    }

    /// All who have joined by now. Taken before the store is asked for something, it tells who may
    /// be given what the store says.
    pub(crate) fn joined(&self) -> Joined {
        Joined(self.flight.state().joined)
    }

    /// Says that another process is waited for, until the drop of what is returned.
    pub(crate) fn waits_abroad(&self) -> Abroad {
        self.flight.state().abroad += 1;
        Abroad(self.flight.clone())
    }

    /// There is a value: the drop gives it to those who had joined by then. The others go on, led
    /// by one of them.
    pub(crate) fn computed(&mut self, landed: Arc<Landed>, joined: Joined) {
        self.end = End::Lands(landed, joined);
    }

    /// There is no value to share: twice as many followers run their methods next, up to a bound.
    pub(crate) fn failed(mut self) {
        self.end = End::HandsOn(2);
    }
}

/// A leader waits for another process: it is not stuck, and nobody need lead in its place.
pub(crate) struct Abroad(Arc<Flight>);

impl Drop for Abroad {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.abroad -= 1;
        state.is_back = true;
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let places = match std::mem::replace(&mut self.end, End::HandsOn(1)) {
            End::HandsOn(places) => places,
            End::Lands(landed, joined) => {
                self.flights.close_if_others_lead(&self.flight);
                let served = self.flight.state().take(joined);
                for follower in served {
                    drop(follower.tell.send(Told::Landed(landed.clone())));
                }
                1
            }
        };
        self.flights.hand_on(&self.flight, 1, places, MOST_LEADERS);
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

    #[test]
    fn failures_widen_the_lead_up_to_a_bound() {
        let flights = Flights::new();
        let Place::Leads(first) = flights.join(FIELD, Duration::from_secs(3600)) else {
            panic!("the first leads");
        };
        let mut waiting: Vec<_> = (0..100)
            .map(|_| match flights.join(FIELD, Duration::from_secs(3600)) {
                Place::Follows(told) => told,
                Place::Leads(_) => panic!("the others follow"),
            })
            .collect();
        let mut leads = vec![first];
        let mut widths = Vec::new();
        while !leads.is_empty() {
            widths.push(leads.len());
            leads.into_iter().for_each(Lead::failed);
            leads = Vec::new();
            waiting.retain_mut(|told| match told.try_recv() {
                Ok(Told::Lead(lead)) => {
                    leads.push(lead);
                    false
                }
                _ => true,
            });
        }
        assert_eq!(widths[..4], [1, 2, 4, 8]);
        assert!(
            widths.iter().all(|&width| width <= MOST_LEADERS),
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
