//! Several processes miss the same call at the same time.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs};

use futures_util::future::join_all;
use redis_func_cache::{Cache, CacheExt as _, cache_impl};
use rustix::process::{Pid, Signal, kill_process};
use support::{PATIENT, Server, check_pairs, eventually, unique};

const PROCESSES: usize = 4;
const CALLERS: usize = 100;
/// The method takes so long, but for the one that is to be killed or stopped.
const WORK: Duration = Duration::from_millis(200);

/// Each run leaves a file in a directory that all processes share, and ends by what that says.
#[derive(Debug)]
struct Repo {
    directory: PathBuf,
}

#[cache_impl]
impl Repo {
    /// Who it was that computed.
    async fn find(&self, _id: u64) -> u32 {
        let me = std::process::id();
        self.leave("run");
        if fs::remove_file(self.directory.join("hang")).is_ok() {
            fs::write(self.directory.join("leader"), me.to_string()).unwrap();
            while !self.directory.join("go").exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        } else {
            tokio::time::sleep(WORK).await;
        }
        me
    }

    /// Fails the first time.
    async fn falter(&self, _id: u64) -> Result<u32, ()> {
        let nth = self.leave("run");
        // Those who run it at the same time do not end at the same time.
        tokio::time::sleep(Duration::from_millis(20 + 10 * (nth % 3))).await;
        if fs::remove_file(self.directory.join("fail")).is_ok() {
            return Err(());
        }
        Ok(1)
    }
}

impl Repo {
    fn leave(&self, what: &str) -> u64 {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let (me, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        fs::write(self.directory.join(format!("{what}-{me}-{count}")), "").unwrap();
        count
    }
}

/// A place that processes share, gone at the end.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let path = env::temp_dir().join(unique("stampede"));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn runs(&self) -> usize {
        let files = fs::read_dir(&self.0).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("run-")).count()
    }

    fn say(&self, what: &str) {
        fs::write(self.0.join(what), "").unwrap();
    }

    fn leader(&self) -> u32 {
        let mut leader = None;
        eventually("a process leads", Duration::from_secs(20), || {
            let text = fs::read_to_string(self.0.join("leader")).unwrap_or_default();
            leader = text.parse().ok();
            leader.is_some()
        });
        leader.unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process that calls at a word, many times at once, and answers with what it was given.
struct Process(Child);

impl Process {
    /// All are ready, and none has called.
    fn start(url: &str, name: &str, place: &Place) -> Vec<Self> {
        let mut processes: Vec<_> = (0..PROCESSES)
            .map(|_| {
                let child = Command::new(env::current_exe().unwrap())
                    .args([
                        "--exact",
                        "stampede::one_of_four",
                        "--ignored",
                        "--nocapture",
                    ])
                    .env(PART, format!("{url} {name} {}", place.0.display()))
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .spawn();
                Self(child.unwrap())
            })
            .collect();
        for process in &mut processes {
            process.line("ready");
        }
        processes
    }

    fn go(&mut self) {
        let stdin = self.0.stdin.as_mut().unwrap();
        stdin.write_all(b"go\n").unwrap();
    }

    /// What its callers were given, and how long the slowest waited.
    fn answer(&mut self) -> (u32, Duration) {
        let line = self.line("given ");
        let (given, took_ms) = line.split_once(' ').unwrap();
        let took = Duration::from_millis(took_ms.trim().parse().unwrap());
        (given.parse().unwrap(), took)
    }

    fn line(&mut self, wanted: &str) -> String {
        let mut lines = BufReader::with_capacity(1, self.0.stdout.as_mut().unwrap());
        loop {
            let mut line = String::new();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "it ended");
            // The harness of tests writes to the same pipe, without ends of lines.
            if let Some((_, rest)) = line.split_once(wanted) {
                return rest.to_owned();
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// With the default deadline, a process that the machine keeps waiting goes on without the store, and computes alone.
fn build(name: &str, url: &str) -> Cache {
    let builder = Cache::builder(name).redis(url).deadline(PATIENT);
    builder.build().unwrap()
}

/// Names the variable that holds the part of a process.
const PART: &str = "REDIS_FUNC_CACHE_STAMPEDE";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "is a process of another test"]
async fn one_of_four() {
    let Ok(part) = env::var(PART) else { return };
    let words: Vec<&str> = part.split(' ').collect();
    let cache = build(words[1], words[0]);
    let directory = Path::new(words[2]).to_owned();
    let repo = Repo { directory }.cached(&cache);
    // The connection is there, if it can be.
    let _ = repo.entry().find(0).peek().await;
    println!("ready");
    let mut word = String::new();
    std::io::stdin().read_line(&mut word).unwrap();

    let began = Instant::now();
    let repo = Arc::new(repo);
    let calls = (0..CALLERS).map(|_| {
        let repo = repo.clone();
        tokio::spawn(async move { repo.find(1).await })
    });
    let given = join_all(calls.collect::<Vec<_>>()).await;
    let took = began.elapsed();
    let mut given: Vec<_> = given.into_iter().map(Result::unwrap).collect();
    given.sort_unstable();
    let common = given[CALLERS / 2];
    // Who led and was overtaken has a value of its own.
    let others = given.iter().filter(|one| **one != common).count();
    assert!(
        others <= 1,
        "{}: {others} callers were given other values than {common}: {given:?}, after {took:?}, {:?}",
        std::process::id(),
        cache.stats()
    );
    println!("given {common} {}", took.as_millis());
}

#[test]
fn a_miss_in_four_processes_runs_the_method_once() {
    let (server, place) = (Server::start(), Place::new());
    let mut processes = Process::start(&server.url(), &unique("stampede"), &place);
    processes.iter_mut().for_each(Process::go);
    let answers: Vec<_> = processes.iter_mut().map(Process::answer).collect();
    println!("{} runs for {answers:?}", place.runs());
    assert_eq!(place.runs(), 1);
    assert!(answers.iter().all(|(given, _)| *given == answers[0].0));
    check_pairs(&server);
}

#[test]
fn while_the_store_is_unavailable_each_process_runs_the_method_once() {
    let place = Place::new();
    let mut processes = Process::start("redis://127.0.0.1:1", "away", &place);
    processes.iter_mut().for_each(Process::go);
    for process in &mut processes {
        assert_eq!(process.answer().0, process.0.id());
    }
    assert_eq!(place.runs(), PROCESSES);
}

/// Starts four processes of which one leads and does not come to an end.
fn with_a_stuck_leader(server: &Server, name: &str, place: &Place) -> (Process, Vec<Process>) {
    let mut processes = Process::start(&server.url(), name, place);
    place.say("hang");
    processes.iter_mut().for_each(Process::go);
    let leader = place.leader();
    let nth = processes.iter().position(|one| one.0.id() == leader);
    (processes.swap_remove(nth.unwrap()), processes)
}

#[test]
fn a_killed_leader_costs_one_more_execution() {
    let (server, place) = (Server::start(), Place::new());
    let (leader, mut others) = with_a_stuck_leader(&server, &unique("stampede"), &place);
    leader.signal(Signal::KILL);
    for other in &mut others {
        let (given, took) = other.answer();
        assert_ne!(given, leader.0.id());
        assert!(took < Duration::from_secs(10), "{took:?}");
        println!("answered after {took:?}");
    }
    assert_eq!(place.runs(), 2);
    check_pairs(&server);
}

#[tokio::test]
async fn a_suspended_leader_never_overwrites_a_later_value() {
    let (server, place) = (Server::start(), Place::new());
    let name = unique("stampede");
    let (mut leader, mut others) = with_a_stuck_leader(&server, &name, &place);
    leader.signal(Signal::STOP);
    let later = others[0].answer().0;
    assert_ne!(later, leader.0.id());
    for other in &mut others[1..] {
        assert_eq!(other.answer().0, later);
    }
    place.say("go");
    leader.signal(Signal::CONT);
    assert_eq!(leader.answer().0, later, "its followers are given that too");

    let cache = build(&name, &server.url());
    let directory = place.0.clone();
    let repo = Repo { directory }.cached(&cache);
    assert_eq!(repo.find(1).await, later, "what was stored stays");
    assert_eq!(place.runs(), 2);
    check_pairs(&server);
}

#[test]
fn calls_that_wait_for_another_process_are_woken() {
    let (server, place) = (Server::start(), Place::new());
    let (mut leader, mut others) = with_a_stuck_leader(&server, &unique("stampede"), &place);
    // Long enough that pauses between looks are at their longest.
    std::thread::sleep(Duration::from_millis(50));
    place.say("go");
    let (given, _) = leader.answer();
    for other in &mut others {
        assert_eq!(other.answer().0, given);
    }
    assert_eq!(place.runs(), 1);
}

#[tokio::test]
async fn after_a_failure_only_a_few_calls_run_the_method() {
    let place = Place::new();
    place.say("fail");
    let cache = Cache::builder(unique("stampede")).build().unwrap();
    let directory = place.0.clone();
    let repo = Repo { directory }.cached(&cache);
    let calls = (0..40).map(|_| {
        let repo = repo.clone();
        tokio::spawn(async move { repo.falter(1).await })
    });
    let ended = join_all(calls.collect::<Vec<_>>()).await;
    let failed = ended
        .iter()
        .filter(|one| matches!(one, Ok(Err(()))))
        .count();
    assert_eq!(failed, 1);
    assert!(place.runs() <= 4, "{} runs", place.runs());
}
