//! The members that route or price, each read with one meaning or refused.

use super::{CHOICES_MAX, MODEL_BYTES_MAX, RequestError};
use crate::{
    json::{self, Kind},
    openai_chat::input::Tally,
    splice::Member,
};

/// Members of which a request has one, spelled so: what they say must not depend on who reads it.
const ROUTING: [&str; 10] = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "n",
    "max_tokens",
    "max_completion_tokens",
    "service_tier",
    "store",
    "tools",
];
/// Members that the model reads in the end, as they are.
const SCHEMAS: [&str; 3] = ["functions", "response_format", "prediction"];

const MODEL: &str = "a text of 1 to 256 bytes without NUL";
const MESSAGES: &str = "a non-empty array";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) model: String,
    pub(super) stream: bool,
    pub(super) wants_usage: bool,
    pub(super) choices: u64,
    pub(super) service_tier: Option<String>,
    pub(super) tally: Tally,
    pub(super) messages: u64,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
}

impl Facts {
    pub(super) fn read(body: &str, members: &[Member]) -> Result<Self, RequestError> {
        let mut facts = Self::unread();
        let mut seen = [false; ROUTING.len()];
        for member in members {
            let value = &body[member.value.clone()];
            let name = json::text(&body[member.key.clone()]).ok_or(RequestError::Json)?;
            let folded = folded(&name);
            if let Some(place) = ROUTING.iter().position(|param| *param == folded) {
                let param = ROUTING[place];
                if name != param {
                    return Err(RequestError::OtherCase { param, found: name.into_owned() });
                }
                if std::mem::replace(&mut seen[place], true) {
                    return Err(RequestError::Repeated { param });
                }
                facts.take(param, value)?;
            } else if SCHEMAS.contains(&&*name) && json::kind(value) != Kind::Null {
                facts.tally.raw(value);
            }
        }
        facts.checked()
    }

    pub(super) fn output_limit(&self) -> Option<u64> {
        self.max_completion_tokens.or(self.max_tokens)
    }

    fn unread() -> Self {
        Self {
            model: String::new(),
            stream: false,
            wants_usage: false,
            choices: 1,
            service_tier: None,
            tally: Tally::default(),
            messages: 0,
            max_tokens: None,
            max_completion_tokens: None,
        }
    }

    fn checked(self) -> Result<Self, RequestError> {
        if self.model.is_empty() {
            return Err(RequestError::Missing { param: "model", expected: MODEL });
        }
        if self.messages == 0 {
            return Err(RequestError::Missing { param: "messages", expected: MESSAGES });
        }
        match (self.max_tokens, self.max_completion_tokens) {
            (Some(old), Some(new)) if old != new => Err(RequestError::TwoLimits),
            _ => Ok(self),
        }
    }

    fn take(&mut self, param: &'static str, value: &str) -> Result<(), RequestError> {
        let wrong = |expected| RequestError::Wrong { param, expected };
        let kind = json::kind(value);
        match param {
            "model" => self.model = model(value).ok_or_else(|| wrong(MODEL))?,
            "messages" => self.messages = self.messages(value).ok_or_else(|| wrong(MESSAGES))?,
            _ if kind == Kind::Null => {}
            "stream" => self.stream = boolean(value).ok_or_else(|| wrong("true or false"))?,
            "stream_options" => self.wants_usage = asks_for_usage(value)?,
            "n" => {
                let choices = integer(value).filter(|choices| *choices <= CHOICES_MAX);
                self.choices = choices.ok_or_else(|| wrong("an integer from 1 to 128"))?;
            }
            "max_tokens" => self.max_tokens = Some(limit(param, value)?),
            "max_completion_tokens" => self.max_completion_tokens = Some(limit(param, value)?),
            "service_tier" => {
                self.service_tier = Some(json::text(value).ok_or_else(|| wrong("a text"))?.into_owned());
            }
            "store" if kind != Kind::Bool => return Err(wrong("true or false")),
            "tools" if kind != Kind::Array => return Err(wrong("an array")),
            "tools" => self.tally.raw(value),
            _ => {}
        }
        Ok(())
    }

    fn messages(&mut self, value: &str) -> Option<u64> {
        let mut messages = 0;
        json::elements(value, |message| {
            messages += 1;
            self.tally.message(message);
        })
        .ok()?;
        (messages > 0).then_some(messages)
    }
}

/// The name as a reader sees it who does not tell cases apart: two letters beyond ASCII fold into it.
fn folded(name: &str) -> String {
    let fold = |letter| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    name.chars().map(fold).collect()
}

fn model(value: &str) -> Option<String> {
    let name = json::text(value)?;
    let is_good = !name.is_empty() && name.len() <= MODEL_BYTES_MAX && !name.contains('\0');
    is_good.then(|| name.into_owned())
}

fn boolean(value: &str) -> Option<bool> {
    value.parse().ok()
}

fn integer(value: &str) -> Option<u64> {
    value.parse().ok().filter(|number| *number > 0)
}

fn limit(param: &'static str, value: &str) -> Result<u64, RequestError> {
    integer(value).ok_or(RequestError::Wrong { param, expected: "an integer of at least 1" })
}

fn asks_for_usage(options: &str) -> Result<bool, RequestError> {
    let mut found = Vec::new();
    json::fields(options, |name, value| {
        if folded(name) == "include_usage" {
            found.push((name == "include_usage", value));
        }
    })
    .map_err(|_| RequestError::Wrong { param: "stream_options", expected: "an object" })?;
    let param = "stream_options.include_usage";
    match *found {
        [] | [(true, "null")] => Ok(false),
        [(true, value)] => boolean(value).ok_or(RequestError::Wrong { param, expected: "true or false" }),
        [(false, _)] => Err(RequestError::Wrong { param, expected: "spelled in lower case" }),
        _ => Err(RequestError::Repeated { param }),
    }
}
