//! Sees to it that a text is YAML of the kind that the encoder writes: in block style, without
//! anchors, aliases, directives and further documents.
//!
//! The parser of `serde_norway` takes quadratic time in the depth of brackets, before a
//! value is asked for; and an alias of a few bytes stands for as much as one likes.

use crate::entry::codec::limits::DEPTH;

type BlockError = Result<(), &'static str>;

pub(crate) fn scan(text: &str) -> BlockError {
    let mut scan = Scan { text, at: 0 };
    while scan.at < text.len() {
        scan.line()?;
    }
    Ok(())
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scan<'t> {
    /// The nodes that begin in this line, and all of the scalars that do.
    fn line(&mut self) -> BlockError {
        let start = self.at;
        if ["---", "...", "%"]
            .iter()
            .any(|mark| self.rest().starts_with(mark))
        {
            return Err("more than one document");
        }
        // The column of the innermost collection, which is what a block scalar is indented to.
        let mut parent = None;
        let mut opened = 0;
        loop {
            self.skip(' ');
            let column = self.at - start;
            let Some(first) = self.peek().filter(|&c| !is_break(c)) else {
                self.pass(1);
                return Ok(());
            };
            match first {
                '-' | '?' | ':' if self.ends_at(1) => {
                    parent = Some(column);
                    opened += 1;
                    self.pass(1);
                }
                '!' => self.until(|c| c == ' ' || is_break(c)),
                '|' | '>' if parent.is_some() || start == 0 => return self.block_scalar(parent),
                '&' | '*' | '|' | '>' | '\t' | '\u{feff}' => {
                    return Err("not of the encoder's style");
                }
                _ => {
                    self.scalar(first)?;
                    if self.peek() == Some(':') && self.ends_at(1) {
                        parent = Some(column);
                        opened += 1;
                        self.pass(1);
                    } else if self.peek().is_some_and(|c| !is_break(c)) {
                        return Err("something behind a value");
                    }
                }
            }
            if opened > DEPTH {
                return Err("nested too deep");
            }
        }
    }

    /// A scalar in one of the other styles, or an empty collection.
    fn scalar(&mut self, first: char) -> BlockError {
        match first {
            '[' | '{' => {
                let is_empty = ["[]", "{}"]
                    .iter()
                    .any(|empty| self.rest().starts_with(empty));
                self.pass(2);
                if is_empty {
                    Ok(())
                } else {
                    Err("a collection in flow style")
                }
            }
            '\'' | '"' => {
                self.pass(1);
                loop {
                    self.until(|c| c == first || (first == '"' && c == '\\'));
                    match self.peek() {
                        None => return Err("a scalar without end"),
                        Some('\\') => self.pass(2),
                        Some(_) if self.rest()[1..].starts_with('\'') && first == '\'' => {
                            self.pass(2);
                        }
                        Some(_) => {
                            self.pass(1);
                            return Ok(());
                        }
                    }
                }
            }
            _ => {
                self.until(|c| matches!(c, ':' | '\t' | '\u{feff}') || is_break(c));
                while self.peek() == Some(':') && !self.ends_at(1) {
                    self.pass(1);
                    self.until(|c| matches!(c, ':' | '\t' | '\u{feff}') || is_break(c));
                }
                Ok(())
            }
        }
    }

    fn block_scalar(&mut self, parent: Option<usize>) -> BlockError {
        self.pass(1);
        let given = self.peek().and_then(|c| c.to_digit(10));
        self.until(|c| !(c.is_ascii_digit() || c == '-' || c == '+'));
        if self.peek().is_some_and(|c| !is_break(c)) {
            return Err("something behind the head of a block");
        }
        self.pass(1);
        let least = parent.map_or(1, |column| column + 1);
        let mut indent = given.map(|n| parent.unwrap_or(0) + n as usize);
        let mut most = least;
        while self.at < self.text.len() {
            let start = self.at;
            self.until(|c| c != ' ');
            let spaces = self.at - start;
            if self.peek().is_none_or(is_break) {
                most = most.max(spaces);
            } else if spaces < *indent.get_or_insert(most.max(spaces)) {
                self.at = start;
                return Ok(());
            }
            self.until(is_break);
            self.pass(1);
        }
        Ok(())
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Whether a token of so many characters ends here, as it must to be one.
    fn ends_at(&self, n: usize) -> bool {
        let next = self.rest().chars().nth(n);
        next.is_none_or(|c| c == ' ' || c == '\t' || is_break(c))
    }

    fn pass(&mut self, n: usize) {
        self.at += self
            .rest()
            .chars()
            .take(n)
            .map(char::len_utf8)
            .sum::<usize>();
    }

    fn skip(&mut self, what: char) {
        self.until(|c| c != what);
    }

    fn until(&mut self, end: impl Fn(char) -> bool) {
        self.at += self.rest().find(end).unwrap_or(self.rest().len());
    }
}

/// What the parser takes for the end of a line.
fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_does_not_write_is_refused_wherever_it_hides() {
        let hidden = [
            "[[",
            "a: [1]",
            "- [",
            "? [",
            "- - {a: ",
            "a: &b c",
            "- *a",
            "--- [",
            "a\n---\n[",
            "%TAG ! x",
            "!t [",
            "- !t {",
            "'a': [",
            "\"a\\\"\": [",
            "-\t[",
            "a: |\n  text\n b: [",
            "- |\n  x\n  - [\n- [",
            "k:\n    |\n  b: [",
            "a: |2\n  x\n [",
            "a\r- [",
            "a: 'b' [",
            "a: b: [",
            "- |\n\n  x\n [",
            "a: |-\n  x\u{2028}b: [",
        ];
        for text in hidden {
            assert!(scan(text).is_err(), "{text:?}");
        }
        assert!(scan(&"- ".repeat(DEPTH + 1)).is_err());
        assert!(scan(&"- ".repeat(DEPTH)).is_ok());
    }
}
