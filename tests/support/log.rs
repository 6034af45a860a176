//! What the crate logs: its `tracing` events, of one thread or of the whole process.

use std::fmt::{self, Write as _};
use std::sync::{Arc, LazyLock, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

type Events = Arc<Mutex<Vec<(Level, String)>>>;

/// The events since its start, each with its level.
pub struct Log {
    events: Events,
    _guard: Option<DefaultGuard>,
}

impl Log {
    /// Collects what this thread logs.
    pub fn start() -> Self {
        // While there is only one, whatever another thread says first is off for all of them.
        static SECOND: LazyLock<Dispatch> =
            LazyLock::new(|| Dispatch::new(Collector(Arc::default())));
        LazyLock::force(&SECOND);
        let events = Events::default();
        let guard = tracing::subscriber::set_default(Collector(events.clone()));
        Self {
            events,
            _guard: Some(guard),
        }
    }

    /// Collects what all threads of this process log, until its end.
    pub fn of_process() -> Self {
        let events = Events::default();
        tracing::subscriber::set_global_default(Collector(events.clone())).unwrap();
        Self {
            events,
            _guard: None,
        }
    }

    /// Every event so far.
    pub fn events(&self) -> Vec<(Level, String)> {
        self.events.lock().unwrap().clone()
    }

    /// The events at this level that contain this text.
    pub fn said(&self, level: Level, part: &str) -> Vec<String> {
        let events = self.events.lock().unwrap();
        let wanted = |(at, text): &&(Level, String)| *at == level && text.contains(part);
        events
            .iter()
            .filter(wanted)
            .map(|(_, text)| text.clone())
            .collect()
    }
}

struct Collector(Events);

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("redis_func_cache")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let said = (*event.metadata().level(), text.0);
        self.0.lock().unwrap().push(said);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
