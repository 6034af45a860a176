//! The names of keys: which pair a method's entries live in, and which keys are a cache's own.

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::policy::Policy;

/// Whether all methods of a cache share one pair of keys or each has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Layout {
    /// One pair for the cache: the largest `maxsize` bounds all methods together. The default for
    /// methods that say no `maxsize`.
    #[default]
    Single,
    /// One pair a method: `maxsize` bounds each method alone. The default for methods that say
    /// `maxsize`, or whose block says it.
    Multiple,
}

/// The stem of a pair's two keys: `:0` (ranking) and `:1` (values) follow it.
///
/// Implement this to bring your own names, and give it to
/// [`CacheBuilder::key_format`](crate::CacheBuilder::key_format).
///
/// ```
/// use redis_func_cache::{Cache, KeyFormat, KeyParts};
///
/// struct Dashes;
///
/// impl KeyFormat for Dashes {
///     fn stem(&self, parts: &KeyParts<'_>) -> String {
///         match parts.method {
///             Some(method) => format!("{}-{{{}}}", self.scope(parts), method.hash),
///             None => format!("{{{}}}", self.scope(parts)),
///         }
///     }
///     fn scope(&self, parts: &KeyParts<'_>) -> String {
///         format!("my-{}-{}", parts.name, parts.policy)
///     }
/// }
///
/// let cache = Cache::builder("shop").key_format(Dashes).build()?;
/// # Ok::<(), redis_func_cache::Error>(())
/// ```
pub trait KeyFormat: Send + Sync + 'static {
    /// The stem of the pair for these parts. Different parts must give different stems, and on a
    /// cluster the stem must have a hash tag (`{…}`), so that all keys of the pair are on one node.
    fn stem(&self, parts: &KeyParts<'_>) -> String;

    /// A beginning that all stems for this name and policy have, and that no stem of another
    /// name or policy has: `len` and `purge` look for it. A leading `{` of a stem is not counted.
    fn scope(&self, parts: &KeyParts<'_>) -> String;
}

/// What the names of a pair's keys are made from. All parts are escaped already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyParts<'a> {
    /// The prefix of the cache, ending in its own colon unless it is empty.
    pub prefix: &'a str,
    /// The name of the cache.
    pub name: &'a str,
    /// The tag of the policy.
    pub policy: &'a str,
    /// The method, where each has a pair of its own.
    pub method: Option<MethodPart<'a>>,
}

/// The part of a key's name that identifies a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MethodPart<'a> {
    /// `Type::method`, `<Type as Trait>::method`, or the name of a function.
    pub name: &'a str,
    /// Sixteen hexadecimal digits from the path of the method.
    pub hash: &'a str,
}

/// How a cache names its keys.
#[derive(Clone)]
pub(crate) struct Names {
    prefix: String,
    name: String,
    cluster: bool,
    custom: Option<Arc<dyn KeyFormat>>,
}

impl Names {
    pub(crate) fn new(
        prefix: &str,
        name: &str,
        cluster: bool,
        custom: Option<Arc<dyn KeyFormat>>,
    ) -> Self {
        let mut prefix = escape(prefix, is_free_in_prefix);
        if !prefix.is_empty() && !prefix.ends_with(':') {
            prefix.push(':');
        }
        Self {
            prefix,
            name: escape(name, is_free_in_name),
            cluster,
            custom,
        }
    }

    /// The stem of a pair; `method` is the name and the hash where each method has its own.
    pub(crate) fn stem(
        &self,
        policy: &Policy,
        method: Option<(&str, &str)>,
        cluster: bool,
    ) -> String {
        let method_name = method.map(|(name, _)| escape_method(name));
        let parts = self.parts(
            policy,
            method.map(|(_, hash)| MethodPart {
                name: method_name.as_deref().unwrap_or_default(),
                hash,
            }),
        );
        if let Some(custom) = &self.custom {
            return custom.stem(&parts);
        }
        let (prefix, name, policy) = (parts.prefix, parts.name, parts.policy);
        match (parts.method, self.cluster || cluster) {
            (None, false) => format!("{prefix}{name}:{policy}"),
            (None, true) => format!("{prefix}{{{name}:{policy}}}"),
            (Some(method), false) => {
                format!("{prefix}{name}:{policy}:{}#{}", method.name, method.hash)
            }
            (Some(method), true) => {
                format!(
                    "{prefix}{name}:{policy}:{}{{#{}}}",
                    method.name, method.hash
                )
            }
        }
    }

    /// The key by which the pairs of a tag are found.
    pub(crate) fn tag_index(&self) -> String {
        self.beside_pairs("tags")
    }

    /// The key by which pairs are found that are methods' own.
    pub(crate) fn pair_index(&self) -> String {
        self.beside_pairs("pairs")
    }

    fn beside_pairs(&self, what: &str) -> String {
        match &self.custom {
            Some(custom) => {
                // One for all policies.
                let policy = Policy::default();
                format!("{}:{what}", custom.scope(&self.parts(&policy, None)))
            }
            None => format!("{}{}:{what}", self.prefix, self.name),
        }
    }

    /// The `MATCH` patterns that together find every key of this cache, and some that are not.
    pub(crate) fn patterns(&self, policies: &[Policy]) -> Vec<String> {
        let Some(custom) = &self.custom else {
            let (prefix, name) = (glob(&self.prefix), glob(&self.name));
            // Also with a brace in front of the name.
            return vec![format!("{prefix}*{name}:*")];
        };
        let scopes = policies
            .iter()
            .map(|policy| glob(&custom.scope(&self.parts(policy, None))));
        scopes
            .flat_map(|scope| [format!("{scope}*"), format!("{{{scope}*")])
            .collect()
    }

    /// The stem of a key that `SCAN` found, if the key is one of this cache.
    pub(crate) fn stem_of<'k>(&self, key: &'k str, policies: &[Policy]) -> Option<&'k str> {
        let stem = [":0", ":1", ":2"]
            .iter()
            .find_map(|half| key.strip_suffix(half))?;
        policies
            .iter()
            .any(|policy| self.owns(stem, policy))
            .then_some(stem)
    }

    fn owns(&self, stem: &str, policy: &Policy) -> bool {
        if let Some(custom) = &self.custom {
            let scope = custom.scope(&self.parts(policy, None));
            return stem.strip_prefix('{').unwrap_or(stem).starts_with(&scope)
                || stem.starts_with(&scope);
        }
        if stem == self.stem(policy, None, false) || stem == self.stem(policy, None, true) {
            return true;
        }
        let own = format!("{}{}:{}:", self.prefix, self.name, policy.tag());
        stem.strip_prefix(&own).is_some_and(is_method_part)
    }

    fn parts<'a>(&'a self, policy: &'a Policy, method: Option<MethodPart<'a>>) -> KeyParts<'a> {
        KeyParts {
            prefix: &self.prefix,
            name: &self.name,
            policy: policy.tag(),
            method,
        }
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names")
            .field("prefix", &self.prefix)
            .field("name", &self.name)
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

/// `Type::method#0123456789abcdef`, or `{#…}`: no lone colon, so that a longer prefix of another
/// cache is never taken for a method of this one.
fn is_method_part(part: &str) -> bool {
    let Some((method, hash)) = part.split_once('#') else {
        return false;
    };
    let (method, hash) = match (method.strip_suffix('{'), hash.strip_suffix('}')) {
        (Some(method), Some(hash)) => (method, hash),
        (None, None) => (method, hash),
        _ => return false,
    };
    hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) && !has_lone_colon(method)
}

/// A path has none; the name of a function is the user's.
fn has_lone_colon(method: &str) -> bool {
    method.replace("::", "").contains(':')
}

fn escape_method(name: &str) -> String {
    if has_lone_colon(name) {
        escape(name, |c| c != ':' && is_free_in_method(c))
    } else {
        escape(name, is_free_in_method)
    }
}

fn is_free_in_name(c: char) -> bool {
    !c.is_control() && !c.is_whitespace() && !"%:{}#*?[]^\\\"'".contains(c)
}

fn is_free_in_prefix(c: char) -> bool {
    c == ':' || is_free_in_name(c)
}

fn is_free_in_method(c: char) -> bool {
    c == ':' || c == ' ' || c == '\'' || c == '[' || c == ']' || is_free_in_name(c)
}

/// Percent-encodes, byte by byte, every character that is not free.
fn escape(text: &str, is_free: fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_free(c) {
            escaped.push(c);
            continue;
        }
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            write!(escaped, "%{byte:02x}").expect("writing to a String cannot fail");
        }
    }
    escaped
}

fn glob(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if "*?[]^\\".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(prefix: &str, name: &str) -> Names {
        Names::new(prefix, name, false, None)
    }

    const METHOD: Option<(&str, &str)> = Some(("UserRepo::find", "0123456789abcdef"));

    #[test]
    fn names_of_keys_are_golden() {
        let names = names("func-cache:", "shop");
        let policy = Policy::LruT;
        assert_eq!(names.stem(&policy, None, false), "func-cache:shop:lru_t");
        assert_eq!(names.stem(&policy, None, true), "func-cache:{shop:lru_t}");
        assert_eq!(
            names.stem(&policy, METHOD, false),
            "func-cache:shop:lru_t:UserRepo::find#0123456789abcdef"
        );
        assert_eq!(
            names.stem(&policy, METHOD, true),
            "func-cache:shop:lru_t:UserRepo::find{#0123456789abcdef}"
        );
    }

    #[test]
    fn hostile_names_stay_one_injective_part() {
        let hostile = [
            "a:b", "a{b}", "a b", "a\nb", "a%3ab", "a#b", "a*", "a?", "ä",
        ];
        let mut seen = std::collections::BTreeSet::new();
        for name in hostile {
            let stem = names("p:", name).stem(&Policy::Lru, None, false);
            assert_eq!(stem.matches(':').count(), 2, "{stem}");
            assert!(!stem.contains(['{', '}', ' ', '\n', '*', '?']), "{stem}");
            assert!(seen.insert(stem));
        }
    }

    #[test]
    fn names_of_functions_stay_one_part_that_is_known_again() {
        let names = names("a:", "b");
        let mut seen = std::collections::BTreeSet::new();
        for name in [
            "c", "c:d", "c::d", ":", "::", ":::", "c#d", "{c}", "c:lru:d",
        ] {
            for cluster in [false, true] {
                let method = Some((name, "0123456789abcdef"));
                let stem = names.stem(&Policy::Lru, method, cluster);
                let key = format!("{stem}:1");
                let own = names.stem_of(&key, &[Policy::Lru]);
                assert_eq!(own, Some(stem.as_str()), "{name}");
                assert!(seen.insert(stem), "{name}");
            }
        }
    }

    #[test]
    fn a_prefix_gets_its_own_colon() {
        assert_eq!(names("p", "n").stem(&Policy::Lru, None, false), "p:n:lru");
        assert_eq!(names("", "n").stem(&Policy::Lru, None, false), "n:lru");
        assert_eq!(
            names("a{b:", "n").stem(&Policy::Lru, None, false),
            "a%7bb:n:lru"
        );
    }

    #[test]
    fn only_its_own_keys_are_a_caches() {
        let policies = Policy::BUILT_IN;
        let names = names("a:", "b");
        for own in [
            "a:b:lru:0",
            "a:{b:lru}:1",
            "a:b:lru:2",
            "a:b:lru:<Repo as Store>::get#0123456789abcdef:0",
            "a:b:lru:Repo::get{#0123456789abcdef}:1",
        ] {
            assert!(names.stem_of(own, &policies).is_some(), "{own}");
        }
        for other in [
            "a:b:lru:3",
            "a:b:mine:0",
            "a:b:c:lru:0",
            "a:b:lru:c:lru_t:Repo::get#0123456789abcdef:0",
            "a:b:lru:Repo::get:0",
            "a:bb:lru:0",
        ] {
            assert_eq!(names.stem_of(other, &policies), None, "{other}");
        }
    }
}
