//! Whatever bytes stand in the store, reading them is no panic, no overflow of a small stack, no
//! great use of memory, and no answer of another call.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use peak_alloc::PeakAlloc;
use redis_func_cache::private::{Call, Method, Options, engine, read_entry, write_entry};
use redis_func_cache::{Cache, Codec, CodecError, SealKeys, Value, ValueCodec, erased_serde};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

const MIB: usize = 1 << 20;
const HEADER: usize = 80;
/// As small as threads are made that do real work.
const STACK: usize = 256 << 10;
/// Nodes of a tree that every codec reads on such a stack, also without optimisation.
const READABLE: usize = 5;

static METHOD: Method = Method::new("hostile::Repo::find", "Repo::find", [7; 20], Options::NONE);

fn call(cache: &Cache, id: u64) -> Call<'_> {
    Call::of_entry(engine(cache), &METHOD, |writer| writer.add(&id))
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Tree {
    Leaf,
    Node(Vec<Tree>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    Tuple(i64, String),
    Struct { x: f64 },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Record {
    id: u32,
    name: String,
    tags: Vec<String>,
    kinds: Vec<Kind>,
    maybe: Option<u32>,
    map: BTreeMap<String, i32>,
    bytes: Vec<u8>,
    pair: (u8, char),
}

/// Whatever else stands in the payload is skipped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Few {
    #[serde(default)]
    a: u8,
}

fn record(id: u32) -> Record {
    Record {
        id,
        name: format!("name-{id}-ünïcode"),
        tags: vec!["a".into(), String::new()],
        kinds: vec![
            Kind::Unit,
            Kind::Tuple(-5, "t".into()),
            Kind::Struct { x: 1.5 },
        ],
        maybe: Some(7),
        map: [("k".to_owned(), -1), ("l".to_owned(), 2)].into(),
        bytes: vec![0, 255, 7],
        pair: (255, 'ß'),
    }
}

fn tree(depth: usize) -> Tree {
    (0..depth).fold(Tree::Leaf, |inner, _| Tree::Node(vec![inner]))
}

/// A codec that takes no care of its own.
struct Careless;

impl ValueCodec for Careless {
    fn encode(
        &self,
        value: &dyn erased_serde::Serialize,
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        *out = postcard::to_extend(value, std::mem::take(out))?;
        Ok(())
    }

    fn decode(
        &self,
        payload: &[u8],
        read: &mut dyn FnMut(
            &mut dyn erased_serde::Deserializer<'_>,
        ) -> Result<(), erased_serde::Error>,
    ) -> Result<(), CodecError> {
        let mut postcard = postcard::Deserializer::from_bytes(payload);
        read(&mut <dyn erased_serde::Deserializer<'_>>::erase(
            &mut postcard,
        ))?;
        match postcard.finalize()? {
            [] => Ok(()),
            _ => Err("bytes behind the value".into()),
        }
    }
}

const CODECS: [&str; 7] = ["cbor", "json", "msgpack", "bson", "yaml", "postcard", "own"];

fn codec(name: &str) -> Codec {
    match name {
        "cbor" => Codec::Cbor,
        "json" => Codec::Json,
        "msgpack" => Codec::MsgPack,
        "bson" => Codec::Bson,
        "yaml" => Codec::Yaml,
        "postcard" => Codec::Postcard,
        _ => Codec::custom(200, Careless).unwrap(),
    }
}

fn cache(codec_name: &str) -> Cache {
    Cache::builder("mutations")
        .codec(codec(codec_name))
        .build()
        .unwrap()
}

/// An entry with another payload, and a header that vouches for it.
fn vouched(entry: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = entry[..HEADER].to_vec();
    bytes[68..72].copy_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
    let mut checked = bytes[0..4].to_vec();
    checked.extend_from_slice(&bytes[48..72]);
    checked.extend_from_slice(payload);
    bytes[72..80].copy_from_slice(&xxh3_64(&checked).to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Seeded: the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n.max(1)).unwrap()).unwrap()
    }

    /// One change, or several.
    fn mutate(&mut self, bytes: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            match self.below(10) {
                0..=2 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                3 => bytes.truncate(at),
                4 => bytes.extend((0..=self.below(9)).map(|_| 0xff)),
                5 => {
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[self.below(other.len())..]);
                }
                // Where lengths are, they are of these widths.
                6 | 7 => {
                    let wide = [1, 2, 4, 8][self.below(4)];
                    let value = [0, 1, 0x7f, 0xff, 0xffff, 1 << 31, u64::MAX][self.below(7)];
                    let end = bytes.len().min(at + wide);
                    let value = value.to_be_bytes();
                    let from = value.len() - (end - at);
                    bytes[at..end].copy_from_slice(&value[from..]);
                }
                8 => {
                    let token = self.below(TOKENS.len());
                    let many = [1, 1, 3, 200][self.below(4)];
                    let tokens = TOKENS[token].repeat(many);
                    bytes.splice(at..at, tokens);
                }
                _ if !bytes.is_empty() => bytes[at] = self.next().to_le_bytes()[0],
                _ => bytes.push(0),
            }
        }
        bytes
    }
}

/// What means something to one codec or another.
const TOKENS: &[&[u8]] = &[
    b"[",
    b"{\"a\":",
    b"- ",
    b"&a [",
    b"*a",
    b"!!",
    b"? ",
    b"\x81",
    b"\xa1\x61\x61",
    b"\xc1",
    b"\x9f",
    b"\x5f",
    b"\x91",
    b"\xdd\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\x01\x01",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\x03a\0",
];

static TRIED: AtomicU64 = AtomicU64::new(0);
static PANICS: AtomicU64 = AtomicU64::new(0);

/// Both tests look at what the whole process allocates.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn on_a_small_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        thread.spawn_scoped(scope, work).unwrap().join().unwrap()
    })
}

/// Holds mutations of two entries against the calls they belong to.
fn attack<T: Value + PartialEq + Debug>(
    cache: &Cache,
    what: &str,
    values: &[T; 2],
    seed: u64,
    n: u64,
) {
    let entries = [0, 1].map(|id| write_entry(call(cache, id), &values[usize::from(id == 1)]));
    let [a, b] = entries.map(|entry| entry.unwrap_or_else(|| panic!("{what} encodes")));
    assert_eq!(
        read_entry::<T>(call(cache, 0), a.clone()).as_ref(),
        Some(&values[0])
    );
    assert_eq!(
        read_entry::<T>(call(cache, 0), b.clone()),
        None,
        "of another call"
    );
    let mut dice = Dice(seed);
    for round in 0..n {
        if round % 3 == 0 {
            let bytes = dice.mutate(&a, &b);
            if bytes != a {
                let read = read_entry::<T>(call(cache, 0), bytes);
                assert_eq!(read, None, "{what}, seed {seed}, round {round}");
            }
        } else {
            // The codec itself: whatever it makes of the bytes, it comes back.
            let payload = dice.mutate(&a[HEADER..], &b[HEADER..]);
            let _ = read_entry::<T>(call(cache, 0), vouched(&a, &payload));
        }
        TRIED.fetch_add(1, Ordering::Relaxed);
    }
}

fn attack_all(name: &str, seed: u64, n: u64) {
    let cache = &cache(name);
    let texts = ["one ü".to_owned(), "two".to_owned()];
    attack(cache, name, &[record(1), record(2)], seed, n);
    attack(cache, name, &[tree(READABLE), tree(3)], seed + 1, n);
    attack(cache, name, &texts, seed + 2, n);
    attack(
        cache,
        name,
        &[vec![vec![1u32, 2], vec![]], vec![vec![3]]],
        seed + 3,
        n,
    );
    attack(cache, name, &[vec![(); 3], vec![]], seed + 4, n);
    attack(cache, name, &[Some(Few { a: 1 }), None], seed + 5, n);
    if !["postcard", "own"].contains(&name) {
        let values = ["{\"a\": [1, {\"b\": null}]}", "[true, 2.5, \"x\"]"];
        let values = values.map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap());
        attack(cache, name, &values, seed + 6, n);
    }
}

#[test]
fn mutated_entries_never_panic_or_return_another_calls_value() {
    let _alone = alone();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {
        PANICS.fetch_add(1, Ordering::Relaxed);
    }));
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    let half = |names: &[&'static str]| {
        let names = names.to_vec();
        move || {
            for (seed, name) in (1..).zip(names) {
                // In a build without optimisation YAML takes ten times as long as the others.
                let n = if name == "yaml" { 1_500 } else { 5_600 };
                attack_all(name, 1000 * seed, n);
            }
        }
    };
    std::thread::scope(|scope| {
        for names in [&CODECS[..4], &CODECS[4..]] {
            let thread = std::thread::Builder::new().stack_size(STACK);
            thread.spawn_scoped(scope, half(names)).unwrap();
        }
    });
    // Sealed: what the store's writer vouches for is not enough.
    let keys = SealKeys::new(1, [9; 32]);
    let sealed = Cache::builder("mutations").sealed(keys).build().unwrap();
    let entry = write_entry(call(&sealed, 0), &record(1)).unwrap();
    let mut dice = Dice(77);
    for _ in 0..3_000 {
        let payload = dice.mutate(&entry[HEADER..], &entry);
        let bytes = vouched(&entry, &payload);
        if bytes != entry {
            assert_eq!(read_entry::<Record>(call(&sealed, 0), bytes), None);
        }
        TRIED.fetch_add(1, Ordering::Relaxed);
    }
    let peak = ALLOCATED.peak_usage() - before;
    std::panic::set_hook(hook);
    let (tried, panics) = (
        TRIED.load(Ordering::Relaxed),
        PANICS.load(Ordering::Relaxed),
    );
    println!(
        "{tried} mutations, {panics} panics, at most {} KiB",
        peak >> 10
    );
    assert!(tried >= 200_000, "{tried}");
    assert_eq!(panics, 0);
    assert!(peak < 16 * MIB, "{peak}");
}

/// A tree so many nodes deep, as the codec writes it.
fn deep(codec_name: &str, nodes: usize) -> Vec<u8> {
    match codec_name {
        "bson" => return deep_bson(nodes),
        "yaml" => {
            // Deeper ones do not fit an entry: each level is one of indentation.
            let levels =
                (0..nodes.min(700)).map(|level| format!("!Node\n{}- ", "  ".repeat(level)));
            return [levels.collect(), "Leaf".to_owned()].concat().into_bytes();
        }
        _ => {}
    }
    let (open, leaf, close): (&[u8], &[u8], &[u8]) = match codec_name {
        "cbor" => (b"\xa1\x64Node\x81", b"\x64Leaf", b""),
        "msgpack" => (b"\x81\xa4Node\x91", b"\xa4Leaf", b""),
        "postcard" | "own" => (b"\x01\x01", b"\x00", b""),
        _ => (b"{\"Node\":[", b"\"Leaf\"", b"]}"),
    };
    [open.repeat(nodes), leaf.to_vec(), close.repeat(nodes)].concat()
}

/// `{v: {Node: [{Node: … "Leaf"}]}}`, from the outside in: each document begins with its length.
fn deep_bson(nodes: usize) -> Vec<u8> {
    const LEAF: &[u8] = b"\x05\0\0\0Leaf\0";
    const LAYER: usize = 4 + 6 + 4 + 3 + 2;
    let kind = |inner: usize| if inner == 0 { 2u8 } else { 3 };
    let document = |length: usize| u32::try_from(length).unwrap().to_le_bytes();
    let mut bytes = document(4 + 3 + nodes * LAYER + LEAF.len() + 1).to_vec();
    bytes.extend_from_slice(&[kind(nodes), b'v', 0]);
    for inner in (0..nodes).rev() {
        let within = inner * LAYER + LEAF.len();
        bytes.extend_from_slice(&document(within + LAYER));
        bytes.extend_from_slice(b"\x04Node\0");
        bytes.extend_from_slice(&document(within + 4 + 3 + 1));
        bytes.extend_from_slice(&[kind(inner), b'0', 0]);
    }
    bytes.extend_from_slice(LEAF);
    bytes.resize(bytes.len() + 2 * nodes + 1, 0);
    bytes
}

#[test]
fn deep_values_are_refused_on_a_small_stack() {
    let _alone = alone();
    for name in CODECS {
        let cache = &cache(name);
        let entry = &write_entry(call(cache, 0), &Tree::Leaf).unwrap();
        let read = |payload: &[u8]| read_entry::<Tree>(call(cache, 0), vouched(entry, payload));
        let read = &read;
        // The pattern is what it says, so it is not refused for another reason. Without optimisation a level
        // takes several times the stack, where values are read through objects.
        let readable = if name == "cbor" { 40 } else { READABLE };
        for nodes in [0, 1, readable] {
            let found = on_a_small_stack(move || read(&deep(name, nodes)));
            assert_eq!(found, Some(tree(nodes)), "{name}");
        }
        let most =
            (1..400).find(|&nodes| on_a_small_stack(move || read(&deep(name, nodes)).is_none()));
        println!("{name}: {most:?} nodes are too deep on a small stack");
        for nodes in [64, 129, 257, 1_000, 50_000] {
            let found = on_a_small_stack(move || read(&deep(name, nodes)).is_none());
            assert!(found, "{name}: {nodes} nodes");
        }
    }
}

fn vouch<T: Value>(cache: &Cache, like: &T, payload: &[u8]) -> bool {
    let entry = write_entry(call(cache, 0), like).unwrap();
    read_entry::<T>(call(cache, 0), vouched(&entry, payload)).is_some()
}

fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let laughs = {
        let mut text = "a: &a [".to_owned() + &"x,".repeat(200) + "x]\n";
        for (of, name) in ["a", "b", "c", "d", "e"]
            .iter()
            .zip(["b", "c", "d", "e", "f"])
        {
            let many = vec![format!("*{of}"); 50].join(",");
            writeln!(text, "{name}: &{name} [{many}]").unwrap();
        }
        text.into_bytes()
    };
    let quadratic = {
        let list = format!("- &a [{}]\n", vec!["x"; 20_000].join(","));
        (list + &"- *a\n".repeat(20_000)).into_bytes()
    };
    vec![
        ("cbor", b"\x5b\x14\x14\x14\x14\x14\x14\x14\x14".to_vec()),
        ("cbor", b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff".repeat(100)),
        ("cbor", b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff".to_vec()),
        ("cbor", vec![0xc1; MIB - 1]),
        ("cbor", vec![0x81; MIB - 1]),
        ("cbor", vec![0x9f; MIB - 1]),
        ("cbor", vec![0x5f; MIB - 1]),
        ("json", vec![b'['; MIB - 1]),
        ("json", b"{\"a\":".repeat(200_000)),
        ("json", vec![b'9'; MIB - 1]),
        (
            "own",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01".repeat(100),
        ),
        ("own", vec![1; MIB - 1]),
        ("msgpack", b"\xdd\xff\xff\xff\xff".repeat(100)),
        ("msgpack", b"\xdf\xff\xff\xff\xff\xa1a".repeat(100)),
        ("msgpack", b"\xc6\xff\xff\xff\xff".to_vec()),
        ("msgpack", b"\xdb\xff\xff\xff\xffx".to_vec()),
        ("msgpack", vec![0x91; MIB - 1]),
        ("bson", b"\x0e\0\0\0\x02v\0\xff\xff\xff\x7fx\0\0".to_vec()),
        ("bson", b"\x0f\0\0\0\x05v\0\xff\xff\xff\x7f\0x\0\0".to_vec()),
        (
            "postcard",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01".repeat(100),
        ),
        ("postcard", vec![1; MIB - 1]),
        ("yaml", vec![b'['; MIB - 1]),
        ("yaml", b"- ".repeat(MIB / 2 - 1)),
        ("yaml", b"? ".repeat(MIB / 2 - 1)),
        ("yaml", b"{a: ".repeat(MIB / 4 - 1)),
        ("yaml", laughs),
        ("yaml", quadratic),
        ("yaml", b"- \n".repeat(MIB / 3)),
    ]
}

#[test]
fn bombs_take_little_memory() {
    let _alone = alone();
    for (name, payload) in bombs() {
        let cache = &cache(name);
        let payload = &payload;
        let start = payload[..payload.len().min(8)].escape_ascii().to_string();
        let before = ALLOCATED.current_usage();
        ALLOCATED.reset_peak_usage();
        on_a_small_stack(move || {
            let text = String::new();
            vouch(cache, &text, payload);
            vouch(cache, &Tree::Leaf, payload);
            vouch(cache, &Few { a: 1 }, payload);
            vouch(cache, &vec![()], payload);
            vouch(cache, &vec![vec![vec![1u64]]], payload);
            vouch(cache, &vec![vec![text.clone()]], payload);
            vouch(cache, &BTreeMap::from([(text, 1u8)]), payload);
            if !["postcard", "own"].contains(&name) {
                vouch(cache, &serde_json::Value::Null, payload);
            }
        });
        let peak = ALLOCATED.peak_usage().saturating_sub(before);
        println!("{name} {start}: {} KiB", peak >> 10);
        // What the parser of YAML keeps of a list of nothings; the others keep little more than they read.
        let most = if name == "yaml" { 96 } else { 8 };
        assert!(peak < most * MIB, "{name} {start}: {} MiB", peak / MIB);
    }
}
