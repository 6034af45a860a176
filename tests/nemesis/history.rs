//! What happened, one line an event, written as it happens: a process may be killed at any time.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::ops::Op;

/// Microseconds on a clock that all processes of a machine share.
pub fn now_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap() * 1_000_000 + u64::try_from(now.tv_nsec).unwrap() / 1_000
}

/// A computation: of which process, and which of its computations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RunId {
    pub process: u32,
    pub sequence: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Method {
    Find,
    Fetch,
    Look,
    Keep,
}

impl Method {
    pub const ALL: [Self; 4] = [Self::Find, Self::Fetch, Self::Look, Self::Keep];
}

/// Which of the two builds a process runs.
pub fn build_of(process: u32) -> u32 {
    process % 2
}

/// What a value answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Question {
    pub method: Method,
    pub key: u32,
}

/// Questions of one group have a tag in common.
const GROUPS: u32 = 4;

impl Question {
    pub fn group(self) -> u32 {
        self.key % GROUPS
    }
}

/// What the cached methods return: it says where it comes from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    pub question: Question,
    pub run: RunId,
    pub started_us: u64,
    pub filler: String,
}

impl Value {
    pub fn new(question: Question, run: RunId, started_us: u64) -> Self {
        Self {
            question,
            run,
            started_us,
            filler: Self::filler(question, run),
        }
    }

    pub fn is_whole(&self) -> bool {
        self.filler == Self::filler(self.question, self.run)
    }

    /// Of any length, so that bytes of one value in the place of another's are seen.
    fn filler(question: Question, run: RunId) -> String {
        let word = format!("{question:?}{}.{} ", run.process, run.sequence);
        let times = 1 + (run.sequence * 7 + u64::from(question.key)) % 9;
        word.repeat(usize::try_from(times).unwrap())
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            question,
            run,
            started_us,
            ..
        } = self;
        write!(f, "the value of {question:?} by {run:?} from {started_us}")
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Value(Value),
    /// It is done; a peek found nothing.
    Done,
    /// The store did not do it, or that is unknown.
    Refused,
    Failed(RunId),
    Panicked(RunId),
    /// What no method of ours said.
    Foreign(String),
    Cancelled,
}

/// On whose behalf a method runs. A value that a handle puts counts as a run as well, and so does what a method writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum By {
    Call,
    Refresh,
    Put,
    /// Read beside the cache, under a token.
    Token,
    /// Inside a transaction that has written its key.
    Transaction,
    Update,
    Write,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    Returned,
    Failed,
    Panicked,
    /// Dropped before its end.
    Gone,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Event {
    Invoked {
        call: u64,
        op: Op,
        question: Question,
    },
    Returned {
        call: u64,
        outcome: Outcome,
        /// The store did not do something that was asked of it.
        troubled: bool,
    },
    /// What a call was to change has changed.
    Changed {
        call: u64,
    },
    Started {
        sequence: u64,
        by: By,
        call: Option<u64>,
        question: Question,
    },
    Ended {
        sequence: u64,
        end: End,
    },
    /// The cache of the process was closed, with these counters.
    Closed {
        queued: u64,
        lost: u64,
    },
}

#[derive(Debug, Clone)]
pub struct Call {
    pub process: u32,
    pub op: Op,
    pub question: Question,
    pub invoked_us: u64,
    /// When values became wrong that had been computed before.
    pub changed_us: Option<u64>,
    /// The store did not do something that was asked of it.
    pub troubled: bool,
    pub returned: Option<(u64, Outcome)>,
}

impl Call {
    /// Whether its invalidations may be under way after it has ended.
    pub fn may_be_queued(&self) -> bool {
        let has_ended =
            matches!(&self.returned, Some((_, outcome)) if *outcome != Outcome::Cancelled);
        self.op.is_declared() && (self.troubled || !has_ended)
    }
}

#[derive(Debug, Clone)]
pub struct Run {
    pub by: By,
    pub question: Question,
    /// When the call that it is for began.
    pub asked_us: Option<u64>,
    pub started_us: u64,
    pub ended: Option<(u64, End)>,
    /// Its call was in trouble with the store, which may not know of it.
    pub unfenced: bool,
}

/// What the nemesis broke, and until when.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fault {
    pub name: String,
    pub from_us: u64,
    pub until_us: u64,
    /// Commands that were sent wait, and are executed later.
    pub delays: bool,
    /// What the server held is gone, or not where it was.
    pub loses: bool,
    /// This process stood still, or was killed.
    pub process: Option<u32>,
    pub kills: bool,
}

#[derive(Debug, Clone, Default)]
pub struct History {
    pub calls: Vec<Call>,
    pub runs: HashMap<RunId, Run>,
    pub faults: Vec<Fault>,
    /// Of the processes that were not killed.
    pub closed: HashMap<u32, Closed>,
}

#[derive(Debug, Clone, Copy)]
pub struct Closed {
    pub at_us: u64,
    pub queued: u64,
    pub lost: u64,
}

/// The file of one process.
#[derive(Debug)]
pub struct Log(Mutex<File>);

impl Log {
    pub fn create(directory: &Path, process: u32) -> Self {
        let path = directory.join(format!("process-{process}.jsonl"));
        let file = OpenOptions::new().create_new(true).append(true).open(path);
        Self(Mutex::new(file.unwrap()))
    }

    /// Of what no rule looks at.
    pub fn scratch(directory: &Path) -> Self {
        Self(Mutex::new(File::create(directory.join("scratch")).unwrap()))
    }

    /// Writes an event at once, and returns its instant.
    pub fn write(&self, event: &Event) -> u64 {
        let mut file = self.0.lock().unwrap();
        let now_us = now_us();
        let mut line = serde_json::to_vec(&(now_us, event)).unwrap();
        line.push(b'\n');
        file.write_all(&line).unwrap();
        now_us
    }
}

impl History {
    pub fn read(directory: &Path, processes: u32) -> Self {
        let mut history = Self::default();
        for process in 0..processes {
            let path = directory.join(format!("process-{process}.jsonl"));
            // Killed before it began.
            let text = fs::read_to_string(path).unwrap_or_default();
            history.add(process, &text);
        }
        history
    }

    fn add(&mut self, process: u32, text: &str) {
        let mut open = HashMap::new();
        let mut runs_of = HashMap::<u64, Vec<RunId>>::new();
        for line in text.split_inclusive('\n') {
            // A killed process leaves half a line at most, at the end.
            if !line.ends_with('\n') {
                break;
            }
            let (at_us, event): (u64, Event) = serde_json::from_str(line).unwrap();
            match event {
                Event::Invoked { call, op, question } => {
                    open.insert(call, self.calls.len());
                    self.calls.push(Call {
                        process,
                        op,
                        question,
                        invoked_us: at_us,
                        changed_us: None,
                        troubled: false,
                        returned: None,
                    });
                }
                Event::Returned {
                    call,
                    outcome,
                    troubled,
                } => {
                    let returned = &mut self.calls[open[&call]];
                    returned.returned = Some((at_us, outcome));
                    returned.troubled = troubled;
                    for run in runs_of.remove(&call).unwrap_or_default() {
                        self.runs.get_mut(&run).unwrap().unfenced = troubled;
                    }
                }
                Event::Changed { call } => self.calls[open[&call]].changed_us = Some(at_us),
                Event::Closed { queued, lost } => {
                    let closed = Closed {
                        at_us,
                        queued,
                        lost,
                    };
                    self.closed.insert(process, closed);
                }
                Event::Started {
                    sequence,
                    by,
                    call,
                    question,
                } => {
                    let id = RunId { process, sequence };
                    let asked_us = call.map(|call| {
                        runs_of.entry(call).or_default().push(id);
                        self.calls[open[&call]].invoked_us
                    });
                    let run = Run {
                        by,
                        question,
                        asked_us,
                        started_us: at_us,
                        ended: None,
                        unfenced: false,
                    };
                    self.runs.insert(id, run);
                }
                Event::Ended { sequence, end } => {
                    let id = RunId { process, sequence };
                    self.runs.get_mut(&id).unwrap().ended = Some((at_us, end));
                }
            }
        }
    }
}
