//! Calls joined on one computation: whoever comes, goes, fails or is woken when, nobody waits for
//! ever and nobody runs the method without need.

use std::sync::Arc;
use std::time::Duration;

use shuttle::future::{JoinHandle, block_on, spawn, yield_now};
use shuttle::rand::{Rng as _, thread_rng};

use crate::field::Field;
use crate::flight::{Flights, Landed, Lead, Place, Told};
use crate::sync::{AtomicU64, Mutex, Ordering};
use crate::under_many_schedules;

const FIELD: Field = Field([7; 20]);
const NEVER: Duration = Duration::MAX;
const SOMETIME: Duration = Duration::ZERO;

/// A cached method and a store of one entry, asked in the order of `call.rs`.
struct Calls {
    flights: Arc<Flights>,
    stored: Mutex<Option<u64>>,
    store_is_away: bool,
    patience: Duration,
    /// What the method would find now, and what calls from now on may be given at the least.
    truth: AtomicU64,
    floor: AtomicU64,
    tally: Mutex<Tally>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    started: u64,
    running: u64,
    most: u64,
    failed: u64,
    vanished: u64,
}

#[derive(Clone, Copy)]
enum Fate {
    Returns,
    Fails,
    Panics,
}

/// A run of the method: gone without an end if it is dropped.
struct Run<'a> {
    calls: &'a Calls,
    has_ended: bool,
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        let mut tally = self.calls.tally.lock().unwrap();
        tally.running -= 1;
        tally.vanished += u64::from(!self.has_ended);
    }
}

impl Calls {
    fn new(store_is_away: bool, patience: Duration) -> Arc<Self> {
        Arc::new(Self {
            flights: Flights::new(),
            stored: Mutex::default(),
            store_is_away,
            patience,
            truth: AtomicU64::new(0),
            floor: AtomicU64::new(0),
            tally: Mutex::default(),
        })
    }

    /// What a call is given; nothing if its own method failed.
    async fn call(&self, fate: Fate) -> Option<u64> {
        let floor = self.floor.load(Ordering::SeqCst);
        let landings = self.flights.landings(FIELD);
        if let Some(found) = self.look_up() {
            return Some(found);
        }
        let told = match self.flights.join(FIELD, self.patience) {
            Place::Leads(lead) => Told::Lead(lead),
            Place::Follows(told) => told.await.expect("a follower is always told something"),
        };
        let lead = match told {
            Told::Landed(landed) => {
                let value = value(&landed.unwrap());
                assert!(value >= floor, "joined a flight from before {floor}");
                return Some(value);
            }
            Told::Lead(lead) => lead,
        };
        if self.flights.landings(FIELD) != landings
            && let Some(found) = self.look_up()
        {
            return Some(found);
        }
        self.run(lead, fate).await
    }

    fn look_up(&self) -> Option<u64> {
        *self.stored.lock().unwrap()
    }

    async fn run(&self, mut lead: Lead, fate: Fate) -> Option<u64> {
        let mut run = self.start();
        let value = self.truth.load(Ordering::SeqCst);
        for _ in 0..thread_rng().gen_range(0..3) {
            yield_now().await;
        }
        match fate {
            Fate::Returns => {}
            Fate::Fails => {
                self.tally.lock().unwrap().failed += 1;
                run.has_ended = true;
                drop(run);
                lead.failed();
                return None;
            }
            Fate::Panics => return None,
        }
        run.has_ended = true;
        drop(run);
        lead.computed(Some(Arc::new(Landed {
            flags: 0,
            payload: value.to_be_bytes().to_vec(),
        })));
        if !self.store_is_away && !lead.is_detached() {
            *self.stored.lock().unwrap() = Some(value);
        }
        drop(lead);
        Some(value)
    }

    fn start(&self) -> Run<'_> {
        let mut tally = self.tally.lock().unwrap();
        tally.started += 1;
        tally.running += 1;
        tally.most = tally.most.max(tally.running);
        Run {
            calls: self,
            has_ended: false,
        }
    }

    /// What `invalidate` does: from its end on the old state is no answer.
    fn invalidate(&self) {
        let now = self.truth.fetch_add(1, Ordering::SeqCst) + 1;
        *self.stored.lock().unwrap() = None;
        self.flights.detach(FIELD);
        self.floor.fetch_max(now, Ordering::SeqCst);
    }

    fn spawn(self: &Arc<Self>, fate: Fate) -> JoinHandle<Option<u64>> {
        let calls = self.clone();
        spawn(async move { calls.call(fate).await })
    }

    /// Nobody is in the air, and nobody is on the list.
    fn assert_at_rest(&self) -> Tally {
        assert_eq!(format!("{:?}", self.flights), "Flights { open: 0 }");
        let tally = *self.tally.lock().unwrap();
        assert_eq!(tally.running, 0);
        tally
    }
}

fn value(landed: &Landed) -> u64 {
    u64::from_be_bytes(landed.payload[..].try_into().unwrap())
}

fn any_fate() -> Fate {
    match thread_rng().gen_range(0..4) {
        0 => Fate::Fails,
        1 => Fate::Panics,
        _ => Fate::Returns,
    }
}

#[test]
fn calls_that_miss_together_run_the_method_once() {
    under_many_schedules(|| {
        let calls = Calls::new(false, NEVER);
        let all: Vec<_> = (0..4).map(|_| calls.spawn(Fate::Returns)).collect();
        for call in all {
            assert_eq!(block_on(call).unwrap(), Some(0));
        }
        assert_eq!(calls.assert_at_rest().started, 1);
    });
}

#[test]
fn without_a_store_there_is_still_one_run_at_a_time() {
    under_many_schedules(|| {
        let calls = Calls::new(true, NEVER);
        let all: Vec<_> = (0..4).map(|_| calls.spawn(Fate::Returns)).collect();
        for call in all {
            assert_eq!(block_on(call).unwrap(), Some(0));
        }
        assert_eq!(calls.assert_at_rest().most, 1);
    });
}

#[test]
fn runs_are_bounded_by_failures_and_those_who_vanish() {
    under_many_schedules(|| {
        let calls = Calls::new(false, NEVER);
        let all: Vec<_> = (0..5).map(|_| calls.spawn(any_fate())).collect();
        // Anywhere: before it joins, as it waits, as it is told, as its method runs.
        for call in &all {
            if thread_rng().gen_range(0..4) == 0 {
                call.abort();
            }
        }
        for call in all {
            drop(block_on(call));
        }
        let tally = calls.assert_at_rest();
        let bound = 1 + 2 * tally.failed + tally.vanished;
        assert!(tally.started <= bound, "{tally:?}");
    });
}

#[test]
fn a_leader_that_vanishes_is_followed_by_one() {
    under_many_schedules(|| {
        let calls = Calls::new(true, NEVER);
        let leader = calls.spawn(Fate::Panics);
        let all: Vec<_> = (0..3).map(|_| calls.spawn(Fate::Returns)).collect();
        leader.abort();
        drop(block_on(leader));
        for call in all {
            assert_eq!(block_on(call).unwrap(), Some(0));
        }
        assert_eq!(calls.assert_at_rest().most, 1);
    });
}

#[test]
fn timers_that_fire_at_any_time_strand_nobody() {
    under_many_schedules(|| {
        let calls = Calls::new(false, SOMETIME);
        let all: Vec<_> = (0..4).map(|_| calls.spawn(any_fate())).collect();
        all[0].abort();
        for call in all {
            drop(block_on(call));
        }
        calls.assert_at_rest();
    });
}

#[test]
fn a_leader_that_waits_for_its_follower_is_overtaken() {
    under_many_schedules(|| {
        let calls = Calls::new(true, SOMETIME);
        let Place::Leads(lead) = calls.flights.join(FIELD, SOMETIME) else {
            panic!("the first leads");
        };
        let follower = calls.spawn(Fate::Returns);
        assert_eq!(block_on(follower).unwrap(), Some(0));
        drop(lead);
        calls.assert_at_rest();
    });
}

#[test]
fn no_call_joins_a_flight_from_before_an_invalidation() {
    under_many_schedules(|| {
        let calls = Calls::new(true, NEVER);
        let early: Vec<_> = (0..2).map(|_| calls.spawn(any_fate())).collect();
        let invalidation = {
            let calls = calls.clone();
            spawn(async move { calls.invalidate() })
        };
        let late: Vec<_> = (0..3).map(|_| calls.spawn(any_fate())).collect();
        early[0].abort();
        block_on(invalidation).unwrap();
        for call in early.into_iter().chain(late) {
            drop(block_on(call));
        }
        calls.assert_at_rest();
    });
}

#[test]
fn failures_widen_the_lead_up_to_a_bound() {
    let test = || {
        let flights = Flights::new();
        let Place::Leads(first) = flights.join(FIELD, NEVER) else {
            panic!("the first leads");
        };
        let mut waiting: Vec<_> = (0..100)
            .map(|_| match flights.join(FIELD, NEVER) {
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
        assert!(widths.iter().all(|&width| width <= 8), "{widths:?}");
        assert_eq!(
            widths.iter().sum::<usize>(),
            101,
            "all have run: {widths:?}"
        );
        assert_eq!(format!("{flights:?}"), "Flights { open: 0 }");
    };
    shuttle::check_random(test, 10);
}
