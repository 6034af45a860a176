//! What becomes of a call, why a look-up found nothing, and why a value is not stored: their names and counters.

use std::fmt;

use super::Event;

macro_rules! names {
    ($($(#[$doc:meta])* $visibility:vis enum $Name:ident {
        $($(#[$variant_doc:meta])* $variant:ident $name:literal $($event:ident)?,)*
    })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $visibility enum $Name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $Name {
            /// All of them, in the order in which they are declared.
            #[allow(dead_code)] // of some
            pub(crate) const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// Its name in metrics and `tracing` events.
            $visibility const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What counts it, unless that is counted where it happens.
            pub(crate) const fn event(self) -> Option<Event> {
                match self {
                    $(Self::$variant => names!(@event $($event)?),)*
                }
            }
        }

        impl fmt::Display for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    )*};
    (@event $event:ident) => { Some(Event::$event) };
    (@event) => { None };
}

names! {
    /// What becomes of a call. Each call has one outcome.
    #[non_exhaustive]
    pub enum Outcome {
        /// It was answered from the store.
        Hit "hit",
        /// It was answered from the store with a value past its TTL.
        Stale "stale",
        /// It was answered with what another call had computed meanwhile, in this process or in another.
        Coalesced "coalesced",
        /// It ran its method.
        Led "led" led,
        /// It ran its method because the store could not be asked.
        Unavailable "unavailable" unavailable,
        /// It ran its method and passed the cache by.
        Bypass "bypass",
        /// It ran its method because the cache was switched off.
        Disabled "disabled" disabled,
        /// Its future was dropped before it had an answer.
        Cancelled "cancelled" cancelled,
    }

    /// Why a look-up gave no answer.
    pub(crate) enum Miss {
        Absent "absent" absent,
        Expired "expired" expired,
        /// It is counted as `undecodable`, where the entry is removed.
        Unreadable "unreadable",
        Unavailable "unavailable",
    }

    /// Why the value of a call was not stored.
    pub(crate) enum NotStored {
        Failed "failed" failed,
        Refused "refused" refused,
        ZeroTtl "zero_ttl" refused,
        TooLarge "too_large" too_large,
        Unencodable "unencodable" unencodable,
        Misfit "misfit" misfit,
        Fenced "fenced" fenced,
        /// The store could not be asked, refused the value, or has not answered yet.
        Store "store" unstored,
        Mode "mode" read_only,
        /// Another call of this process is to store the entry.
        Elsewhere "elsewhere" elsewhere,
        /// The arguments cannot be a key.
        Key "key",
        /// The call is part of the transaction that invalidates its entry.
        Transaction "transaction",
        /// The options of the method do not fit the cache.
        Options "options",
        /// The cache is switched off.
        Disabled "disabled",
    }
}
