//! Walks JSON that was read before, such as a value that [`super::fields`] has shown: what is inside need not be checked
//! once more at each level, only found.

use super::{after_text, text};

/// It is no object, or no array; or it was not JSON after all, and what was shown is all that could be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Otherwise;

/// Shows every member of an object by its name. A name that is no text, a lone surrogate, is passed over.
pub(crate) fn fields<'a>(object: &'a str, mut each: impl FnMut(&str, &'a str)) -> Result<(), Otherwise> {
    let mut walk = Walk::into(object, b'{')?;
    while let Some(key) = walk.next(b'}')? {
        if !key.starts_with('"') {
            return Err(Otherwise);
        }
        walk.pass(b':')?;
        let value = walk.value()?;
        if let Some(name) = text(key) {
            each(&name, value);
        }
    }
    Ok(())
}

/// Shows every element of an array.
pub(crate) fn elements<'a>(array: &'a str, mut each: impl FnMut(&'a str)) -> Result<(), Otherwise> {
    let mut walk = Walk::into(array, b'[')?;
    while let Some(element) = walk.next(b']')? {
        each(element);
    }
    Ok(())
}

struct Walk<'a> {
    json: &'a str,
    at: usize,
    is_first: bool,
}

impl<'a> Walk<'a> {
    fn into(json: &'a str, opening: u8) -> Result<Self, Otherwise> {
        let mut walk = Self { json, at: 0, is_first: true };
        walk.pass(opening)?;
        Ok(walk)
    }

    /// What stands next before `closing`, if anything does.
    fn next(&mut self, closing: u8) -> Result<Option<&'a str>, Otherwise> {
        if self.peek() == Some(closing) {
            return Ok(None);
        }
        if !std::mem::replace(&mut self.is_first, false) {
            self.pass(b',')?;
        }
        self.value().map(Some)
    }

    fn pass(&mut self, byte: u8) -> Result<(), Otherwise> {
        let is_there = self.peek() == Some(byte);
        self.at += 1;
        if is_there { Ok(()) } else { Err(Otherwise) }
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.json.as_bytes().get(self.at..)?;
        let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.at += blank;
        rest.get(blank).copied()
    }

    fn value(&mut self) -> Result<&'a str, Otherwise> {
        let first = self.peek().ok_or(Otherwise)?;
        let (start, json) = (self.at, self.json.as_bytes());
        self.at = match first {
            b'"' => after_text(json, start + 1),
            b'{' | b'[' => after_brackets(json, start),
            _ => json[start..].iter().position(|byte| is_after(*byte)).map_or(json.len(), |end| start + end),
        };
        self.json.get(start..self.at).filter(|value| !value.is_empty()).ok_or(Otherwise)
    }
}

/// Whether a number, `true`, `false` or `null` has ended before it.
const fn is_after(byte: u8) -> bool {
    matches!(byte, b',' | b'}' | b']' | b':') || byte.is_ascii_whitespace()
}

/// Behind the bracket that closes the one at `at`.
fn after_brackets(json: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(byte) = json.get(at) {
        at += 1;
        match byte {
            b'"' => at = after_text(json, at),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::{Otherwise, elements, fields};
    use crate::json;

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,6}".prop_map(Value::from),
            r#"[\\"{}\[\],: ]{0,6}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(r#"[a-c\\"{}é]{0,3}"#, inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_a_reader_that_checks_finds(value in any_json(), is_pretty in any::<bool>()) {
            let written = if is_pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let text = written.unwrap();
            let (mut found, mut expected) = (Vec::new(), Vec::new());
            let told = fields(&text, |name, value| found.push((name.to_owned(), value)));
            let read = json::fields(&text, |name, value| expected.push((name.to_owned(), value)));
            prop_assert_eq!(told.is_ok(), read.is_ok());
            prop_assert_eq!(found, expected);
            let (mut found, mut expected) = (Vec::new(), Vec::new());
            let told = elements(&text, |element| found.push(element));
            let read = json::elements(&text, |element| expected.push(element));
            prop_assert_eq!(told.is_ok(), read.is_ok());
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn what_is_no_json_after_all_ends_the_walk_and_nothing_else(text in r"[\[{]?.{0,12}") {
            let _ = fields(&text, |_, _| {});
            let _ = elements(&text, |_| {});
        }
    }

    #[test]
    fn what_is_neither_is_said_to_be_so() {
        for text in
            ["", " ", "1", "null", "\"{}\"", "[", "{", "{1:2}", "{\"a\" 1}", "[1 2]", "[,]", "{\"a\"}"]
        {
            assert_eq!(fields(text, |_, _| {}), Err(Otherwise), "{text}");
        }
        assert_eq!(elements("{}", |_| {}), Err(Otherwise));
        assert_eq!(elements("[1,]", |_| {}), Err(Otherwise));
    }
}
