//! Which entry is evicted when a pair is full.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::error::Error;

/// Which entry is evicted when a pair is full.
///
/// | policy | evicts | a hit writes | choose it when |
/// |---|---|---|---|
/// | [`LruT`](Policy::LruT) (default) | least recently used, by instant | yes | in doubt |
/// | [`Lru`](Policy::Lru) | least recently used, by running number | yes | instants may repeat |
/// | [`Fifo`](Policy::Fifo) | oldest, by running number | no | all entries age alike |
/// | [`FifoT`](Policy::FifoT) | oldest, by instant | no | as `Fifo`, cheaper put |
/// | [`Lfu`](Policy::Lfu) | least often used | yes | hardly ever: it ages badly |
/// | [`Mru`](Policy::Mru) | most recently used | yes | scans that come round in a loop |
/// | [`Rr`](Policy::Rr) | any, uniformly | no | no pattern at all |
///
/// Overwriting an entry counts as a hit for `Lru`, `LruT` and `Mru`, and as nothing for the rest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Policy {
    /// First in, first out, by a running number.
    Fifo,
    /// First in, first out, by the instant of arrival.
    FifoT,
    /// Evicts the least recently used entry, by a running number.
    Lru,
    /// Evicts the least recently used entry, by the instant of the last use.
    #[default]
    LruT,
    /// Evicts the most recently used entry.
    Mru,
    /// Evicts the least frequently used entry. Not recommended: it never forgets a use, so what was popular once
    /// keeps its place, and a new entry is the next to go. On four traces of real requests it hit less
    /// often than [`Rr`](Self::Rr).
    Lfu,
    /// Random replacement.
    Rr,
    /// A policy of your own, see [`CustomPolicy`].
    Custom(CustomPolicy),
}

/// The three answers of a policy as Lua, and whether an overwrite is a hit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PolicyLua<'a> {
    pub(crate) admit: &'a str,
    pub(crate) hit: &'a str,
    pub(crate) victims: &'a str,
    pub(crate) overwrite_is_hit: bool,
}

impl Policy {
    /// The seven policies that come with the crate.
    pub const BUILT_IN: [Policy; 7] = [
        Policy::Fifo,
        Policy::FifoT,
        Policy::Lru,
        Policy::LruT,
        Policy::Mru,
        Policy::Lfu,
        Policy::Rr,
    ];

    /// The name in attributes and in the names of keys, such as `lru_t`.
    pub fn tag(&self) -> &str {
        match self {
            Self::Fifo => "fifo",
            Self::FifoT => "fifo_t",
            Self::Lru => "lru",
            Self::LruT => "lru_t",
            Self::Mru => "mru",
            Self::Lfu => "lfu",
            Self::Rr => "rr",
            Self::Custom(custom) => &custom.0.name,
        }
    }

    /// Whether a hit changes what is evicted first.
    pub(crate) fn counts_hits(&self) -> bool {
        !matches!(self, Self::Fifo | Self::FifoT | Self::Rr)
    }

    /// The policy that the embedded memory store plays.
    pub(crate) fn in_memory(&self) -> Result<&Policy, Error> {
        match self {
            Self::Custom(custom) => custom.0.in_memory.as_ref().ok_or_else(|| {
                Error::config(format!(
                    "policy `{}` is written in Lua, which the memory store cannot run; name the \
                     built-in policy to play there with `CustomPolicy::in_memory(Policy::LruT)`, \
                     or use Redis",
                    custom.0.name
                ))
            }),
            built_in => Ok(built_in),
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

/// A policy of your own: a name and three bodies of Lua functions.
///
/// The bodies see `RANKING` (the ZSET of the pair), `redis.call`, and their arguments:
///
/// * *admit* (`field`, `now_us`) puts a new field into the ranking;
/// * *hit* (`field`, `now_us`, `n`) records `n` uses of a field that may have left the ranking (`XX`);
/// * *victims* (`n`) takes at most `n` fields out of the ranking and returns them as a list.
///
/// One script may store several entries: it calls *victims* until there is room for all of them, then *admit* for each.
/// An account with few rights needs every command that the bodies call; `SECURITY.md` lists those of `pop`.
///
/// `above_all()` gives a score above every other, `newest(now_us)` the instant or, where the server's
/// clock has been set back, a score above every other, and `pop(command, n)` runs `ZPOPMIN` or `ZPOPMAX`
/// and returns the fields. Pass numbers as numbers: `tostring` keeps 14 digits only.
///
/// ```
/// use redis_func_cache::{CustomPolicy, Policy};
///
/// // Second chance for entries that were used: +1 an admission, +10 a hit.
/// let warm = CustomPolicy::new("warm")
///     .admit("redis.call('ZADD', RANKING, above_all(), field)")
///     .hit("redis.call('ZADD', RANKING, 'XX', 'INCR', 10, field)")
///     .victims("return pop('ZPOPMIN', n)")
///     .in_memory(Policy::Lru)
///     .build()?;
/// # Ok::<(), redis_func_cache::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CustomPolicy(Arc<Parts>);

/// Collects the parts of a [`CustomPolicy`].
#[derive(Debug, Clone)]
#[must_use = "a policy is made by `build()`"]
pub struct CustomPolicyBuilder(Parts);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    name: String,
    admit: Cow<'static, str>,
    hit: Cow<'static, str>,
    victims: Cow<'static, str>,
    overwrite_is_hit: bool,
    in_memory: Option<Policy>,
}

impl PartialEq for CustomPolicy {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for CustomPolicy {}

impl CustomPolicy {
    /// Starts a policy with this name: lower-case letters, digits and `_`, none of the built-in.
    #[allow(clippy::new_ret_no_self)]
    pub fn new(name: impl Into<String>) -> CustomPolicyBuilder {
        CustomPolicyBuilder(Parts {
            name: name.into(),
            admit: Cow::Borrowed("redis.call('ZADD', RANKING, newest(now_us), field)"),
            hit: Cow::Borrowed(""),
            victims: Cow::Borrowed("return pop('ZPOPMIN', n)"),
            overwrite_is_hit: false,
            in_memory: None,
        })
    }

    pub(crate) fn lua(&self) -> PolicyLua<'_> {
        PolicyLua {
            admit: &self.0.admit,
            hit: &self.0.hit,
            victims: &self.0.victims,
            overwrite_is_hit: self.0.overwrite_is_hit,
        }
    }
}

impl CustomPolicyBuilder {
    /// The body of *admit*; by default the score is the instant, as for `fifo_t`.
    pub fn admit(mut self, lua: impl Into<Cow<'static, str>>) -> Self {
        self.0.admit = lua.into();
        self
    }

    /// The body of *hit*; by default a hit changes nothing.
    pub fn hit(mut self, lua: impl Into<Cow<'static, str>>) -> Self {
        self.0.hit = lua.into();
        self
    }

    /// The body of *victims*; by default the lowest scores go.
    pub fn victims(mut self, lua: impl Into<Cow<'static, str>>) -> Self {
        self.0.victims = lua.into();
        self
    }

    /// Counts overwriting an entry as a hit; by default it is nothing.
    pub fn overwrite_is_hit(mut self) -> Self {
        self.0.overwrite_is_hit = true;
        self
    }

    /// The built-in policy that stands in for this one in the embedded memory store.
    pub fn in_memory(mut self, policy: Policy) -> Self {
        self.0.in_memory = Some(policy);
        self
    }

    /// Makes the policy.
    ///
    /// # Errors
    /// A name that is empty, has other characters than `a-z0-9_`, or is a built-in policy's.
    pub fn build(self) -> Result<Policy, Error> {
        let name = &self.0.name;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            return Err(Error::config(format!(
                "policy name {name:?} is not usable in a key; use 1 to 64 of `a-z`, `0-9` and `_`"
            )));
        }
        if Policy::BUILT_IN.iter().any(|policy| policy.tag() == name) {
            return Err(Error::config(format!(
                "`{name}` is a built-in policy; choose another name, or the two would share keys"
            )));
        }
        if let Some(Policy::Custom(_)) = self.0.in_memory {
            return Err(Error::config(
                "`in_memory` names a custom policy; name one of the built-in policies",
            ));
        }
        Ok(Policy::Custom(CustomPolicy(Arc::new(self.0))))
    }
}
