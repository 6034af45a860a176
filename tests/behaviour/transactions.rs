//! Real transactions, of `SQLite`, and a reader that stores the old row between a write and its commit.

use std::path::PathBuf;
use std::time::Duration;

use redis_func_cache::{Cache, CacheExt as _, cache_impl};
use rusqlite::{Connection, OptionalExtension as _, Result, params};
use support::{PATIENT, Server, unique};

/// A database in a file of its own, where readers see what was committed while a writer writes.
struct Database(PathBuf);

impl Database {
    fn new() -> Self {
        let file = std::env::temp_dir().join(unique("transactions"));
        let database = Self(file);
        let connection = database.connect();
        let schema =
            "PRAGMA journal_mode = wal; CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
            INSERT INTO users VALUES (1, 'Ann'), (2, 'Ben')";
        connection.execute_batch(schema).unwrap();
        database
    }

    fn connect(&self) -> Connection {
        let connection = Connection::open(&self.0).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            let mut file = self.0.clone().into_os_string();
            file.push(end);
            let _ = std::fs::remove_file(file);
        }
    }
}

struct Users;

#[cache_impl(ttl = "1h")]
impl Users {
    fn find(&self, #[cache_skip] within: &Connection, id: u64) -> Result<Option<String>> {
        let select = "SELECT name FROM users WHERE id = ?1";
        let row = within.query_row(select, [id], |row| row.get(0));
        row.optional()
    }

    fn named(&self, #[cache_skip] within: &Connection, name: &str) -> Result<Vec<u64>> {
        let mut select = within.prepare("SELECT id FROM users WHERE name = ?1 ORDER BY id")?;
        let rows = select.query_map([name], |row| row.get(0))?;
        rows.collect()
    }

    #[nocache]
    #[invalidates(find(id), named(..))]
    fn rename(&self, within: &Connection, id: u64, name: &str) -> Result<()> {
        let update = "UPDATE users SET name = ?2 WHERE id = ?1";
        within.execute(update, params![id, name]).map(drop)
    }
}

/// Two processes, each with a connection to one database.
struct Test {
    database: Database,
    cache: Cache,
    users: CachedUsers,
    elsewhere: CachedUsers,
}

fn on_every_store(test: impl Fn(Test)) {
    let of = |builders: [redis_func_cache::CacheBuilder; 2]| {
        let [cache, other] = builders.map(|builder| builder.deadline(PATIENT).build().unwrap());
        test(Test {
            database: Database::new(),
            users: Users.cached(&cache),
            elsewhere: Users.cached(&other),
            cache,
        });
    };
    for binary in support::binaries() {
        let server = Server::start_on(&binary);
        let name = unique("transactions");
        of([(); 2].map(|()| Cache::builder(&name).redis(server.url())));
    }
    let cache = Cache::builder(unique("transactions")).build().unwrap();
    test(Test {
        database: Database::new(),
        users: Users.cached(&cache),
        elsewhere: Users.cached(&cache),
        cache,
    });
}

impl Test {
    /// Renames, while another process reads between the write and the commit. Returns what that finds afterwards.
    fn rename(&self, in_a_scope: bool) -> Option<String> {
        let (mut writer, reader) = (self.database.connect(), self.database.connect());
        let read = || {
            let found = std::thread::scope(|scope| {
                // Of its own, for it is in no scope.
                let read = || self.elsewhere.find(&self.database.connect(), 1);
                scope.spawn(read).join().unwrap()
            });
            found.unwrap()
        };
        assert_eq!(read().as_deref(), Some("Ann"));
        let mut write = || {
            let transaction = writer.transaction()?;
            self.users.rename(&transaction, 1, "Anna")?;
            assert_eq!(read().as_deref(), Some("Ann"), "it is not committed");
            transaction.commit()
        };
        if in_a_scope {
            self.cache.after_commit_sync(write).unwrap();
        } else {
            write().unwrap();
        }
        self.elsewhere.find(&reader, 1).unwrap()
    }
}

#[test]
fn without_a_scope_a_reader_between_write_and_commit_stores_the_old_row() {
    on_every_store(|test| {
        assert_eq!(test.rename(false).as_deref(), Some("Ann"));
    });
}

#[test]
fn in_a_scope_the_old_row_is_dropped_after_the_commit() {
    on_every_store(|test| {
        assert_eq!(test.rename(true).as_deref(), Some("Anna"));
    });
}

#[test]
fn a_transaction_reads_what_it_has_written_and_no_one_else_does() {
    on_every_store(|test| {
        let reader = test.database.connect();
        for is_committed in [false, true] {
            let mut writer = test.database.connect();
            let ended = test.cache.after_commit_sync(|| {
                let transaction = writer.transaction().unwrap();
                let (users, elsewhere) = (&test.users, &test.elsewhere);
                assert!(users.named(&transaction, "Zoe").unwrap().is_empty());
                for id in [1, 2] {
                    users.rename(&transaction, id, "Zoe").unwrap();
                    let found = users.find(&transaction, id).unwrap();
                    assert_eq!(found.as_deref(), Some("Zoe"));
                }
                assert_eq!(users.named(&transaction, "Zoe").unwrap(), [1, 2]);
                std::thread::scope(|scope| {
                    let read = || {
                        let reader = test.database.connect();
                        elsewhere.named(&reader, "Zoe").unwrap()
                    };
                    assert!(scope.spawn(read).join().unwrap().is_empty());
                });
                if is_committed {
                    transaction.commit().map_err(drop)
                } else {
                    transaction.rollback().unwrap();
                    Err(())
                }
            });
            assert_eq!(ended.is_ok(), is_committed);
            let expected: &[u64] = if is_committed { &[1, 2] } else { &[] };
            for users in [&test.users, &test.elsewhere] {
                assert_eq!(users.named(&reader, "Zoe").unwrap(), expected);
            }
        }
    });
}

/// Writers, each in its own transaction, and readers all the while: at the end the cache holds what the database does.
#[test]
fn many_transactions_and_readers_leave_nothing_old() {
    on_every_store(|test| {
        let names = ["Cleo", "Dan", "Eve", "Finn"];
        std::thread::scope(|scope| {
            let test = &test;
            let writers = names.map(|name| {
                scope.spawn(move || {
                    let mut writer = test.database.connect();
                    for round in 0..12 {
                        let write = || {
                            let transaction = writer.transaction_with_behavior(
                                rusqlite::TransactionBehavior::Immediate,
                            )?;
                            test.users
                                .rename(&transaction, 1, &format!("{name} {round}"))?;
                            if round % 4 == 3 {
                                return transaction.rollback();
                            }
                            transaction.commit()
                        };
                        test.cache.after_commit_sync(write).unwrap();
                    }
                })
            });
            for _ in 0..3 {
                scope.spawn(move || {
                    let reader = test.database.connect();
                    for round in 0..200 {
                        let users = [&test.users, &test.elsewhere][round % 2];
                        users.find(&reader, 1).unwrap();
                    }
                });
            }
            for writer in writers {
                writer.join().unwrap();
            }
        });
        let reader = test.database.connect();
        let row = Users.find(&reader, 1).unwrap();
        for users in [&test.users, &test.elsewhere] {
            assert_eq!(users.find(&reader, 1).unwrap(), row);
        }
    });
}
