//! Labels: what tools show of an entry, made of the arguments of its call.
//!
//! A label stands in the entry as it is, whatever seals the payload. It is short, and has nothing in it that a terminal
//! would act on.

use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Bytes of the longest label: what is longer is cut.
pub(crate) const LONGEST_LABEL: usize = 128;

/// The label of an entry; `None` where it has none.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Label(Option<Arc<str>>);

/// A `Display` or `Debug` of the user has failed or panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LabelFailure;

/// Writes what the arguments show. To make [`fmt::Arguments`] may panic as well: of a width that an argument gives, and that
/// is out of range.
pub(crate) type ShowLabel<'a> = dyn Fn(&mut dyn fmt::Write) -> fmt::Result + 'a;

impl Label {
    pub(crate) const NONE: Self = Self(None);

    /// # Errors
    /// One of the arguments cannot be shown.
    pub(crate) fn of(show: &ShowLabel<'_>) -> Result<Self, LabelFailure> {
        let mut text = LabelText::default();
        let written = catch_unwind(AssertUnwindSafe(|| show(&mut text)));
        match written {
            Ok(Ok(())) => {}
            // It ends what shows an argument, which may be long.
            Ok(Err(_)) if text.is_full => {}
            _ => return Err(LabelFailure),
        }
        Ok(Self((!text.text.is_empty()).then(|| text.text.into())))
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// The label in these bytes. Anyone may have written them.
pub(crate) fn shown(bytes: &[u8]) -> Option<String> {
    let mut text = LabelText::default();
    // What does not fit is cut.
    let _ = text.write_str(&String::from_utf8_lossy(bytes));
    (!text.text.is_empty()).then_some(text.text)
}

/// A text that is cut where it is too long, and whose control characters are escaped.
#[derive(Default)]
struct LabelText {
    text: String,
    is_full: bool,
}

impl LabelText {
    fn add(&mut self, c: char) -> fmt::Result {
        if !is_hidden(c) {
            return self.push(c.encode_utf8(&mut [0; 4]));
        }
        self.push(&c.escape_default().to_string())
    }

    /// An escape is added whole, or not at all.
    fn push(&mut self, text: &str) -> fmt::Result {
        self.is_full |= self.text.len() + text.len() > LONGEST_LABEL;
        if self.is_full {
            return Err(fmt::Error);
        }
        self.text.push_str(text);
        Ok(())
    }
}

impl fmt::Write for LabelText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| self.add(c))
    }
}

/// Whether a terminal would act on it, or show nothing: also what changes the direction of a text.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

// It shows arguments, which are not for logs.
impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.as_str().map(str::len);
        f.debug_tuple("Label").field(&bytes).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fails;

    impl fmt::Display for Fails {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            Err(fmt::Error)
        }
    }

    struct Panics;

    impl fmt::Display for Panics {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("no")
        }
    }

    /// It never ends by itself.
    struct Endless;

    impl fmt::Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                f.write_str("ü")?;
            }
        }
    }

    fn label(shown: fmt::Arguments<'_>) -> String {
        let label = Label::of(&|text| text.write_fmt(shown)).unwrap();
        label.as_str().unwrap_or_default().to_owned()
    }

    #[test]
    fn a_label_is_cut_at_a_character() {
        assert_eq!(label(format_args!("{}/{:04}", "a", 7)), "a/0007");
        assert_eq!(label(format_args!("a{Endless}")).len(), LONGEST_LABEL - 1);
        assert_eq!(label(format_args!("{Endless}")).len(), LONGEST_LABEL);
        let exact = "x".repeat(LONGEST_LABEL);
        assert_eq!(label(format_args!("{exact}")), exact);
        assert_eq!(label(format_args!("{exact}y")), exact);
        let almost = "x".repeat(LONGEST_LABEL - 1);
        assert_eq!(label(format_args!("{almost}\n")), almost);
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(
            label(format_args!("{}", "a\nb\r\t\x1b[2J\0é")),
            "a\\nb\\r\\t\\u{1b}[2J\\u{0}é"
        );
        assert_eq!(label(format_args!("\u{202e}")), "\\u{202e}");
        assert_eq!(shown(b"a\n\xff"), Some("a\\n\u{fffd}".to_owned()));
        assert_eq!(shown(&[b'x'; 255]).unwrap().len(), LONGEST_LABEL);
    }

    #[test]
    fn what_cannot_be_shown_is_no_label() {
        assert_eq!(
            Label::of(&|text| write!(text, "{Fails}")),
            Err(LabelFailure)
        );
        assert_eq!(
            Label::of(&|text| write!(text, "a{Panics}")),
            Err(LabelFailure)
        );
        let width = 70_000;
        assert_eq!(
            Label::of(&|text| write!(text, "{:>width$}", 1)),
            Err(LabelFailure)
        );
        assert_eq!(Label::of(&|_| Ok(())), Ok(Label::NONE));
        assert_eq!(shown(b""), None);
    }
}
