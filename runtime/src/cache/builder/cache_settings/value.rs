//! A value of a setting, whatever the format has made of it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

use crate::settings::duration;

/// Longer texts are cut in messages.
const LONGEST_SHOWN: usize = 60;

#[derive(Deserialize)]
#[serde(untagged)]
#[cfg_attr(not(feature = "cluster"), allow(dead_code))] // lists of nodes
pub(super) enum SettingValue {
    Flag(bool),
    Number(u64),
    Share(f64),
    Text(String),
    List(Vec<String>),
    Other(serde::de::IgnoredAny),
}

/// What the value must be, if it is not.
type OrExpected<T> = Result<T, String>;

impl SettingValue {
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Text(text) if text == word)
    }

    pub(super) fn text(&self) -> OrExpected<String> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            _ => Err("text".to_owned()),
        }
    }

    #[cfg(feature = "cluster")]
    pub(super) fn texts(&self) -> OrExpected<Vec<String>> {
        match self {
            Self::Text(text) => Ok(text.split(',').map(|part| part.trim().to_owned()).collect()),
            Self::List(texts) => Ok(texts.clone()),
            _ => Err("a list of texts".to_owned()),
        }
    }

    pub(super) fn flag(&self) -> OrExpected<bool> {
        match self {
            Self::Flag(flag) => Ok(*flag),
            _ => self.parsed("`true` or `false`"),
        }
    }

    pub(super) fn number<T: TryFrom<u64> + FromStr>(&self) -> OrExpected<T> {
        let expected = "a whole number";
        match self {
            Self::Number(number) => T::try_from(*number).map_err(|_| expected.to_owned()),
            _ => self.parsed(expected),
        }
    }

    #[allow(clippy::cast_precision_loss)] // a share is small
    pub(super) fn share(&self) -> OrExpected<f64> {
        match self {
            Self::Number(number) => Ok(*number as f64),
            Self::Share(share) => Ok(*share),
            _ => self.parsed("a number such as 0.1"),
        }
    }

    pub(super) fn duration(&self) -> OrExpected<Duration> {
        let parsed = match self {
            Self::Text(text) => duration::parse(text),
            _ => None,
        };
        parsed.ok_or_else(|| {
            "a duration: a number and a unit, such as \"500ms\", \"30s\", \"5m\", \"2h\", \"1d\"".to_owned()
        })
    }

    pub(super) fn choice<T: Clone>(&self, choices: &[(&str, T)]) -> OrExpected<T> {
        let chosen = choices.iter().find(|(name, _)| self.is(name));
        chosen.map(|(_, choice)| choice.clone()).ok_or_else(|| {
            let names: Vec<_> = choices
                .iter()
                .map(|(name, _)| format!("\"{name}\""))
                .collect();
            format!("one of {}", names.join(", "))
        })
    }

    /// In quotes, as in the environment.
    fn parsed<T: FromStr>(&self, expected: &str) -> OrExpected<T> {
        let parsed = match self {
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        parsed.ok_or_else(|| expected.to_owned())
    }
}

impl fmt::Display for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Share(share) => write!(f, "{share}"),
            Self::Text(text) => {
                let shown: String = text.chars().take(LONGEST_SHOWN).collect();
                write!(f, "{shown:?}")
            }
            Self::List(_) => f.write_str("a list"),
            Self::Other(_) => f.write_str("something else"),
        }
    }
}
