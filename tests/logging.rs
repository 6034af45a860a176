//! An outage is logged once when it begins and once when it ends, without secrets.

use std::time::{Duration, Instant};

use support::log::Log;
use support::outage::Outage;
use support::trouble::{self, FROZEN, FULL, ROTATED_PASSWORD};
use support::{Server, check_pairs};
use tracing::Level;

/// Events at `info` and above that contain this text, without the first ones.
fn logged_since(log: &Log, first: usize, part: &str) -> Vec<String> {
    let events = log.events().into_iter().skip(first);
    events
        .filter(|(level, text)| *level <= Level::INFO && text.contains(part))
        .map(|(_, text)| text)
        .collect()
}

#[tokio::test]
async fn outages_are_logged_once_and_without_secrets() {
    let log = Log::of_process();
    // Until the end: what is under way when one goes would be an outage of the next trouble.
    let mut servers = Vec::new();
    for (trouble, side) in [
        (FROZEN, "Read"),
        (FULL, "Write"),
        (ROTATED_PASSWORD, "Read"),
    ] {
        let server = Server::start();
        let outage = Outage::of(&trouble::url(&server, server.port())).await;
        let first = log.events().len();
        let end = (trouble.begin)(&server);
        let until = Instant::now() + Duration::from_millis(1500);
        while Instant::now() < until {
            outage.misses(10).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The other side has breakers of its own, which may open too.
        let of_side = |part: &str| {
            let mut logged = logged_since(&log, first, part);
            logged.retain(|text| text.contains(&format!("side={side} ")));
            logged
        };
        let away = of_side("circuit breaker opened");
        assert_eq!(away.len(), 1, "{}: {away:?}", trouble.name);
        assert_eq!(of_side("answers again"), Vec::<String>::new());
        end(&server);
        let ended = Instant::now();
        while logged_since(&log, first, "answers again").len()
            < logged_since(&log, first, "circuit breaker opened").len()
        {
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
        assert_eq!(
            (each("circuit breaker opened"), each("answers again")),
            (1, 1)
        );
        assert!(logged_since(&log, first, "").len() <= 8, "few words");
        check_pairs(&server);
        outage.cache.close().await;
        servers.push(server);
    }
    let events = log.events();
    assert!(
        events.iter().all(|(_, text)| !text.contains("canary")),
        "{events:?}"
    );
}
