//! How often a call waits for the server.

use redis_func_cache::Cache;

use crate::contender::Ours;
use crate::load::Contender as _;
use crate::support::{RoundTrips, Server, unique};

const CALLS: u32 = 500;

/// Round trips of one hit and of one miss, on average.
pub async fn count(server: &Server) -> (f64, f64) {
    let trips = RoundTrips::to(server);
    let cache = Cache::builder(unique("trips")).redis(trips.url());
    let mut contender = Ours::new(&cache.build().unwrap());
    // Connected, and the server knows the scripts.
    for key in [0, 1, 0] {
        contender.call(key).await;
    }
    let mut average = async |keys: &dyn Fn(u32) -> u64| {
        let before = trips.count();
        for call in 0..CALLS {
            contender.call(keys(call)).await;
        }
        f64::from(trips.count() - before) / f64::from(CALLS)
    };
    (
        average(&|_| 0).await,
        average(&|call| u64::from(call) + 2).await,
    )
}
