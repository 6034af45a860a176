use super::*;

const CLIENT: ClientHeader = ClientHeader {
    codec: 1,
    flags: 0,
    identity: 0x1122_3344_5566_7788,
    method: 0x99aa_bbcc_ddee_ff00,
    cost_us: 1234,
};
const EPOCH: Epoch = Epoch([1, 2, 3, 4, 5, 6, 7, 255]);
const ORIGIN: Origin = Origin {
    epoch: EPOCH,
    began: 1 << 40 | 3,
};
const TIMES: Times = Times {
    created_ms: 1_700_000_000_123,
    soft_ms: 0,
    hard_ms: 1_700_000_300_123,
};

fn entry() -> Vec<u8> {
    entry_with(&Label::NONE, &[])
}

fn label() -> Label {
    Label::of(&|text| write!(text, "tenant/{:04}", 42)).unwrap()
}

fn entry_with(label: &Label, tags: &[TagId]) -> Vec<u8> {
    let mut tail = tail(label, tags);
    tail.extend_from_slice(b"payload");
    let mut flags = if tags.is_empty() { 0 } else { TAGGED };
    if label.as_str().is_some() {
        flags |= LABELED;
    }
    stamp(
        &close(ClientHeader { flags, ..CLIENT }, tail).unwrap(),
        TIMES,
        ORIGIN,
    )
}

#[test]
fn entry_bytes_are_golden() {
    let hex = |bytes: Vec<u8>| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let entries = [entry(), entry_with(&label(), &[7])].map(hex);
    assert_eq!(
        entries.join("\n"),
        include_str!("../../../../tests/golden/entry.hex").trim()
    );
}

#[test]
fn an_entry_is_read_back_whole() {
    let bytes = entry();
    let verified = verify(&bytes).unwrap();
    assert_eq!((verified.header, verified.times), (CLIENT, TIMES));
    assert_eq!(
        (verified.payload, verified.origin),
        (&b"payload"[..], ORIGIN)
    );
    assert_eq!(verified.value_tags().len(), 0);
    assert!(is_alive(&bytes, TIMES.hard_ms - 1) && !is_alive(&bytes, TIMES.hard_ms));
    assert_eq!(method_of(&bytes), Some(CLIENT.method));
    assert!(is_of_epoch(&bytes, Some(EPOCH)) && !is_of_epoch(&bytes, None));
    assert!(!is_of_epoch(&bytes, Some(Epoch::default())));
}

#[test]
fn tags_of_a_value_stand_before_its_payload() {
    for tags in [&[7][..], &[u64::MAX, 0, 5]] {
        let bytes = entry_with(&Label::NONE, tags);
        let verified = verify(&bytes).unwrap();
        assert_eq!(verified.value_tags().collect::<Vec<_>>(), tags);
        assert_eq!(
            (verified.payload, payload(&bytes)),
            (&b"payload"[..], &b"payload"[..])
        );
    }
    // Of more tags than there are bytes.
    let mut tail = tail(&Label::NONE, &[7]);
    tail[CLIENT_HEADER] = 2;
    let header = ClientHeader {
        flags: TAGGED,
        ..CLIENT
    };
    let bytes = stamp(&close(header, tail).unwrap(), TIMES, ORIGIN);
    assert_eq!((verify(&bytes), payload(&bytes)), (None, &[][..]));
}

#[test]
fn a_label_stands_first_and_changes_nothing_else() {
    for tags in [&[][..], &[7, 8]] {
        let bytes = entry_with(&label(), tags);
        assert_eq!(&bytes[HEADER..HEADER + 12], b"\x0btenant/0042");
        let verified = verify(&bytes).unwrap();
        assert_eq!(verified.label, b"tenant/0042");
        assert_eq!(verified.value_tags().collect::<Vec<_>>(), tags);
        assert_eq!(
            (verified.payload, payload(&bytes)),
            (&b"payload"[..], &b"payload"[..])
        );
    }
    // One that is longer than what there is, and none at all.
    for tail_of_label in [&b"\x05abcd"[..], b""] {
        let mut tail = vec![0; CLIENT_HEADER];
        tail.extend_from_slice(tail_of_label);
        let header = ClientHeader {
            flags: LABELED,
            ..CLIENT
        };
        let bytes = stamp(&close(header, tail).unwrap(), TIMES, ORIGIN);
        assert_eq!((verify(&bytes), payload(&bytes)), (None, &[][..]));
    }
}

#[test]
fn what_was_stamped_later_than_now_is_not_alive() {
    let bytes = entry();
    assert!(is_alive(&bytes, TIMES.created_ms - SKEW_MS));
    assert!(!is_alive(&bytes, TIMES.created_ms - SKEW_MS - 1));
}

#[test]
fn the_checksum_of_small_and_large_entries_is_one() {
    for length in [0, 1, 199, 200, 201, 400, 483, 484, 485, 600, 5000] {
        let payload = vec![7; length];
        let mut hasher = Xxh3::new();
        hasher.update(&[1, 2, 3, 4]);
        hasher.update(&[5; 24]);
        hasher.update(&payload);
        let checksum = checksum(&[1, 2, 3, 4], &[5; 24], &payload);
        assert_eq!(checksum, hasher.digest(), "{length}");
    }
}

#[test]
fn every_flipped_bit_cut_and_added_byte_is_noticed() {
    for bytes in [entry(), entry_with(&label(), &[7])] {
        is_noticed_if_changed(&bytes);
    }
}

fn is_noticed_if_changed(bytes: &[u8]) {
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(verify(&flipped), None, "bit {bit}");
    }
    for len in 0..bytes.len() {
        assert_eq!(verify(&bytes[..len]), None, "cut to {len}");
    }
    for more in 1..=8 {
        let mut longer = bytes.to_vec();
        longer.resize(bytes.len() + more, 0);
        assert_eq!(verify(&longer), None, "{more} more");
    }
}
