//! Renewing leases while their computations run.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::Value;

use super::leases::{FieldToken, renewal_args};
use crate::key::digest::Field;
use crate::rt::background;
use crate::store::redis::client::{Client, STEP, timed};
use crate::store::redis::health::endpoint::Side;
use crate::store::redis::script;
use crate::store::{Pair, Token};

const INTERVAL: Duration = Duration::from_millis(600);
/// Leases of a pair that are renewed together.
const BATCH: usize = 100;

impl Client {
    /// Ensures that leases are renewed in the background as long as there are any.
    pub(super) fn renew_in_background(self: &Arc<Self>) {
        if self.leases.is_renewing.swap(true, Ordering::SeqCst) {
            return;
        }
        let client = Arc::downgrade(self);
        let _ = background::spawn(async move {
            loop {
                tokio::time::sleep(INTERVAL).await;
                let Some(client) = client.upgrade() else {
                    return;
                };
                let due = client.leases.due();
                if due.is_empty() {
                    let is_renewing = &client.leases.is_renewing;
                    is_renewing.store(false, Ordering::SeqCst);
                    // A lease that was granted before that was stored relies on this task.
                    if !client.leases.has_granted() || is_renewing.swap(true, Ordering::SeqCst) {
                        return;
                    }
                }
                // One after the other, so that other requests are not delayed by them.
                for (pair, leases) in by_pair(due) {
                    for leases in leases.chunks(BATCH) {
                        client.renew(&pair, leases).await;
                    }
                }
            }
        });
    }

    async fn renew(self: &Arc<Self>, pair: &Arc<Pair>, leases: &[FieldToken]) {
        let args = renewal_args(leases);
        let renewed = timed(self.script(&script::RENEW, &pair.stem, &args));
        let renewed = self.ask(Side::Write, pair, STEP, renewed).await;
        if let Ok(Value::Array(renewed)) = renewed {
            for ((_, token), renewed) in leases.iter().zip(renewed) {
                if renewed == Value::Int(0) {
                    self.leases.forget_lease(*token);
                }
            }
        }
    }
}

fn by_pair(due: Vec<(Token, Arc<Pair>, Field)>) -> Vec<(Arc<Pair>, Vec<FieldToken>)> {
    let mut pairs = HashMap::<String, (Arc<Pair>, Vec<FieldToken>)>::new();
    for (token, pair, field) in due {
        let known = pairs.entry(pair.stem.clone());
        let (_, leases) = known.or_insert_with(|| (pair, Vec::new()));
        leases.push((field, token));
    }
    pairs.into_values().collect()
}
