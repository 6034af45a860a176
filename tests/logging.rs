//! An outage is told once when it begins and once when it ends, and nothing secret is.

#[path = "faults/outage.rs"]
mod outage;
mod support;

use std::fmt::{self, Write as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use outage::Outage;
use support::trouble::{self, FROZEN, FULL, ROTATED_PASSWORD};
use support::{Server, check_pairs};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Every event of this process, as text.
static TOLD: Mutex<Vec<(Level, String)>> = Mutex::new(Vec::new());

struct Told;

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for Told {
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
        let level = *event.metadata().level();
        TOLD.lock().unwrap().push((level, text.0));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn told_since(first: usize, part: &str) -> Vec<String> {
    let told = TOLD.lock().unwrap();
    let texts = told[first..]
        .iter()
        .filter(|(level, _)| *level <= Level::INFO);
    texts
        .map(|(_, text)| text.clone())
        .filter(|text| text.contains(part))
        .collect()
}

#[tokio::test]
async fn outages_are_told_once_and_without_secrets() {
    tracing::subscriber::set_global_default(Told).unwrap();
    // Until the end: what is under way when one goes would be an outage of the next trouble.
    let mut servers = Vec::new();
    for (trouble, side) in [
        (FROZEN, "Read"),
        (FULL, "Write"),
        (ROTATED_PASSWORD, "Read"),
    ] {
        let server = Server::start();
        let outage = Outage::of(&trouble::url(&server, server.port())).await;
        let first = TOLD.lock().unwrap().len();
        let end = (trouble.begin)(&server);
        let until = Instant::now() + Duration::from_millis(1500);
        while Instant::now() < until {
            outage.misses(10).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The other side has breakers of its own, which may open too.
        let of_side = |part: &str| {
            let told = told_since(first, part).into_iter();
            let told = told.filter(|text| text.contains(&format!("side={side} ")));
            told.collect::<Vec<_>>()
        };
        let away = of_side("the store is away");
        assert_eq!(away.len(), 1, "{}: {away:?}", trouble.name);
        assert_eq!(of_side("answers again"), Vec::<String>::new());
        end(&server);
        let ended = Instant::now();
        while told_since(first, "answers again").len() < told_since(first, "is away").len() {
            assert!(
                ended.elapsed() < Duration::from_secs(15),
                "{}",
                trouble.name
            );
            outage.misses(1).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        outage.until_hits_return().await;
        let each = |part: &str| of_side(part).len();
        assert_eq!((each("is away"), each("answers again")), (1, 1));
        assert!(told_since(first, "").len() <= 8, "few words");
        check_pairs(&server);
        outage.cache.close().await;
        servers.push(server);
    }
    let told = TOLD.lock().unwrap();
    assert!(
        told.iter().all(|(_, text)| !text.contains("canary")),
        "{told:?}"
    );
}
