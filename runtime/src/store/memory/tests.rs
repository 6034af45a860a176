use super::*;
use crate::entry::header::UnstampedEntry;
use crate::key::digest::MethodKey;
use crate::key::tags::TagIds;

#[test]
fn an_entry_is_discarded_only_if_it_is_what_was_seen() {
    let pair = Pair::for_test("discard");
    let field = MethodKey::new("a::b", &[7; 20], "")
        .call(&mut |_| {})
        .unwrap()
        .field;
    let put = Put {
        field,
        entry: UnstampedEntry {
            head: [1; 4],
            // Too short to have an epoch.
            tail: vec![2; 31],
        },
        soft_ms: 0,
        hard_ms: 0,
        token: None,
        origin: Origin::default(),
        tags: TagIds::NONE,
        now: None,
    };
    let memory = Memory::new(Clock::default());
    let wait = Duration::from_secs(1);
    let entry = || {
        let wanted = EntryOf {
            field,
            method: pair.method,
            tags: TagIds::NONE,
        };
        pollster::block_on(memory.peek(&pair, wanted, wait))
            .unwrap()
            .entry
    };
    memory.put(&pair, put, PutDone::new(|stored| assert!(stored.is_ok())));
    let whole = entry().unwrap();
    let mut other = whole.to_vec();
    other[40] ^= 1;
    memory.discard(&pair, field, ExpectedEntry::Bytes(&other));
    memory.discard(&pair, field, ExpectedEntry::Bytes(&whole[1..]));
    memory.discard(&pair, field, ExpectedEntry::Length(whole.len() + 1));
    assert_eq!(entry().as_deref(), Some(&whole[..]));
    memory.discard(&pair, field, ExpectedEntry::Bytes(&whole));
    assert_eq!(entry(), None);
}
