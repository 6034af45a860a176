//! What a method that writes returns is stored as an entry, unless something has overtaken the write.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis_func_cache::private::{Invalidation, ReturnTypeOf, Update, Write, engine, stored_in};
use redis_func_cache::{Cache, CachedFunction, Mode, StoreKind};
use support::{PATIENT, Server, unique};
use tokio::sync::Semaphore;

/// What two processes have of one function; in memory, twice the same.
fn of_two_processes(server: Option<&Server>) -> [(Cache, CachedFunction); 2] {
    let name = unique("updates");
    let build = || {
        let builder = Cache::builder(&name).deadline(PATIENT);
        let cache = match server {
            Some(server) => builder.redis(server.url()).build().unwrap(),
            None => builder.build().unwrap(),
        };
        let rows = cache.function("rows").ttl(Duration::from_secs(60));
        let rows = rows.build().unwrap();
        (cache, rows)
    };
    let first = build();
    match server {
        Some(_) => [first, build()],
        None => [first.clone(), first],
    }
}

async fn on_every_store<F: Future<Output = ()>>(test: impl Fn([(Cache, CachedFunction); 2]) -> F) {
    test(of_two_processes(None)).await;
    for binary in support::binaries() {
        let server = Server::start_on(&binary);
        test(of_two_processes(Some(&server))).await;
    }
}

type Written = Result<u64, &'static str>;

/// What generated code does.
async fn update_after(
    cache: &Cache,
    of_ok: impl FnOnce(&u64) -> Vec<Invalidation>,
    updates: Vec<Update<'_, u64>>,
    method: impl Future<Output = Written>,
) -> Written {
    let shape = ReturnTypeOf::<true>;
    let write = Write::begin(engine(cache), vec![], vec![]);
    let write = write.updating(updates).await;
    let returned = method.await;
    let of_ok = stored_in(&shape, &returned).map(of_ok);
    write.end(shape, returned, of_ok.unwrap_or_default()).await
}

/// A method that writes, and names the entry of 1.
async fn write(
    (cache, rows): &(Cache, CachedFunction),
    method: impl Future<Output = Written>,
) -> Written {
    let updates = vec![rows.entry::<u64>(&1).update()];
    update_after(cache, |_| vec![], updates, method).await
}

async fn peek((_, rows): &(Cache, CachedFunction)) -> Option<u64> {
    rows.entry::<u64>(&1).peek().await.unwrap()
}

#[tokio::test]
async fn what_a_write_returns_is_the_entry() {
    on_every_store(async |[here, there]: [_; 2]| {
        assert_eq!(write(&here, async { Ok(7) }).await, Ok(7));
        assert_eq!(peek(&there).await, Some(7));
        let stats = here.0.stats();
        assert_eq!((stats.write, stats.error), (1, 0));
        assert_eq!(write(&here, async { Err("no") }).await, Err("no"));
        assert_eq!(
            peek(&there).await,
            Some(7),
            "a failed write changes nothing"
        );
        let answer = there.1.get_with(&1, async || 8u64).await;
        assert_eq!((answer, there.0.stats().exec), (7, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_write_updates_as_well() {
    on_every_store(async |[here, there]: [_; 2]| {
        let (cache, rows) = &here;
        let updates = vec![rows.entry_sync::<u64>(&1).update()];
        let shape = ReturnTypeOf::<false>;
        let write = Write::begin(engine(cache), vec![], vec![]).updating_blocking(updates);
        let written = write.end_blocking(shape, 7, vec![]);
        assert_eq!((written, peek(&there).await), (7, Some(7)));
    })
    .await;
}

#[tokio::test]
async fn a_reader_from_before_the_write_stores_nothing() {
    on_every_store(async |[here, there]: [_; 2]| {
        let (read, go_on) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let reader = tokio::spawn({
            let (rows, read, go_on) = (there.1.clone(), read.clone(), go_on.clone());
            async move {
                rows.get_with(&1, async || {
                    read.add_permits(1);
                    go_on.acquire().await.unwrap().forget();
                    0u64
                })
                .await
            }
        });
        read.acquire().await.unwrap().forget();
        write(&here, async { Ok(7) }).await.unwrap();
        go_on.add_permits(1);
        assert_eq!(reader.await.unwrap(), 0);
        assert_eq!(peek(&here).await, Some(7));
    })
    .await;
}

/// The other one may have read the row before the write, and stored it meanwhile.
#[tokio::test]
async fn a_write_that_is_overtaken_invalidates() {
    on_every_store(async |processes: [_; 2]| {
        let [here, there] = &processes;
        let cases = ["invalidation", "of all", "put", "purge", "call"];
        for how in cases {
            let entry = there.1.entry::<u64>(&1);
            entry.put(&5).await.unwrap();
            let overtaken = write(here, async {
                match how {
                    "invalidation" => drop(entry.invalidate().await.unwrap()),
                    "of all" => there.1.all().invalidate().await.unwrap(),
                    "put" => entry.put(&6).await.unwrap(),
                    "purge" => drop(there.0.purge().await.unwrap()),
                    _ => {
                        let call = there.1.get_with(&1, async || 6u64);
                        there.0.write_only(call).await;
                    }
                }
                Ok(7)
            });
            assert_eq!(overtaken.await, Ok(7), "{how}");
            assert_eq!(peek(here).await, None, "{how}");
        }
        // Of two writers that race, the later value stays, or none.
        let row = &AtomicU64::new(0);
        for round in 0..100 {
            let race = |process, delay: u64| {
                write(process, async move {
                    tokio::time::sleep(Duration::from_micros(delay)).await;
                    let value = row.fetch_add(1, Ordering::SeqCst) + 1;
                    tokio::time::sleep(Duration::from_micros(delay / 2)).await;
                    Ok(value)
                })
            };
            let (one, other) =
                tokio::join!(race(here, round * 37 % 900), race(there, round * 91 % 900));
            one.unwrap();
            other.unwrap();
            let (found, now) = (peek(here).await, row.load(Ordering::SeqCst));
            assert!(found.is_none_or(|found| found == now), "{found:?} of {now}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_write_that_panics_or_is_dropped_invalidates() {
    on_every_store(async |[here, there]: [_; 2]| {
        let entry = there.1.entry::<u64>(&1);
        for panics in [true, false] {
            entry.put(&5).await.unwrap();
            let task = tokio::spawn({
                let here = here.clone();
                async move {
                    let method = async {
                        assert!(!panics, "a bug");
                        std::future::pending().await
                    };
                    write(&here, method).await
                }
            });
            tokio::time::sleep(Duration::from_millis(50)).await;
            task.abort();
            assert!(task.await.is_err());
            let mut left = Some(5);
            for _ in 0..500 {
                left = entry.peek().await.unwrap();
                if left.is_none() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert_eq!(left, None, "panics: {panics}");
        }
    })
    .await;
}

#[tokio::test]
async fn where_an_invalidation_names_the_same_entry_the_value_is_stored() {
    on_every_store(async |[here, there]: [_; 2]| {
        let (cache, rows) = &here;
        for (key, expected) in [(Some(1), Some(7)), (Some(2), Some(7)), (None, None)] {
            for other in [1, 2] {
                there.1.entry::<u64>(&other).put(&5).await.unwrap();
            }
            let of_ok = |ok: &u64| {
                assert_eq!(*ok, 7);
                let keyed = key.map(|key| rows.entry::<u64>(&key).invalidation());
                keyed.into_iter().collect()
            };
            let updates = vec![rows.entry::<u64>(&1).update()];
            let method = async {
                if key.is_none() {
                    rows.all().invalidate().await.unwrap();
                }
                Written::Ok(7)
            };
            let written = update_after(cache, of_ok, updates, method);
            assert_eq!(written.await, Ok(7));
            assert_eq!(peek(&there).await, expected, "{key:?}");
            let other = there.1.entry::<u64>(&2).peek().await.unwrap();
            assert_eq!(other, (key == Some(1)).then_some(5), "{key:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn where_nothing_is_to_be_stored_an_update_invalidates() {
    on_every_store(async |[here, there]: [_; 2]| {
        let (cache, _) = &here;
        let mode = Mode {
            read: true,
            write: false,
        };
        let entry = there.1.entry::<u64>(&1);
        entry.put(&5).await.unwrap();
        let written = cache.with_mode(mode, write(&here, async { Ok(7) })).await;
        assert_eq!((written, peek(&there).await), (Ok(7), None));

        entry.put(&5).await.unwrap();
        let in_transaction = cache.after_commit(async {
            write(&here, async { Ok(7) }).await?;
            // In memory it is the same cache, which is in the transaction.
            let is_shared = cache.store_kind() != StoreKind::Memory;
            assert_eq!(entry.peek().await.unwrap(), is_shared.then_some(5));
            Written::Ok(8)
        });
        assert_eq!(in_transaction.await, Ok(8));
        assert_eq!(peek(&there).await, None);
    })
    .await;
}

/// A write may take long, and readers have to read a row all the same. Then what they store is gone after the write.
#[tokio::test]
async fn readers_do_not_wait_for_a_write() {
    on_every_store(async |[here, there]: [_; 2]| {
        for reader in [&here, &there] {
            reader.1.entry::<u64>(&1).invalidate().await.unwrap();
            let written = write(&here, async {
                let read = reader.1.get_with(&1, async || 6u64);
                let read = tokio::time::timeout(Duration::from_secs(1), read).await;
                assert_eq!(read, Ok(6));
                assert_eq!(peek(&here).await, Some(6));
                Ok(7)
            });
            assert_eq!(written.await, Ok(7));
            assert_eq!(peek(&here).await, None);
        }
    })
    .await;
}

/// For as long as it takes: a token is not lost in time.
#[tokio::test]
async fn a_long_write_updates_as_well() {
    let server = Server::start();
    let [here, there] = of_two_processes(Some(&server));
    there.1.entry::<u64>(&1).put(&5).await.unwrap();
    let written = write(&here, async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(there.1.get_with(&1, async || 6u64).await, 5, "a hit");
        Ok(7)
    });
    assert_eq!(written.await, Ok(7));
    assert_eq!(peek(&there).await, Some(7));
}
