//! Calls joined on one computation: whichever call comes, goes, fails or is woken when, no call
//! waits for ever and none runs the method without need.

use std::sync::Arc;
use std::time::Duration;

use shuttle::future::{JoinHandle, block_on, spawn, yield_now};
use shuttle::rand::{Rng as _, thread_rng};

use crate::key::digest::Field;
use crate::single_flight::{EncodedValue, FlightRole, Flights, FollowerOutcome, JoinMark, Leader};
use crate::sync::{self, Mutex};
use crate::under_many_schedules;

const FIELD: Field = Field([7; 20]);
const METHOD: u64 = 7;
const NEVER: Duration = Duration::MAX;
const SOMETIME: Duration = Duration::ZERO;

/// A cached method and a store of one entry, asked in the order of `call.rs`.
struct Calls {
    flights: Arc<Flights>,
    /// `None` while it is unavailable.
    store: Option<Arc<Mutex<Store>>>,
    follower_timeout: Duration,
    world: Mutex<World>,
    tally: Mutex<Tally>,
}

#[derive(Default)]
struct Store {
    value: Option<u64>,
    /// Under which a computation may store, and how many compute under it.
    token: Option<u64>,
    tokens: u64,
    holders: u64,
}

#[derive(Default, Clone, Copy)]
struct World {
    /// What the method finds.
    state: u64,
    /// What calls from now on may be given at the least.
    floor: u64,
}

/// The right to store, given back at its drop.
struct Lease {
    store: Arc<Mutex<Store>>,
    token: u64,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut store = self.store.lock().unwrap();
        if store.token == Some(self.token) {
            store.holders -= 1;
            if store.holders == 0 {
                store.token = None;
            }
        }
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    started: u64,
    running: u64,
    most: u64,
    failed: u64,
    /// Cancelled or panicked before they had a value for others.
    vanished: u64,
}

#[derive(Clone, Copy)]
enum Fate {
    Returns,
    Fails,
    Panics,
}

/// A run of the method, and what becomes of its value.
struct Run<'a> {
    calls: &'a Calls,
    is_running: bool,
    is_concluded: bool,
}

impl Run<'_> {
    fn end(&mut self) {
        self.is_running = false;
        self.calls.tally.lock().unwrap().running -= 1;
    }

    /// There is a value for others, or there will be none.
    fn conclude(mut self) {
        self.is_concluded = true;
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        let mut tally = self.calls.tally.lock().unwrap();
        tally.running -= u64::from(self.is_running);
        tally.vanished += u64::from(!self.is_concluded);
    }
}

impl Calls {
    fn new(store: Option<Mutex<Store>>, follower_timeout: Duration) -> Arc<Self> {
        Arc::new(Self {
            flights: Flights::new(),
            store: store.map(Arc::new),
            follower_timeout,
            world: Mutex::default(),
            tally: Mutex::default(),
        })
    }

    /// What a call is given; nothing if its own method failed.
    async fn call(&self, fate: Fate) -> Option<u64> {
        let floor = self.world.lock().unwrap().floor;
        let given = self.answer(fate).await;
        assert!(
            given.is_none_or(|given| given >= floor),
            "given {given:?}, from before {floor}"
        );
        given
    }

    async fn answer(&self, fate: Fate) -> Option<u64> {
        if let Some(store) = &self.store {
            let found = store.lock().unwrap().value;
            on_its_way().await;
            if found.is_some() {
                return found;
            }
        }
        let outcome = match self.flights.join(FIELD, METHOD, self.follower_timeout) {
            FlightRole::Leader(lead) => FollowerOutcome::Promoted(lead),
            FlightRole::Follower(outcome) => {
                outcome.await.expect("a follower always gets an outcome")
            }
        };
        let lead = match outcome {
            FollowerOutcome::Value(value) => return Some(state_in(&value)),
            FollowerOutcome::Promoted(lead) => lead,
        };
        let Some(store) = &self.store else {
            return self.run(lead, None, fate).await;
        };
        match self.begin(store, lead).await {
            Ok((lead, lease)) => self.run(lead, Some(lease), fate).await,
            Err(found) => Some(found),
        }
    }

    /// The right to store, or what is there by now, which is given to those who had joined before.
    async fn begin(
        &self,
        store: &Arc<Mutex<Store>>,
        mut lead: Leader,
    ) -> Result<(Leader, Lease), u64> {
        let joined = lead.mark();
        on_its_way().await;
        let begun = begin(store);
        on_its_way().await;
        match begun {
            Ok(lease) => Ok((lead, lease)),
            Err(found) => {
                lead.publish(value(found), joined);
                Err(found)
            }
        }
    }

    async fn run(&self, mut lead: Leader, lease: Option<Lease>, fate: Fate) -> Option<u64> {
        let before_run = lead.mark();
        let mut run = self.start();
        let state = self.world.lock().unwrap().state;
        for _ in 0..thread_rng().gen_range(0..3) {
            yield_now().await;
        }
        if matches!(fate, Fate::Panics) {
            return None;
        }
        run.end();
        if matches!(fate, Fate::Fails) {
            self.tally.lock().unwrap().failed += 1;
            run.conclude();
            drop(lease);
            lead.failed();
            return None;
        }
        let joined = match lease {
            None => Some(JoinMark::ALL),
            Some(lease) => {
                let before_put = lead.mark();
                let is_current = put(lease, state).await.unwrap();
                let is_late = thread_rng().gen_range(0..4) == 0;
                match (is_late, is_current) {
                    (true, _) => Some(before_run),
                    (false, true) => Some(before_put),
                    (false, false) => None,
                }
            }
        };
        if let Some(joined) = joined {
            lead.publish(value(state), joined);
        }
        run.conclude();
        Some(state)
    }

    fn start(&self) -> Run<'_> {
        let mut tally = self.tally.lock().unwrap();
        tally.started += 1;
        tally.running += 1;
        tally.most = tally.most.max(tally.running);
        Run {
            calls: self,
            is_running: true,
            is_concluded: false,
        }
    }

    /// What `invalidate` does: from its end on the old state is no answer. Another process knows
    /// nothing of the flights of this one.
    async fn invalidate(&self, is_here: bool) {
        let state = {
            let mut world = self.world.lock().unwrap();
            world.state += 1;
            world.state
        };
        if let Some(store) = &self.store {
            let mut store = store.lock().unwrap();
            (store.value, store.token) = (None, None);
        }
        on_its_way().await;
        if is_here {
            self.flights.detach(FIELD);
        }
        self.world.lock().unwrap().floor = state;
    }

    fn spawn(self: &Arc<Self>, fate: Fate) -> JoinHandle<Option<u64>> {
        let calls = self.clone();
        spawn(async move { calls.call(fate).await })
    }

    /// No execution is under way, and no flight is listed.
    fn assert_at_rest(&self) -> Tally {
        assert_eq!(format!("{:?}", self.flights), "Flights { open: 0 }");
        let tally = *self.tally.lock().unwrap();
        assert_eq!(tally.running, 0);
        tally
    }
}

/// What is there by now, or the right to store, which those who lead together share.
fn begin(store: &Arc<Mutex<Store>>) -> Result<Lease, u64> {
    let mut held = store.lock().unwrap();
    if let Some(found) = held.value {
        return Err(found);
    }
    if held.token.is_none() {
        held.tokens += 1;
        (held.token, held.holders) = (Some(held.tokens), 0);
    }
    held.holders += 1;
    let token = held.tokens;
    let store = store.clone();
    Ok(Lease { store, token })
}

/// Whether the value could be stored, or something has overtaken it. It goes on when its caller goes away.
fn put(lease: Lease, state: u64) -> JoinHandle<bool> {
    spawn(async move {
        on_its_way().await;
        let may_store = {
            let mut store = lease.store.lock().unwrap();
            let may_store = store.token == Some(lease.token);
            if may_store {
                (store.value, store.token) = (Some(state), None);
            }
            may_store
        };
        on_its_way().await;
        may_store
    })
}

/// What is sent arrives later, and so does the answer.
async fn on_its_way() {
    yield_now().await;
}

fn value(state: u64) -> Arc<EncodedValue> {
    Arc::new(EncodedValue {
        flags: 0,
        payload: state.to_be_bytes().to_vec(),
    })
}

fn state_in(value: &EncodedValue) -> u64 {
    u64::from_be_bytes(value.payload[..].try_into().unwrap())
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
        let calls = Calls::new(Some(Mutex::default()), NEVER);
        let all: Vec<_> = (0..4).map(|_| calls.spawn(Fate::Returns)).collect();
        for call in all {
            assert_eq!(block_on(call).unwrap(), Some(0));
        }
        assert_eq!(calls.assert_at_rest().started, 1);
    });
}

#[test]
fn without_a_store_there_is_still_one_execution_at_a_time() {
    under_many_schedules(|| {
        let calls = Calls::new(None, NEVER);
        let all: Vec<_> = (0..4).map(|_| calls.spawn(Fate::Returns)).collect();
        for call in all {
            assert_eq!(block_on(call).unwrap(), Some(0));
        }
        assert_eq!(calls.assert_at_rest().most, 1);
    });
}

#[test]
fn executions_are_bounded_by_failures_and_cancellations() {
    under_many_schedules(|| {
        let calls = Calls::new(Some(Mutex::default()), NEVER);
        let all: Vec<_> = (0..5).map(|_| calls.spawn(any_fate())).collect();
        // Anywhere: before it joins, as it waits, as it gets an outcome, as its method runs, as its value is stored.
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
fn one_follower_replaces_a_cancelled_leader() {
    under_many_schedules(|| {
        let calls = Calls::new(None, NEVER);
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
fn timers_that_fire_at_any_time_strand_no_call() {
    under_many_schedules(|| {
        let calls = Calls::new(Some(Mutex::default()), SOMETIME);
        let all: Vec<_> = (0..4).map(|_| calls.spawn(any_fate())).collect();
        all[0].abort();
        for call in all {
            drop(block_on(call));
        }
        calls.assert_at_rest();
    });
}

#[test]
fn a_leader_that_waits_for_another_process_is_not_overtaken() {
    under_many_schedules(|| {
        let calls = Calls::new(None, SOMETIME);
        let FlightRole::Leader(lead) = calls.flights.join(FIELD, METHOD, SOMETIME) else {
            panic!("the first leads");
        };
        let waiting_remotely = lead.begin_remote_wait();
        sync::fired();
        let mut fired = 0;
        let follower = calls.spawn(Fate::Returns);
        for _ in 0..4 {
            shuttle::thread::yield_now();
            let started = calls.tally.lock().unwrap().started;
            fired += sync::fired();
            // The timeout starts again eight times, and no more.
            assert!(started == 0 || fired > 8, "after {fired} timers");
        }
        drop(waiting_remotely);
        drop(lead);
        assert_eq!(block_on(follower).unwrap(), Some(0));
        calls.assert_at_rest();
    });
}

#[test]
fn a_leader_that_waits_for_its_follower_is_overtaken() {
    under_many_schedules(|| {
        let calls = Calls::new(None, SOMETIME);
        let FlightRole::Leader(lead) = calls.flights.join(FIELD, METHOD, SOMETIME) else {
            panic!("the first leads");
        };
        let follower = calls.spawn(Fate::Returns);
        assert_eq!(block_on(follower).unwrap(), Some(0));
        drop(lead);
        calls.assert_at_rest();
    });
}

fn an_invalidation_among_calls(store: Option<Mutex<Store>>, is_here: bool) {
    let calls = Calls::new(store, NEVER);
    let early: Vec<_> = (0..2).map(|_| calls.spawn(any_fate())).collect();
    let invalidation = {
        let calls = calls.clone();
        spawn(async move { calls.invalidate(is_here).await })
    };
    let late: Vec<_> = (0..3).map(|_| calls.spawn(any_fate())).collect();
    early[0].abort();
    block_on(invalidation).unwrap();
    for call in early.into_iter().chain(late) {
        drop(block_on(call));
    }
    calls.assert_at_rest();
}

#[test]
fn no_call_gets_a_value_computed_before_an_invalidation() {
    under_many_schedules(|| an_invalidation_among_calls(Some(Mutex::default()), true));
}

#[test]
fn no_call_gets_a_value_computed_before_a_remote_invalidation() {
    under_many_schedules(|| an_invalidation_among_calls(Some(Mutex::default()), false));
}

#[test]
fn no_call_joins_a_flight_from_before_an_invalidation() {
    under_many_schedules(|| an_invalidation_among_calls(None, true));
}
