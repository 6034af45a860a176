//! The breaker under calls, probes and cancellations: it opens once, has one prober, and no
//! cancelled call or probe leaves it open for ever.

use std::sync::Arc;
use std::time::Instant;

use shuttle::future::{JoinHandle, block_on, spawn, yield_now};
use shuttle::rand::{Rng as _, thread_rng};

use crate::breaker::{Breaker, RequestOutcome};
use crate::sync::Mutex;
use crate::under_many_schedules;

/// A breaker as `endpoint.rs` and `probe.rs` use it, in front of an endpoint that comes and goes.
struct Calls {
    breaker: Breaker,
    now: Instant,
    world: Mutex<World>,
    probes: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct World {
    is_unavailable: bool,
    probing: u32,
    opened: u32,
    closed: u32,
}

/// The call that opens the breaker probes until it is closed.
struct Probe {
    calls: Arc<Calls>,
    has_closed: bool,
}

/// As in `probe.rs`: a probe that goes away leaves no breaker open.
impl Drop for Probe {
    fn drop(&mut self) {
        if !self.has_closed {
            self.calls.closes();
            self.calls.breaker.probed(true);
        }
    }
}

impl Calls {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            breaker: Breaker::default(),
            now: Instant::now(),
            world: Mutex::default(),
            probes: Mutex::default(),
        })
    }

    fn world<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.world.lock().unwrap())
    }

    async fn call(self: Arc<Self>) {
        let Some(permit) = self.breaker.admit() else {
            return;
        };
        // Here it may be given up.
        yield_now().await;
        let is_unavailable = self.world(|world| world.is_unavailable);
        let outcome = match thread_rng().gen_range(0..4) {
            _ if !is_unavailable => RequestOutcome::Answered,
            0 | 1 => RequestOutcome::Refused,
            2 => RequestOutcome::Slow,
            _ => RequestOutcome::Failed,
        };
        if self.breaker.report(permit, outcome, self.now).is_none() {
            return;
        }
        self.world(|world| {
            world.opened += 1;
            world.probing += 1;
            assert_eq!(world.probing, 1, "one probes at a time: {world:?}");
        });
        let probe = Probe {
            calls: self.clone(),
            has_closed: false,
        };
        self.probes.lock().unwrap().push(spawn(probe.run()));
    }

    /// About to happen: before the breaker records it, as it may open again at once.
    fn closes(&self) {
        self.world(|world| {
            world.closed += 1;
            world.probing -= 1;
        });
    }

    fn spawn(self: &Arc<Self>) -> JoinHandle<()> {
        spawn(self.clone().call())
    }

    /// It opened, and there was no answer since: no call may pass.
    fn assert_shut(&self) {
        let is_open = self.breaker.is_open();
        let world = self.world(|world| *world);
        if world.is_unavailable && world.opened > world.closed {
            assert!(is_open, "{world:?}");
        }
    }

    /// The endpoint is back: calls pass, sooner or later.
    fn assert_recovers(&self) {
        self.world(|world| world.is_unavailable = false);
        while self.breaker.is_open() {
            shuttle::thread::yield_now();
        }
        let world = self.world(|world| *world);
        assert_eq!(world.opened, world.closed, "{world:?}");
    }
}

impl Probe {
    async fn run(mut self) {
        loop {
            yield_now().await;
            let answers = !self.calls.world(|world| world.is_unavailable);
            if answers {
                self.calls.closes();
            }
            if self.calls.breaker.probed(answers).is_none() {
                self.has_closed = true;
                return;
            }
        }
    }
}

#[test]
fn the_breaker_opens_once_and_has_one_prober() {
    under_many_schedules(|| {
        let calls = Calls::new();
        calls.world(|world| world.is_unavailable = true);
        let all: Vec<_> = (0..12).map(|_| calls.spawn()).collect();
        let weather = {
            let calls = calls.clone();
            spawn(async move {
                for _ in 0..2 {
                    yield_now().await;
                    calls.world(|world| world.is_unavailable = !world.is_unavailable);
                }
            })
        };
        // One who was let through is given up.
        all[0].abort();
        for call in all {
            drop(block_on(call));
        }
        block_on(weather).unwrap();
        calls.assert_shut();
        calls.assert_recovers();
    });
}

#[test]
fn a_cancelled_probe_does_not_leave_the_breaker_open() {
    under_many_schedules(|| {
        let calls = Calls::new();
        calls.world(|world| world.is_unavailable = true);
        let all: Vec<_> = (0..6).map(|_| calls.spawn()).collect();
        for call in all {
            block_on(call).unwrap();
        }
        let probes: Vec<_> = calls.probes.lock().unwrap().drain(..).collect();
        for probe in probes {
            probe.abort();
            drop(block_on(probe));
        }
        assert!(
            !calls.breaker.is_open(),
            "there is no probe, and it is open"
        );
        calls.assert_recovers();
    });
}
