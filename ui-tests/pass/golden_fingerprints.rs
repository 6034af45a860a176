#![allow(unused, non_upper_case_globals, clippy::all)]
//! The compiler's tokens have the fingerprints that the tests of the macro have pinned.

use std::sync::Mutex;

use redis_func_cache::cache_impl;

const c: bool = true;

struct Golden {
    y: Option<u64>,
    z: Mutex<u64>,
}

impl Golden {
    async unsafe fn raw(&self, id: u64) -> Result<u64, u8> {
        Ok(id)
    }
}

#[cache_impl(self_key = ())]
impl Golden {
    fn f(&self) -> u8 {
        1
    }

    async fn h(&self, (a, b): (u8, u8)) -> u8 {
        if a <= b && !c {
            a << 2
        } else {
            b..=9;
            0
        }
    }

    fn s(&self, q: &str) -> String {
        format!("{q}{}", 1.5f32)
    }

    fn c<const N: usize>(self: &Self, f: [u8; N]) -> Vec<Vec<u8>>
    where
        [u8; N]: serde::Serialize,
    {
        f.iter()
            .map(|&x| vec![x; 0xFF_usize >> 2])
            .collect::<Vec<_>>()
    }

    async fn l(&self, r#type: &'static str) -> Option<char> {
        'outer: loop {
            match r#type.chars().next() {
                Some('a'..='z') | None => break 'outer None,
                Some(found @ '\'') => return Some(found),
                _ => continue,
            }
        }
    }

    fn a(&self) -> u64 {
        #[allow(unused)]
        let x = -1i64;
        let Some(y) = self.y else { return 0 };
        *self.z.lock().unwrap() += x as u64 & !y;
        u64::MAX
    }

    fn r(&self, id: u64) -> impl Future<Output = Result<u64, u8>> + use<'_> {
        async move { Ok(unsafe { self.raw(id) }.await?) }
    }

    fn m(&self, b: &[u8]) -> (u8,) {
        assert!(b != br#"raw "bytes""#, "{:?}", c"c");
        matches!(b, [0x00, ..] if !b.is_empty())
            .then(|| (1,))
            .unwrap_or((b[0],))
    }
}

pub fn main() {
    let golden: Vec<_> = include_str!("../../tests/golden/fingerprints.hex")
        .lines()
        .collect();
    let methods = [
        (0, CachedGoldenMethods::f()),
        (3, CachedGoldenMethods::h()),
        (4, CachedGoldenMethods::s()),
        (5, CachedGoldenMethods::c()),
        (6, CachedGoldenMethods::l()),
        (7, CachedGoldenMethods::a()),
        (8, CachedGoldenMethods::r()),
        (9, CachedGoldenMethods::m()),
    ];
    for (line, method) in methods {
        let text = format!("{method:?}");
        let (_, bytes) = text.split_once("fingerprint: [").unwrap();
        let (bytes, _) = bytes.split_once(']').unwrap();
        let bytes = bytes.split(", ").map(|byte| byte.parse::<u8>().unwrap());
        let hex: String = bytes.map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, golden[line], "{text}");
    }
}
