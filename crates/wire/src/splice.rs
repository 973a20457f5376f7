//! Changes to an object that leave every other byte as it was.

use std::ops::Range;

use crate::json;

/// Where a member stands in its object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) key: Range<usize>,
    pub(crate) value: Range<usize>,
}

/// What becomes of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Change {
    #[default]
    Keep,
    Drop,
    /// Other JSON in the place of the name, the value or both.
    Edit {
        key: Option<String>,
        value: Option<String>,
    },
}

/// The members of an object, where they stand.
pub(crate) fn members(object: &str) -> serde_json::Result<Vec<Member>> {
    let base = object.as_ptr().addr();
    let place = |part: &str| {
        let start = part.as_ptr().addr() - base;
        start..start + part.len()
    };
    let mut members = Vec::new();
    json::members(object, |key, value| members.push(Member { key: place(key), value: place(value) }))?;
    Ok(members)
}

/// The object with each member changed as said, and `added` (whole members) at its end.
pub(crate) fn splice(object: &[u8], members: &[Member], changes: &[Change], added: &[String]) -> Vec<u8> {
    let start = members.first().map_or_else(|| after_brace(object), |first| first.key.start);
    let room = object.len() + 256;
    let mut out = Vec::with_capacity(room);
    out.extend_from_slice(&object[..start]);
    let (mut end, mut is_first) = (start, true);
    for (member, change) in members.iter().zip(changes) {
        let comma = &object[end..member.key.start];
        end = member.value.end;
        let (key, value) = match change {
            Change::Drop => continue,
            Change::Keep => (None, None),
            Change::Edit { key, value } => (key.as_ref(), value.as_ref()),
        };
        if !is_first {
            out.extend_from_slice(comma);
        }
        is_first = false;
        out.extend_from_slice(key.map_or(&object[member.key.clone()], String::as_bytes));
        out.extend_from_slice(&object[member.key.end..member.value.start]);
        out.extend_from_slice(value.map_or(&object[member.value.clone()], String::as_bytes));
    }
    for member in added {
        if !is_first {
            out.push(b',');
        }
        is_first = false;
        out.extend_from_slice(member.as_bytes());
    }
    out.extend_from_slice(&object[end..]);
    out
}

/// The object without its members of that name.
pub(crate) fn without(object: &str, name: &str) -> serde_json::Result<Vec<u8>> {
    let members = members(object)?;
    let is_named = |member: &Member| json::text(&object[member.key.clone()]).as_deref() == Some(name);
    let changes: Vec<_> =
        members.iter().map(|member| if is_named(member) { Change::Drop } else { Change::Keep }).collect();
    Ok(splice(object.as_bytes(), &members, &changes, &[]))
}

fn after_brace(object: &[u8]) -> usize {
    memchr::memchr(b'{', object).map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_leaves_with_its_comma() {
        for (before, after) in [
            (r#"{"a":1, "b" : 2 ,"c":3}"#, r#"{"a":1 ,"c":3}"#),
            (r#"{ "b":1, "c":3 }"#, r#"{ "c":3 }"#),
            (r#"{"a":1, "b":3 }"#, r#"{"a":1 }"#),
            (r#"{"b":1}"#, "{}"),
            (r#"{"b":1,"\u0062":[2]}"#, "{}"),
            (r#"{"c":{"b":1}}"#, r#"{"c":{"b":1}}"#),
        ] {
            assert_eq!(String::from_utf8(without(before, "b").unwrap()).unwrap(), after);
        }
    }

    #[test]
    fn an_empty_object_gets_its_first_member_without_a_comma() {
        assert_eq!(splice(b" { } ", &[], &[], &[r#""a":1"#.to_owned()]), br#" {"a":1 } "#);
    }
}
