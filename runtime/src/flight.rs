//! Calls joined on one computation in this process.
//!
//! Who misses first leads: it runs its method, and whoever misses the same call meanwhile follows,
//! and is given the encoded value, so that neither `T` nor `E` need be `Clone`. A leader that ends
//! without a value (cancelled, panicked, its runtime gone) hands the lead on by its drop.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::field::Field;
use crate::store::redis::spawn;

/// Computations of one call at the same time, after some have failed.
const MOST_LEADERS: usize = 8;

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
    waiting: VecDeque<oneshot::Sender<Told>>,
    is_watched: bool,
}

/// A value as the codec wrote it, with the flags of its entry.
pub(crate) struct Landed {
    pub(crate) flags: u8,
    pub(crate) payload: Vec<u8>,
}

/// What a follower is told.
pub(crate) enum Told {
    /// The value is here, or it is in the store only, being large.
    Landed(Option<Arc<Landed>>),
    /// The leader is gone or failed: whoever is told this leads.
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
    Lands(Option<Arc<Landed>>),
    Nothing,
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
        state.waiting.push_back(tell);
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

    fn close(&self, flight: &Arc<Flight>) {
        let mut open = self.open();
        if open
            .get(&flight.field)
            .is_some_and(|known| Arc::ptr_eq(known, flight))
        {
            open.remove(&flight.field);
        }
    }

    /// Makes up to so many followers leaders.
    fn hand_on(self: &Arc<Self>, flight: &Arc<Flight>, places: usize, most: usize) {
        for _ in 0..places {
            let mut state = flight.state();
            if state.leaders >= most {
                return;
            }
            while let Some(next) = state.waiting.pop_front() {
                if next.is_closed() {
                    continue;
                }
                state.leaders += 1;
                drop(state);
                // If it went away just now, the lead comes back and its drop finds the next.
                drop(next.send(Told::Lead(self.lead(flight.clone()))));
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

/// Lets another one lead whenever the patience of followers has ended: the leader may be waiting
/// for one of them, or not be polled at all.
async fn watch(flights: Arc<Flights>, flight: Arc<Flight>, patience: Duration) {
    loop {
        tokio::time::sleep(patience).await;
        let mut state = flight.state();
        if state.waiting.is_empty() {
            state.is_watched = false;
            return;
        }
        drop(state);
        flights.hand_on(&flight, 1, usize::MAX);
    }
}

impl Lead {
    /// Whether anybody would be glad of the value.
    pub(crate) fn has_followers(&self) -> bool {
        !self.flight.state().waiting.is_empty()
    }

    /// There is a value: the drop gives it to the followers, or sends them to the store.
    pub(crate) fn computed(&mut self, landed: Option<Arc<Landed>>) {
        self.end = End::Lands(landed);
    }

    /// There is no value to share: twice as many followers run their methods next, up to a bound.
    pub(crate) fn failed(mut self) {
        self.end = End::HandsOn(2);
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.end, End::Nothing) {
            End::HandsOn(places) => {
                self.flight.state().leaders -= 1;
                self.flights.hand_on(&self.flight, places, MOST_LEADERS);
            }
            End::Lands(landed) => {
                self.flights.close(&self.flight);
                let waiting = {
                    let mut state = self.flight.state();
                    state.leaders -= 1;
                    std::mem::take(&mut state.waiting)
                };
                for follower in waiting {
                    drop(follower.send(Told::Landed(landed.clone())));
                }
            }
            End::Nothing => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELD: Field = Field([7; 20]);

    /// Random callers who land, fail, vanish as leaders and vanish as followers: nobody is left
    /// waiting, and no flight is left open.
    #[test]
    fn whatever_callers_do_nobody_waits_for_ever() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(3)
            .enable_time()
            .build()
            .unwrap();
        for seed in 1..200u64 {
            let flights = Flights::new();
            let calls = (0..50u64).map(|call| {
                let flights = flights.clone();
                let mut dice = (seed * 1000 + call).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                let mut roll = move |n: u64| {
                    dice ^= dice >> 12;
                    dice ^= dice << 25;
                    dice ^= dice >> 27;
                    dice.wrapping_mul(0x2545_F491_4F6C_DD1D) % n
                };
                runtime.spawn(async move {
                    let place = flights.join(FIELD, Duration::from_secs(3600));
                    let gives_up = roll(4) == 0;
                    let mut lead = match place {
                        Place::Leads(lead) => lead,
                        Place::Follows(told) if gives_up => {
                            drop(told);
                            return;
                        }
                        Place::Follows(told) => match told.await.unwrap() {
                            Told::Landed(_) => return,
                            Told::Lead(lead) => lead,
                        },
                    };
                    for _ in 0..roll(4) {
                        tokio::task::yield_now().await;
                    }
                    match roll(3) {
                        0 => lead.computed(None),
                        1 => lead.failed(),
                        _ => drop(lead),
                    }
                })
            });
            let calls: Vec<_> = calls.collect();
            runtime.block_on(async {
                for call in calls {
                    let ended = tokio::time::timeout(Duration::from_secs(20), call).await;
                    ended.expect("nobody waits for ever").unwrap();
                }
            });
            assert_eq!(flights.open().len(), 0, "seed {seed}");
        }
    }

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
