//! Every order of steps of two processes, of two builds, on the control key of one pair: a model of it, small
//! enough to try them all. What must not happen is a lookup that is answered with a value from before an
//! invalidation that had returned when the lookup began.
//!
//! Evictions of either key are steps like any other. The rules of the model are those of the scripts; each is
//! broken in turn, and the search has to notice.

use std::collections::{HashSet, VecDeque};

const BUILDS: usize = 2;

/// A rule that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Nothing,
    /// An invalidation removes the entry of its own build only.
    DeleteKnowsOneBuild,
    /// And leaves the leases of others.
    DeleteLeavesLeases,
    /// A claim counts where its build is not on the list.
    ClaimWithoutBuild,
    /// A claim counts where the epoch is another one.
    ClaimOfAnyEpoch,
    /// A put asks for the token only.
    PutOfAnyEpoch,
    /// A lookup takes an entry of any epoch.
    LookupOfAnyEpoch,
    /// Epochs begin at the same number after the control key was lost.
    EpochsRepeat,
    /// A build takes the place of another one without a new epoch.
    OverflowKeepsEpoch,
    /// `begin` takes the lease of a claim whose reply was lost as it is.
    LostClaimIsTaken,
}

type Epoch = u8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Entry {
    version: u8,
    epoch: Epoch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Lease {
    token: u8,
    epoch: Epoch,
}

/// The state of the method: its epoch, and which builds are on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Method {
    epoch: Epoch,
    builds: [bool; BUILDS],
}

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Call {
    Idle,
    /// The entries have been read, and the epochs not yet. No older version may be returned than `floor`.
    Read {
        entry: Option<Entry>,
        floor: u8,
    },
    Missed {
        seen: Option<Epoch>,
    },
    /// Its claim has set a lease, and the reply was lost.
    Lost {
        lease: Lease,
    },
    /// It has a lease, and the method is about to read the row.
    Leads {
        lease: Lease,
    },
    Computed {
        lease: Lease,
        version: u8,
    },
    Done,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    /// Of the row.
    version: u8,
    /// Of the row when the last invalidation that has returned was asked for.
    floor: u8,
    values: [Option<Entry>; BUILDS],
    method: Option<Method>,
    leases: [Option<Lease>; BUILDS],
    calls: [Call; BUILDS],
    next_epoch: Epoch,
    next_token: u8,
    /// Steps that may still happen.
    writes: u8,
    evictions: u8,
    repeats: u8,
    losses: u8,
}

struct Model {
    broken: Broken,
    most_builds: usize,
}

impl Model {
    fn new_epoch(&self, world: &mut World) -> Epoch {
        if self.broken == Broken::EpochsRepeat && world.method.is_none() {
            return 0;
        }
        world.next_epoch += 1;
        world.next_epoch
    }

    fn holds(&self, world: &World, lease: Lease) -> bool {
        self.broken == Broken::PutOfAnyEpoch
            || world
                .method
                .is_some_and(|method| method.epoch == lease.epoch)
    }

    /// As lua/op/begin.lua does it, where no lease holds.
    fn begin(&self, world: &mut World, build: usize) -> Lease {
        let known = world.method;
        let full = known.is_some_and(|method| {
            !method.builds[build]
                && method.builds.iter().filter(|on| **on).count() >= self.most_builds
        });
        let method = match known {
            Some(method) if !full => method,
            Some(method) if self.broken == Broken::OverflowKeepsEpoch => Method {
                builds: [false; BUILDS],
                ..method
            },
            _ => Method {
                epoch: self.new_epoch(world),
                builds: [false; BUILDS],
            },
        };
        let mut method = method;
        method.builds[build] = true;
        world.method = Some(method);
        world.next_token += 1;
        let lease = Lease {
            token: world.next_token,
            epoch: method.epoch,
        };
        world.leases[build] = Some(lease);
        lease
    }

    fn invalidate_entry(&self, world: &mut World, by: usize) {
        let listed = world.method.map_or([false; BUILDS], |method| method.builds);
        for (build, is_listed) in listed.into_iter().enumerate() {
            let is_known = is_listed || build == by;
            if is_known && (build == by || self.broken != Broken::DeleteKnowsOneBuild) {
                world.values[build] = None;
            }
            if is_known && (build == by || self.broken != Broken::DeleteLeavesLeases) {
                world.leases[build] = None;
            }
        }
        world.floor = world.version;
    }

    fn invalidate_all(&self, world: &mut World) {
        if world.method.is_some() {
            let epoch = self.new_epoch(world);
            world.method = world.method.map(|method| Method { epoch, ..method });
        }
        world.floor = world.version;
    }

    /// Whether a call may go on without asking the server, with what its claim found.
    fn claim_counts(&self, world: &World, build: usize, seen: Epoch) -> bool {
        world.method.is_some_and(|method| {
            (method.epoch == seen || self.broken == Broken::ClaimOfAnyEpoch)
                && (method.builds[build] || self.broken == Broken::ClaimWithoutBuild)
        })
    }

    /// Where a step of a call may lead; an error if it returns what it must not.
    fn step(&self, world: &World, build: usize) -> Result<Option<World>, String> {
        let mut next = world.clone();
        let call = match world.calls[build] {
            Call::Idle => Call::Read {
                entry: world.values[build],
                floor: world.floor,
            },
            Call::Read { entry, floor } => {
                let epoch = world.method.map(|method| method.epoch);
                let is_current = |entry: &Entry| {
                    Some(entry.epoch) == epoch || self.broken == Broken::LookupOfAnyEpoch
                };
                match entry.filter(is_current) {
                    Some(found) if found.version < floor => {
                        return Err(format!("build {build} is given {found:?}"));
                    }
                    Some(_) => Call::Done,
                    None => Call::Missed { seen: epoch },
                }
            }
            Call::Missed { seen } => {
                let held = world.leases[build].filter(|lease| self.holds(world, *lease));
                match (held, seen) {
                    // The other computation is waited for; then it looks again.
                    (Some(_), _) => return Ok(None),
                    (None, Some(seen)) if self.claim_counts(world, build, seen) => {
                        next.next_token += 1;
                        let lease = Lease {
                            token: next.next_token,
                            epoch: seen,
                        };
                        next.leases[build] = Some(lease);
                        Call::Leads { lease }
                    }
                    (None, _) => Call::Leads {
                        lease: self.begin(&mut next, build),
                    },
                }
            }
            Call::Lost { lease } => {
                let is_there = world.leases[build] == Some(lease) && self.holds(world, lease);
                if is_there && self.broken == Broken::LostClaimIsTaken {
                    Call::Leads { lease }
                } else {
                    Call::Leads {
                        lease: self.begin(&mut next, build),
                    }
                }
            }
            Call::Leads { lease } => Call::Computed {
                lease,
                version: world.version,
            },
            Call::Computed { lease, version } => {
                let is_there = world.leases[build].is_some_and(|there| there.token == lease.token);
                if is_there && self.holds(world, lease) {
                    next.values[build] = Some(Entry {
                        version,
                        epoch: lease.epoch,
                    });
                    next.leases[build] = None;
                }
                Call::Done
            }
            Call::Done if world.repeats > 0 => {
                next.repeats -= 1;
                Call::Idle
            }
            Call::Done => return Ok(None),
        };
        next.calls[build] = call;
        Ok(Some(next))
    }

    /// A claim is executed, and its reply is lost.
    fn lost_claim(world: &World, build: usize) -> Option<World> {
        let Call::Missed { seen: Some(epoch) } = world.calls[build] else {
            return None;
        };
        if world.leases[build].is_some() || world.losses == 0 {
            return None;
        }
        let mut next = world.clone();
        next.losses -= 1;
        next.next_token += 1;
        let token = next.next_token;
        let lease = Lease { token, epoch };
        next.leases[build] = Some(lease);
        next.calls[build] = Call::Lost { lease };
        Some(next)
    }

    /// Everything that may happen next.
    fn steps(&self, world: &World) -> Result<Vec<World>, String> {
        let mut all = Vec::new();
        for build in 0..BUILDS {
            all.extend(self.step(world, build)?);
            all.extend(Self::lost_claim(world, build));
        }
        if world.writes > 0 {
            // The row is written, and the invalidation returns, with steps of others between.
            if world.version == world.floor {
                let mut next = world.clone();
                next.version += 1;
                all.push(next);
            } else {
                for by in 0..BUILDS {
                    let mut next = world.clone();
                    next.writes -= 1;
                    self.invalidate_entry(&mut next, by);
                    all.push(next);
                }
                let mut next = world.clone();
                next.writes -= 1;
                self.invalidate_all(&mut next);
                all.push(next);
            }
        }
        if world.evictions > 0 {
            let mut lost = world.clone();
            lost.evictions -= 1;
            let mut no_values = lost.clone();
            no_values.values = [None; BUILDS];
            lost.method = None;
            lost.leases = [None; BUILDS];
            all.extend([lost, no_values]);
        }
        Ok(all)
    }

    /// How many worlds there are, or how one of them breaks the rule. So many writes, evictions, calls more than the
    /// first, and lost replies may happen.
    fn search(&self, [writes, evictions, repeats, losses]: [u8; 4]) -> Result<usize, String> {
        let first = World {
            version: 0,
            floor: 0,
            values: [None; BUILDS],
            method: None,
            leases: [None; BUILDS],
            calls: [Call::Idle; BUILDS],
            next_epoch: 0,
            next_token: 0,
            writes,
            evictions,
            repeats,
            losses,
        };
        let mut known = HashSet::from([first.clone()]);
        let mut waiting = VecDeque::from([first]);
        while let Some(world) = waiting.pop_front() {
            for next in self.steps(&world)? {
                if known.insert(next.clone()) {
                    waiting.push_back(next);
                }
            }
        }
        Ok(known.len())
    }
}

#[test]
fn no_order_of_steps_serves_what_was_invalidated() {
    for most_builds in [BUILDS, 1] {
        let model = Model {
            broken: Broken::Nothing,
            most_builds,
        };
        for steps in [[2, 0, 3, 0], [1, 2, 2, 0], [2, 1, 1, 1]] {
            let worlds = model.search(steps);
            let worlds = worlds.unwrap_or_else(|fault| panic!("{most_builds} builds: {fault}"));
            assert!(worlds > 1000, "{worlds} worlds are no search");
        }
    }
}

#[test]
fn each_rule_is_needed() {
    for (broken, most_builds) in [
        (Broken::DeleteKnowsOneBuild, BUILDS),
        (Broken::DeleteLeavesLeases, BUILDS),
        (Broken::ClaimWithoutBuild, BUILDS),
        (Broken::LookupOfAnyEpoch, BUILDS),
        (Broken::EpochsRepeat, BUILDS),
        (Broken::OverflowKeepsEpoch, 1),
        (Broken::LostClaimIsTaken, BUILDS),
    ] {
        let model = Model {
            broken,
            most_builds,
        };
        let losses = u8::from(broken == Broken::LostClaimIsTaken);
        let found = model.search([2, 1, 3, losses]);
        assert!(
            found.is_err(),
            "{broken:?} goes unnoticed in {found:?} worlds"
        );
    }
    // An entry has the epoch of its computation, so what these let pass is stored and never found: they save
    // executions, and room.
    for broken in [Broken::ClaimOfAnyEpoch, Broken::PutOfAnyEpoch] {
        let model = Model {
            broken,
            most_builds: BUILDS,
        };
        model.search([2, 1, 2, 0]).unwrap();
    }
}
