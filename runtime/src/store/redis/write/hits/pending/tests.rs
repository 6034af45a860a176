use super::*;

fn field(n: u64) -> Field {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    Field(bytes)
}

/// All that a flush sends.
fn flush(touches: &mut Touches, worth: Worth) -> Vec<(Field, Touched)> {
    assert_eq!(touches.start_leaving(worth), 0);
    std::iter::from_fn(|| Some(touches.step(worth)).filter(|step| !step.is_empty()))
        .flatten()
        .collect()
}

#[test]
fn a_put_takes_along_what_is_leaving_in_steps_and_what_came_since() {
    for worth in [Worth::Each, Worth::Instant, Worth::Count] {
        let mut touches = Touches::default();
        (0..500).for_each(|n| touches.record(worth, field(n), n + 1, 1));
        assert_eq!(touches.start_leaving(worth), 0);
        let mut sent = touches.step(worth);
        assert!(!sent.is_empty() && sent.len() < 500);
        (400..600).for_each(|n| touches.record(worth, field(n), 1000 + n, 2));
        let taken = touches.take(worth);
        assert!(touches.step(worth).is_empty() && touches.take(worth).is_empty());
        let last: Vec<_> = taken[taken.len() - 200..]
            .iter()
            .map(|(field, _)| *field)
            .collect();
        assert_eq!(last, (400..600).map(field).collect::<Vec<_>>());
        sent.extend(taken);
        let hits: u64 = sent.iter().map(|(_, touched)| touched.hits).sum();
        assert_eq!(hits, 500 + 2 * 200);
    }
}

#[test]
fn hits_that_the_server_does_not_take_are_dropped_and_counted() {
    for worth in [Worth::Each, Worth::Instant, Worth::Count] {
        let mut touches = Touches::default();
        (0..1200).for_each(|n| touches.record(worth, field(n), n + 1, 1));
        assert_eq!(touches.start_leaving(worth), 0);
        (0..50).for_each(|n| touches.record(worth, field(n), 2000 + n, 1));
        assert_eq!(touches.start_leaving(worth), 50);
        assert_eq!(touches.due(), 0);
        assert_eq!(touches.drop_rest(), 1200);
    }
}

#[test]
fn an_instant_waits_while_it_is_near_the_last_one_sent_by_the_age_of_the_oldest() {
    let mut touches = Touches::default();
    let (worth, start) = (Worth::Instant, 1_000_000_000);
    touches.record(worth, field(1), start, 1);
    assert_eq!(flush(&mut touches, worth).len(), 1);
    // Nothing is known of the pair: each instant is sent.
    touches.record(worth, field(1), start + 1, 1);
    assert_eq!(flush(&mut touches, worth).len(), 1);
    touches.saw_oldest(start + 1 - 64_000);
    touches.record(worth, field(1), start + 1000, 1);
    assert!(flush(&mut touches, worth).is_empty());
    touches.record(worth, field(2), start + 1000, 1);
    touches.record(worth, field(1), start + 1001, 1);
    let sent = flush(&mut touches, worth);
    assert_eq!(sent.len(), 2);
    assert!(
        sent.iter()
            .any(|(_, touched)| touched.now_us == start + 1001)
    );
    // However old the pair is, to a second.
    touches.saw_oldest(0);
    touches.record(worth, field(1), start + 1_001_000, 1);
    assert!(flush(&mut touches, worth).is_empty());
    touches.record(worth, field(1), start + 1_001_001, 1);
    assert_eq!(flush(&mut touches, worth).len(), 1);
}

#[test]
fn counts_wait_until_they_are_a_quarter_of_what_was_sent() {
    let (mut touches, mut sent, mut flushes) = (Touches::default(), 0, 0);
    for hits in 1..=1600_u64 {
        touches.record(Worth::Count, field(1), hits, 1);
        let now: u64 = flush(&mut touches, Worth::Count)
            .iter()
            .map(|(_, touched)| touched.hits)
            .sum();
        sent += now;
        flushes += u64::from(now > 0);
        assert!((hits - sent) * PART_OF_HITS <= sent, "{sent} of {hits}");
    }
    assert!(flushes < 40, "{flushes}");
    let rest = touches.take(Worth::Count);
    assert_eq!(sent + rest[0].1.hits, 1600, "a put takes along what waits");
}

#[test]
fn a_sweep_sends_what_waits_and_forgets_what_is_idle() {
    let mut touches = Touches::default();
    touches.record(Worth::Count, field(1), 1, 100);
    assert_eq!(flush(&mut touches, Worth::Count).len(), 1);
    touches.record(Worth::Count, field(1), 2, 1);
    assert_eq!(touches.due(), 0);
    assert!(touches.sweep());
    let swept = flush(&mut touches, Worth::Count);
    assert_eq!(swept[0].1.hits, 1);
    assert!(touches.sweep(), "it may be hit again");
    assert!(!touches.sweep());
    assert!(touches.by_field.is_empty());
}

#[test]
fn a_script_is_given_so_many_and_the_rest_is_due() {
    let worth = Worth::Count;
    let mut touches = Touches::default();
    let fields = 3 * MOST as u64;
    (0..fields).for_each(|n| touches.record(worth, field(n), 1, 100));
    flush(&mut touches, worth);
    (0..fields).for_each(|n| touches.record(worth, field(n), 2, 1));
    touches.record(worth, field(7), 2, 100);
    assert_eq!(touches.due(), 1);
    let taken = touches.take(worth);
    assert_eq!(taken.len(), 1 + MOST);
    assert_eq!(
        taken.last().unwrap().0,
        field(7),
        "what is due goes first of all"
    );
    assert_eq!(touches.due(), 2 * MOST - 1);
    touches.record(worth, field(8), 3, 1);
    let rest: u64 = flush(&mut touches, worth)
        .iter()
        .map(|(_, touched)| touched.hits)
        .sum();
    let taken: u64 = taken.iter().map(|(_, touched)| touched.hits).sum();
    let last: u64 = touches
        .take(worth)
        .iter()
        .map(|(_, touched)| touched.hits)
        .sum();
    assert_eq!(taken + rest + last, fields + 101);
    assert!(touches.take(worth).is_empty());
}

#[test]
fn a_new_entry_starts_anew() {
    let mut touches = Touches::default();
    touches.record(Worth::Count, field(1), 1, 100);
    touches.take(Worth::Count);
    touches.starts_anew(field(1));
    touches.record(Worth::Count, field(1), 2, 1);
    assert_eq!(touches.due(), 1);
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut touches = Touches::default();
    for n in 0..3 * REMEMBERED as u64 {
        touches.record(Worth::Count, field(n), 1, 1);
        if touches.due() >= MOST {
            flush(&mut touches, Worth::Count);
        }
        assert!(touches.by_field.len() <= REMEMBERED + MOST);
        assert!(touches.listed.len() <= REMEMBERED + MOST);
    }
}

#[test]
fn fields_that_come_and_go_without_a_put_are_forgotten() {
    for worth in [Worth::Instant, Worth::Count] {
        let mut touches = Touches::default();
        for second in 0..200 {
            // So few that the flushes never forget them all.
            for n in 0..500 {
                touches.record(worth, field(500 * second + n), 1 + second, 1);
            }
            flush(&mut touches, worth);
            assert!(touches.sweep());
            assert!(touches.by_field.len() <= 2000, "{}", touches.by_field.len());
            assert!(touches.listed.len() <= 2000, "{}", touches.listed.len());
        }
    }
}
