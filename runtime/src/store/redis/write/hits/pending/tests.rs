use super::*;

fn field(n: u64) -> Field {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    Field(bytes)
}

/// All that a flush sends.
fn flush(pending: &mut PendingHits, significance: Significance) -> Vec<(Field, FieldHits)> {
    assert_eq!(pending.start_sending(significance), 0);
    std::iter::from_fn(|| Some(pending.step(significance)).filter(|step| !step.is_empty()))
        .flatten()
        .collect()
}

#[test]
fn a_put_sends_the_hits_in_flight_and_those_that_came_since() {
    for significance in [
        Significance::Each,
        Significance::Instant,
        Significance::Count,
    ] {
        let mut pending = PendingHits::default();
        (0..500).for_each(|n| pending.record(significance, field(n), n + 1, 1));
        assert_eq!(pending.start_sending(significance), 0);
        let mut sent = pending.step(significance);
        assert!(!sent.is_empty() && sent.len() < 500);
        (400..600).for_each(|n| pending.record(significance, field(n), 1000 + n, 2));
        let taken = pending.take(significance);
        assert!(pending.step(significance).is_empty() && pending.take(significance).is_empty());
        let last: Vec<_> = taken[taken.len() - 200..]
            .iter()
            .map(|(field, _)| *field)
            .collect();
        assert_eq!(last, (400..600).map(field).collect::<Vec<_>>());
        sent.extend(taken);
        let hits: u64 = sent.iter().map(|(_, hits)| hits.hits).sum();
        assert_eq!(hits, 500 + 2 * 200);
    }
}

#[test]
fn hits_that_the_server_does_not_take_are_dropped_and_counted() {
    for significance in [
        Significance::Each,
        Significance::Instant,
        Significance::Count,
    ] {
        let mut pending = PendingHits::default();
        (0..1200).for_each(|n| pending.record(significance, field(n), n + 1, 1));
        assert_eq!(pending.start_sending(significance), 0);
        (0..50).for_each(|n| pending.record(significance, field(n), 2000 + n, 1));
        assert_eq!(pending.start_sending(significance), 50);
        assert_eq!(pending.due(), 0);
        assert_eq!(pending.drop_rest(), 1200);
    }
}

#[test]
fn an_instant_waits_while_it_is_close_to_the_last_one_sent() {
    let mut pending = PendingHits::default();
    let (significance, start) = (Significance::Instant, 1_000_000_000);
    pending.record(significance, field(1), start, 1);
    assert_eq!(flush(&mut pending, significance).len(), 1);
    // Nothing is known of the pair: each instant is sent.
    pending.record(significance, field(1), start + 1, 1);
    assert_eq!(flush(&mut pending, significance).len(), 1);
    pending.observe_oldest(start + 1 - 64_000);
    pending.record(significance, field(1), start + 1000, 1);
    assert!(flush(&mut pending, significance).is_empty());
    pending.record(significance, field(2), start + 1000, 1);
    pending.record(significance, field(1), start + 1001, 1);
    let sent = flush(&mut pending, significance);
    assert_eq!(sent.len(), 2);
    assert!(sent.iter().any(|(_, hits)| hits.now_us == start + 1001));
    // However old the pair is, to a second.
    pending.observe_oldest(0);
    pending.record(significance, field(1), start + 1_001_000, 1);
    assert!(flush(&mut pending, significance).is_empty());
    pending.record(significance, field(1), start + 1_001_001, 1);
    assert_eq!(flush(&mut pending, significance).len(), 1);
}

#[test]
fn counts_wait_until_they_are_a_quarter_of_what_was_sent() {
    let (mut pending, mut sent, mut flushes) = (PendingHits::default(), 0, 0);
    for hits in 1..=1600_u64 {
        pending.record(Significance::Count, field(1), hits, 1);
        let now: u64 = flush(&mut pending, Significance::Count)
            .iter()
            .map(|(_, hits)| hits.hits)
            .sum();
        sent += now;
        flushes += u64::from(now > 0);
        assert!((hits - sent) * PART_OF_HITS <= sent, "{sent} of {hits}");
    }
    assert!(flushes < 40, "{flushes}");
    let rest = pending.take(Significance::Count);
    assert_eq!(sent + rest[0].1.hits, 1600, "a put sends what waits");
}

#[test]
fn a_sweep_sends_waiting_hits_and_forgets_idle_fields() {
    let mut pending = PendingHits::default();
    pending.record(Significance::Count, field(1), 1, 100);
    assert_eq!(flush(&mut pending, Significance::Count).len(), 1);
    pending.record(Significance::Count, field(1), 2, 1);
    assert_eq!(pending.due(), 0);
    assert!(pending.sweep());
    let swept = flush(&mut pending, Significance::Count);
    assert_eq!(swept[0].1.hits, 1);
    assert!(pending.sweep(), "it may be hit again");
    assert!(!pending.sweep());
    assert!(pending.by_field.is_empty());
}

#[test]
fn a_script_gets_a_bounded_number_and_the_rest_is_due() {
    let significance = Significance::Count;
    let mut pending = PendingHits::default();
    let fields = 3 * MOST as u64;
    (0..fields).for_each(|n| pending.record(significance, field(n), 1, 100));
    flush(&mut pending, significance);
    (0..fields).for_each(|n| pending.record(significance, field(n), 2, 1));
    pending.record(significance, field(7), 2, 100);
    assert_eq!(pending.due(), 1);
    let taken = pending.take(significance);
    assert_eq!(taken.len(), 1 + MOST);
    assert_eq!(
        taken.last().unwrap().0,
        field(7),
        "what is due comes last of all"
    );
    assert_eq!(pending.due(), 2 * MOST - 1);
    pending.record(significance, field(8), 3, 1);
    let rest: u64 = flush(&mut pending, significance)
        .iter()
        .map(|(_, hits)| hits.hits)
        .sum();
    let taken: u64 = taken.iter().map(|(_, hits)| hits.hits).sum();
    let last: u64 = pending
        .take(significance)
        .iter()
        .map(|(_, hits)| hits.hits)
        .sum();
    assert_eq!(taken + rest + last, fields + 101);
    assert!(pending.take(significance).is_empty());
}

#[test]
fn a_new_entry_resets_what_was_sent() {
    let mut pending = PendingHits::default();
    pending.record(Significance::Count, field(1), 1, 100);
    pending.take(Significance::Count);
    pending.reset(field(1));
    pending.record(Significance::Count, field(1), 2, 1);
    assert_eq!(pending.due(), 1);
}

#[test]
fn remembered_fields_are_bounded() {
    let mut pending = PendingHits::default();
    for n in 0..3 * REMEMBERED as u64 {
        pending.record(Significance::Count, field(n), 1, 1);
        if pending.due() >= MOST {
            flush(&mut pending, Significance::Count);
        }
        assert!(pending.by_field.len() <= REMEMBERED + MOST);
        assert!(pending.tracked.len() <= REMEMBERED + MOST);
    }
}

#[test]
fn fields_that_come_and_go_without_a_put_are_forgotten() {
    for significance in [Significance::Instant, Significance::Count] {
        let mut pending = PendingHits::default();
        for second in 0..200 {
            // So few that the flushes never forget them all.
            for n in 0..500 {
                pending.record(significance, field(500 * second + n), 1 + second, 1);
            }
            flush(&mut pending, significance);
            assert!(pending.sweep());
            assert!(pending.by_field.len() <= 2000, "{}", pending.by_field.len());
            assert!(pending.tracked.len() <= 2000, "{}", pending.tracked.len());
        }
    }
}

#[test]
fn hits_that_wait_go_along_with_a_put_once_in_a_while() {
    let mut pending = PendingHits::default();
    let significance = Significance::Instant;
    let hit = |pending: &mut PendingHits, n: u64, at_us: u64| {
        pending.record(significance, field(n), at_us, 1);
    };
    for n in 0..3 {
        hit(&mut pending, n, 100_000_000);
    }
    assert_eq!(flush(&mut pending, significance).len(), 3);
    pending.observe_oldest(0);
    let put = Instant::now();
    // These are close to the ones that were sent: they wait.
    hit(&mut pending, 0, 100_000_001);
    assert_eq!(pending.take_for_put(significance, put).len(), 1);
    hit(&mut pending, 1, 100_000_002);
    // This one is the first on its field.
    hit(&mut pending, 7, 100_000_003);
    let taken = pending.take_for_put(significance, put + BETWEEN_PUTS / 2);
    assert_eq!(
        taken.iter().map(|(field, _)| *field).collect::<Vec<_>>(),
        [field(7)]
    );
    let taken = pending.take_for_put(significance, put + BETWEEN_PUTS);
    assert_eq!(
        taken.iter().map(|(field, _)| *field).collect::<Vec<_>>(),
        [field(1)]
    );
}
