//! From the arguments of a call to the 20 bytes that name its entry.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hash, Hasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use serde::Serialize;
use sha1::block_api::compress;
use sha1::{Digest as _, Sha1};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::canonical::Canonical;

/// What names an entry: the member of the ranking and the field of the values. The first 16 bytes are a digest of
/// the call, the same for all builds of a program; the last 4 tell the builds apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Field(pub(crate) [u8; 20]);

/// Which code of a method stored an entry: a digest of its fingerprint and its `version`.
pub(crate) type Build = [u8; 4];

/// How many bytes of a field are the digest of the call.
const CALL: usize = 16;

impl Field {
    /// The digest of the call, whichever build makes it.
    pub(crate) fn call(&self) -> &[u8] {
        &self.0[..CALL]
    }

    pub(crate) fn build(&self) -> Build {
        let build = self.0[CALL..].try_into();
        build.expect("a field has 20 bytes")
    }

    /// The field of the same call in another build.
    pub(crate) fn of_build(mut self, build: Build) -> Self {
        self.0[CALL..].copy_from_slice(&build);
        self
    }
}

/// A map from fields, which are digests and need no other hash.
pub(crate) type Fields<V> = HashMap<Field, V, BuildHasherDefault<DigestHasher>>;

/// A set of fields.
pub(crate) type FieldSet = HashSet<Field, BuildHasherDefault<DigestHasher>>;

/// A map from digests of 64 bits.
pub(crate) type Digests<V> = HashMap<u64, V, BuildHasherDefault<DigestHasher>>;

#[derive(Debug, Clone, Default)]
pub(crate) struct DigestHasher(u64);

/// The field of a call, and a second digest of it that stands in the entry's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallKey {
    pub(crate) field: Field,
    pub(crate) identity: u64,
}

/// What all calls of a method have in common, hashed once.
#[derive(Clone)]
pub(crate) struct MethodKey {
    sha: Sha1,
    last: LastBlock,
    build: Build,
    seed: u64,
}

/// The state of SHA-1 before its last block, which is for the arguments alone: where they fit in there, to write that block
/// directly spares each key the set-up of a hasher.
#[derive(Clone)]
struct LastBlock {
    state: [u32; 5],
    /// Bytes that are in the state.
    hashed: usize,
}

const BLOCK: usize = 64;
/// What ends the last block: a bit and a length.
const END: usize = 9;

/// Version of the key format: a part of every field, so that a change of format is a miss.
const FORMAT: &[u8] = b"func-cache/3";

impl MethodKey {
    pub(crate) fn new(site: &str, fingerprint: &[u8; 20], version: &str) -> Self {
        let mut site = framed(&[FORMAT, site.as_bytes()]);
        site.resize(site.len().next_multiple_of(BLOCK), 0);
        let build = framed(&[FORMAT, fingerprint, version.as_bytes()]);
        Self {
            sha: Sha1::new_with_prefix(&site),
            last: LastBlock::new(&site),
            build: *Sha1::digest(&build).first_chunk().expect("it has 20 bytes"),
            seed: xxh3_64_with_seed(&build, xxh3_64(&site)),
        }
    }

    /// A digest of the method itself, whichever build it is of: the `#hash` in names of keys.
    pub(crate) fn method(site: &str) -> u64 {
        let digest = Sha1::digest(framed(&[FORMAT, site.as_bytes()]));
        u64::from_be_bytes(*digest.first_chunk().expect("it has 20 bytes"))
    }

    /// The key of a call whose arguments `write` writes, or the reason why they cannot be a key.
    pub(crate) fn call(&self, write: &mut dyn FnMut(&mut KeyWriter)) -> Result<CallKey, String> {
        let mut writer = KeyWriter {
            bytes: SCRATCH.take(),
            error: None,
        };
        writer.bytes.clear();
        // A `Serialize` of the user may panic: the call then passes the cache by.
        if catch_unwind(AssertUnwindSafe(|| write(&mut writer))).is_err() {
            writer.error = Some("an argument panicked".to_owned());
        }
        let result = match writer.error {
            None => Ok(self.digest(&writer.bytes)),
            Some(error) => Err(error),
        };
        if writer.bytes.capacity() <= SCRATCH_KEPT {
            SCRATCH.set(writer.bytes);
        }
        result
    }

    fn digest(&self, arguments: &[u8]) -> CallKey {
        let digest = self.last.digest(arguments).unwrap_or_else(|| {
            let sha = self.sha.clone().chain_update(arguments);
            sha.finalize().into()
        });
        CallKey {
            field: Field(digest).of_build(self.build),
            identity: xxh3_64_with_seed(arguments, self.seed),
        }
    }
}

/// Parts after each other, each with its length, so that no two lists are the same bytes.
pub(super) fn framed(parts: &[&[u8]]) -> Vec<u8> {
    let mut framed = Vec::new();
    for part in parts {
        framed.extend_from_slice(&(part.len() as u64).to_be_bytes());
        framed.extend_from_slice(part);
    }
    framed
}

impl LastBlock {
    /// After whole blocks.
    fn new(prefix: &[u8]) -> Self {
        const START: [u32; 5] = [
            0x6745_2301,
            0xefcd_ab89,
            0x98ba_dcfe,
            0x1032_5476,
            0xc3d2_e1f0,
        ];
        let mut state = START;
        compress(&mut state, prefix.as_chunks::<BLOCK>().0);
        Self {
            state,
            hashed: prefix.len(),
        }
    }

    /// The digest of everything so far and `more`, if that fits.
    fn digest(&self, more: &[u8]) -> Option<[u8; 20]> {
        if more.len() + END > BLOCK {
            return None;
        }
        let (mut state, mut block) = (self.state, [0; BLOCK]);
        block[..more.len()].copy_from_slice(more);
        block[more.len()] = 0x80;
        let bits = 8 * (self.hashed + more.len()) as u64;
        block[BLOCK - 8..].copy_from_slice(&bits.to_be_bytes());
        compress(&mut state, &[block]);
        let mut digest = [0; 20];
        for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
            *bytes = word.to_be_bytes();
        }
        Some(digest)
    }
}

thread_local! {
    /// Kept from call to call, so that a key costs no allocation.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}
const SCRATCH_KEPT: usize = 64 << 10;

/// Collects what distinguishes the calls of a method. Generated code fills it.
pub struct KeyWriter {
    bytes: Vec<u8>,
    error: Option<String>,
}

impl KeyWriter {
    /// Adds a value: an argument, a const parameter, or what `self_key` names.
    pub fn add<T: KeyPart + ?Sized>(&mut self, part: &T) {
        if self.error.is_some() {
            return;
        }
        if let Err(error) = part.serialize(Canonical::new(&mut self.bytes)) {
            self.error = Some(error.to_string());
        }
    }

    /// Adds an argument whose type only its caller names, such as an `impl Trait`: values of two types
    /// may be written alike.
    pub fn add_with_type<T: KeyPart + ?Sized>(&mut self, part: &T) {
        self.add_type::<T>();
        self.add(part);
    }

    /// Adds the name of the type of an argument that is converted: another part has its value.
    pub fn add_type_of<T: ?Sized>(&mut self, _: &T) {
        self.add_type::<T>();
    }

    /// Adds the name of a type parameter's type.
    pub fn add_type<T: ?Sized>(&mut self) {
        self.add(std::any::type_name::<T>());
    }
}

/// A value that can be part of a key: everything that implements [`serde::Serialize`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a cache key",
    label = "every part of the key must implement `serde::Serialize`",
    note = "derive it for a type of yours; a type of another crate often has it behind a feature of that crate, such as `serde`",
    note = "or mark the argument `#[cache_skip]` if the result does not depend on it"
)]
pub trait KeyPart: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> KeyPart for T {}

impl Hash for Field {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for half in [0, 8] {
            let half = self.0[half..].first_chunk().expect("a field has 20 bytes");
            state.write_u64(u64::from_le_bytes(*half));
        }
    }
}

/// Unknown outside this process, so that a client that chooses arguments cannot make their fields collide in a map.
static SEEDS: LazyLock<[u64; 2]> = LazyLock::new(|| {
    let random = RandomState::new();
    [random.hash_one(0), random.hash_one(1)]
});

impl Hasher for DigestHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    /// The parts are digests already: each is folded into what there is by one multiplication.
    fn write_u64(&mut self, part: u64) {
        let [first, second] = *SEEDS;
        let product = u128::from(self.0 ^ part ^ first) * u128::from(part ^ second);
        let (low, high) = (product & u128::from(u64::MAX), product >> 64);
        self.0 = u64::try_from(low ^ high).expect("both are halves");
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

// Arguments are not for logs.
impl fmt::Debug for KeyWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyWriter").finish_non_exhaustive()
    }
}

impl fmt::Debug for MethodKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MethodKey").finish_non_exhaustive()
    }
}

/// The canonical bytes of a value. For tests of the encoding.
///
/// # Errors
/// The error of the value's own `Serialize`.
pub fn canonical_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    match value.serialize(Canonical::new(&mut bytes)) {
        Ok(()) => Ok(bytes),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_block_written_directly_equals_that_of_the_hasher() {
        for blocks in 0..4 {
            let prefix = vec![7; blocks * BLOCK];
            let last = LastBlock::new(&prefix);
            for more in 0..BLOCK {
                let more = vec![9; more];
                let fits = more.len() + END <= BLOCK;
                let whole = Sha1::new_with_prefix(&prefix)
                    .chain_update(&more)
                    .finalize();
                assert_eq!(last.digest(&more), fits.then(|| whole.into()));
            }
        }
    }

    #[test]
    fn fields_are_golden() {
        let key = MethodKey::new("shop::UserRepo::find", &[7; 20], "2");
        let call = key.call(&mut |w| {
            w.add(&42u64);
            w.add("ünïcode");
            w.add(&Some(Some(true)));
        });
        let call = call.unwrap();
        assert_eq!(
            format!("{:?} {:016x}", call.field, call.identity),
            include_str!("../../../tests/golden/field.hex").trim()
        );
    }

    #[test]
    fn every_part_of_a_methods_identity_matters() {
        let key = |site, fingerprint, version| {
            let key = MethodKey::new(site, fingerprint, version);
            key.call(&mut |w| w.add(&1u8)).unwrap()
        };
        let all = [
            key("ab", &[1; 20], "c"),
            key("a", &[1; 20], "c"),
            key("ab", &[2; 20], "c"),
            key("ab", &[1; 20], ""),
            key("abc", &[1; 20], ""),
        ];
        for (i, one) in all.iter().enumerate() {
            for other in &all[i + 1..] {
                assert_ne!(one.field, other.field);
                assert_ne!(one.identity, other.identity);
            }
        }
        // Builds of one method know each other's fields.
        let [one, other_site, other_code, other_version, _] = all.map(|key| key.field);
        assert_eq!(one.call(), other_code.call());
        assert_eq!(one.of_build(other_version.build()), other_version);
        assert_ne!(one.call(), other_site.call());
    }
}
