//! A batch of ids of which a tenth misses, against the same calls one after the other and all at once.

use std::hint::black_box;
use std::ops::Range;
use std::time::Instant;

use futures_util::future::join_all;
use redis_func_cache::{Cache, CacheExt as _};

use crate::contender::{CachedSource, Source};
use crate::support::{Server, median, unique};

const IDS: u64 = 100;
const MISSES: u64 = 10;
const ROUNDS: u64 = 200;

/// How much faster a batch is than calls one after the other, and than calls that are joined.
pub async fn measure(server: &Server) -> (f64, f64) {
    let cache = Cache::builder(unique("batch")).redis(server.url());
    let repo = Source::default().cached(&cache.build().unwrap());
    // In a task, as calls of a service are.
    tokio::spawn(async move { ratios(&repo).await })
        .await
        .unwrap()
}

async fn ratios(repo: &CachedSource) -> (f64, f64) {
    repo.find_many(&ids(0..IDS)).await.unwrap();
    let (mut batches, mut sequences, mut joined) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let part = |n: u64| ids(1_000 * (3 * round + n + 1)..1_000 * (3 * round + n + 1) + MISSES);
        let wanted = part(0);
        batches.push(
            timed(async {
                black_box(repo.find_many(&wanted).await.unwrap());
            })
            .await,
        );
        let wanted = part(1);
        sequences.push(
            timed(async {
                for id in &wanted {
                    black_box(repo.find(*id).await.unwrap());
                }
            })
            .await,
        );
        let wanted = part(2);
        joined.push(
            timed(async {
                let calls = wanted.iter().map(|id| repo.find(*id));
                black_box(join_all(calls).await);
            })
            .await,
        );
    }
    let batch = median(batches);
    (median(sequences) / batch, median(joined) / batch)
}

/// Ids that are stored, and so many that are not.
fn ids(new: Range<u64>) -> Vec<u64> {
    let known = IDS.saturating_sub(new.end - new.start);
    (0..known).chain(new).collect()
}

async fn timed(call: impl Future<Output = ()>) -> f64 {
    let began = Instant::now();
    call.await;
    began.elapsed().as_secs_f64()
}
