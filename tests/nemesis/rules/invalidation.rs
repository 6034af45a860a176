//! C6: what was invalidated is not served.

use std::collections::HashMap;

use super::Rules;
use crate::history::{By, Call, End, Outcome, Value};
use crate::ops::Whose;

impl Rules<'_> {
    /// C6: no call that begins after an invalidation has succeeded is given a value whose
    /// computation began before it. Declared invalidations have succeeded in their own process when their method returns,
    /// and everywhere when they were sent: at once, or until the cache is closed.
    ///
    /// Fences are in the server. So it does not hold for values that were under way when the
    /// server lost its data: those end with their TTL. Nor for what a process shares among its
    /// own calls while it is in trouble with the server: that is not stored.
    pub(super) fn invalidation(&self) -> Vec<String> {
        let floors = self.floors();
        let mut breaches = Vec::new();
        for call in &self.history.calls {
            let Some((returned_us, Outcome::Value(value))) = &call.returned else {
                continue;
            };
            let floor_us = floors.at(call);
            if self.state_us(value) < floor_us
                && !self.is_unfenced(call, value)
                && !self
                    .faults(value.started_us, *returned_us)
                    .any(|fault| fault.loses)
            {
                breaches.push(format!(
                    "C6 invalidation: one of {floor_us} had succeeded before {call:?}"
                ));
            }
        }
        breaches
    }

    fn floors(&self) -> Floors {
        let mut floors = Floors::default();
        for call in &self.history.calls {
            let (Some(whose), Some((returned_us, outcome))) =
                (call.op.removes(call.question), &call.returned)
            else {
                continue;
            };
            if !call.op.is_declared() {
                if *outcome == Outcome::Done {
                    floors.add(whose, None, *returned_us, call.invoked_us);
                }
                continue;
            }
            let (Some(changed_us), Outcome::Done | Outcome::Value(_)) = (call.changed_us, outcome)
            else {
                continue;
            };
            floors.add(whose, Some(call.process), *returned_us, changed_us);
            if !call.troubled {
                floors.add(whose, None, *returned_us, changed_us);
            }
            match self.history.closed.get(&call.process) {
                Some(closed) if closed.lost == 0 => {
                    floors.add(whose, None, closed.at_us, changed_us);
                }
                _ => {}
            }
        }
        floors.sort();
        floors
    }

    fn is_unfenced(&self, call: &Call, value: &Value) -> bool {
        value.run.process == call.process && self.run(value.run).is_some_and(|run| run.unfenced)
    }

    /// The instant of the state that a value shows: one that a handle puts, or a method that writes, is as good as of the
    /// end of that, or of any time if it is unknown how that ended.
    fn state_us(&self, value: &Value) -> u64 {
        match self.run(value.run) {
            Some(run) if matches!(run.by, By::Put | By::Update) => match run.ended {
                Some((ended_us, End::Returned)) => ended_us,
                _ => u64::MAX,
            },
            _ => value.started_us,
        }
    }
}

/// When invalidations had succeeded, and the latest instant before which values were wrong by then.
#[derive(Default)]
struct Floors(HashMap<Where, Vec<(u64, u64)>>);

/// What is removed, and in which process, where not in all.
type Where = (Whose, Option<u32>);

impl Floors {
    fn add(&mut self, whose: Whose, process: Option<u32>, from_us: u64, floor_us: u64) {
        let of = self.0.entry((whose, process)).or_default();
        of.push((from_us, floor_us));
    }

    fn sort(&mut self) {
        for floors in self.0.values_mut() {
            floors.sort_unstable();
            let mut latest_us = 0;
            for (_, floor_us) in floors {
                latest_us = latest_us.max(*floor_us);
                *floor_us = latest_us;
            }
        }
    }

    /// What a call may not be given a value from before of.
    fn at(&self, call: &Call) -> u64 {
        let all = Whose::all_with(call.question);
        let all = all.map(|whose| [(whose, None), (whose, Some(call.process))]);
        let floors = all.as_flattened().iter().map(|of| {
            let floors = self.0.get(of).map_or(&[][..], Vec::as_slice);
            let before = floors.partition_point(|(from_us, _)| *from_us < call.invoked_us);
            before.checked_sub(1).map_or(0, |last| floors[last].1)
        });
        floors.max().unwrap_or_default()
    }
}
