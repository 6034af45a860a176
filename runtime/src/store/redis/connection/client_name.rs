//! The name that connections have on the server, so that `CLIENT LIST` says whose they are.

use std::fmt::Write as _;
use std::sync::Arc;

use redis::Cmd;

/// Bytes of the longest name.
const LONGEST: usize = 128;

/// `redis-func-cache:` and the name of the cache.
#[derive(Debug, Clone)]
pub(crate) struct ClientName(Arc<str>);

impl ClientName {
    pub(crate) fn of(cache: &str) -> Self {
        let mut name = "redis-func-cache:".to_owned();
        for byte in cache.bytes() {
            let length = name.len();
            // Servers take what is visible in ASCII, and no more.
            if byte.is_ascii_graphic() && byte != b'%' {
                name.push(char::from(byte));
            } else {
                write!(name, "%{byte:02x}").expect("writing to a String cannot fail");
            }
            if name.len() > LONGEST {
                name.truncate(length);
                break;
            }
        }
        Self(name.into())
    }

    pub(crate) fn command(&self) -> Cmd {
        redis::cmd("CLIENT").arg("SETNAME").arg(&*self.0).take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_visible_ascii() {
        for (cache, expected) in [
            ("shop", "redis-func-cache:shop"),
            ("a b\nc", "redis-func-cache:a%20b%0ac"),
            ("100%", "redis-func-cache:100%25"),
            ("🦀", "redis-func-cache:%f0%9f%a6%80"),
            ("a:b~!", "redis-func-cache:a:b~!"),
        ] {
            assert_eq!(&*ClientName::of(cache).0, expected);
        }
    }

    #[test]
    fn a_long_name_is_cut_between_escapes() {
        let name = ClientName::of(&"é".repeat(100)).0;
        assert!((LONGEST - 2..=LONGEST).contains(&name.len()));
        assert!(name.ends_with("%a9") || name.ends_with("%c3"), "{name}");
        assert_eq!(ClientName::of(&"x".repeat(256)).0.len(), LONGEST);
    }
}
