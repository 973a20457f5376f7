//! A request as a provider wants it.

use bytes::Bytes;

use crate::{
    Request, json,
    splice::{self, Change, splice},
};

const ASKED: &str = r#""include_usage":true"#;

/// What a provider wants otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct Edits<'a> {
    /// Its name of the model.
    pub model: Option<&'a str>,
    /// It tells the usage of a stream only when asked.
    pub ask_for_usage: bool,
    /// The most tokens of an answer, where the client names no limit.
    pub output_limit: Option<u64>,
    /// Members at top level that it calls otherwise: the client's name, then the provider's.
    pub rename: &'a [(String, String)],
    /// Members at top level that it refuses, by the client's name.
    pub drop: &'a [String],
}

impl Request {
    /// The body with these edits; every other byte stays as it was. Without any it is the same body, not a copy.
    pub fn rewritten(&self, edits: &Edits<'_>) -> Bytes {
        let mut plan = Plan::new(self);
        if let Some(model) = edits.model {
            plan.set("model", json::quoted(model));
        }
        if edits.ask_for_usage && !self.wants_usage() {
            plan.set("stream_options", self.asking_options());
        }
        if let (Some(limit), None, Some(name)) = (edits.output_limit, self.output_limit(), self.form.limit) {
            plan.set(name, limit.to_string());
        }
        plan.drop(edits.drop);
        plan.rename(edits.rename);
        plan.carried_out(self)
    }

    /// The client's options for streams, and that the usage is asked for.
    fn asking_options(&self) -> String {
        let whole = || format!("{{{ASKED}}}");
        let Some(options) = self.value("stream_options") else { return whole() };
        let Ok(members) = splice::members(options) else { return whole() };
        let is_asked = |key: &str| json::text(key).as_deref() == Some("include_usage");
        let value = Some("true".to_owned());
        let changes: Vec<_> = members
            .iter()
            .map(|member| {
                let is_asked = is_asked(&options[member.key.clone()]);
                if is_asked { Change::Edit { key: None, value: value.clone() } } else { Change::Keep }
            })
            .collect();
        let added =
            if changes.iter().all(|change| *change == Change::Keep) { &[ASKED.to_owned()][..] } else { &[] };
        String::from_utf8(splice(options.as_bytes(), &members, &changes, added)).unwrap_or_else(|_| whole())
    }

    fn value(&self, name: &str) -> Option<&str> {
        let member = self.members.iter().find(|member| self.name(member.key.clone()) == name)?;
        std::str::from_utf8(&self.body[member.value.clone()]).ok()
    }

    /// A member's name; one that is no text was refused when the body was read.
    fn name(&self, key: std::ops::Range<usize>) -> String {
        let raw = std::str::from_utf8(&self.body[key]).unwrap_or_default();
        json::text(raw).unwrap_or_default().into_owned()
    }
}

/// What becomes of each member, and what comes after them.
struct Plan {
    slots: Vec<Slot>,
    /// How many of them the client sent.
    sent: usize,
}

struct Slot {
    name: String,
    is_null: bool,
    is_dropped: bool,
    key: Option<String>,
    value: Option<String>,
}

impl Plan {
    fn new(request: &Request) -> Self {
        let slot = |member: &splice::Member| Slot {
            name: request.name(member.key.clone()),
            is_null: request.body[member.value.clone()] == *b"null",
            is_dropped: false,
            key: None,
            value: None,
        };
        Self { slots: request.members.iter().map(slot).collect(), sent: request.members.len() }
    }

    fn set(&mut self, name: &str, value: String) {
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.name == name) {
            (slot.is_null, slot.value) = (false, Some(value));
            return;
        }
        let name = name.to_owned();
        self.slots.push(Slot { name, is_null: false, is_dropped: false, key: None, value: Some(value) });
    }

    fn drop(&mut self, names: &[String]) {
        for slot in &mut self.slots {
            slot.is_dropped = names.contains(&slot.name);
        }
    }

    /// A name is given once: a member that says nothing makes way, another stays and the renamed one goes.
    fn rename(&mut self, names: &[(String, String)]) {
        for (from, to) in names.iter().filter(|(from, to)| from != to) {
            let is_live = |slot: &Slot| !slot.is_dropped && slot.key.is_none() && slot.name == *from;
            if !self.slots.iter().any(is_live) {
                continue;
            }
            let is_taken = |slot: &Slot| !slot.is_dropped && *slot.key.as_ref().unwrap_or(&slot.name) == *to;
            let says_nothing = self.slots.iter().filter(|slot| is_live(slot)).all(|slot| slot.is_null);
            let stays = self.slots.iter().any(|slot| is_taken(slot) && (says_nothing || !slot.is_null));
            for slot in &mut self.slots {
                if is_live(slot) {
                    slot.is_dropped = stays;
                    slot.key = (!stays).then(|| to.clone());
                } else if is_taken(slot) && !stays {
                    slot.is_dropped = true;
                }
            }
        }
    }

    fn carried_out(self, request: &Request) -> Bytes {
        let is_kept = |slot: &Slot| !slot.is_dropped && slot.key.is_none() && slot.value.is_none();
        if self.slots.iter().all(is_kept) {
            return request.body.clone();
        }
        let mut changes = Vec::with_capacity(self.sent);
        let mut added = Vec::new();
        for (place, slot) in self.slots.into_iter().enumerate() {
            let key = slot.key.as_deref().map(json::quoted);
            if place < self.sent {
                let edit = Change::Edit { key, value: slot.value };
                changes.push(if slot.is_dropped { Change::Drop } else { edit });
            } else if !slot.is_dropped {
                let key = key.unwrap_or_else(|| json::quoted(&slot.name));
                added.push(format!("{key}:{}", slot.value.unwrap_or_default()));
            }
        }
        splice(&request.body, &request.members, &changes, &added).into()
    }
}
