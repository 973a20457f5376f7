//! The members that route or price, each read with one meaning or refused.

use super::{CHOICES_MAX, Form, MODEL_BYTES_MAX, RequestError, Says, prompt};
use crate::{
    input::Tally,
    json::{self, Kind, valid},
    splice::Member,
};

const MODEL: &str = "a text of 1 to 256 bytes without NUL";
const MESSAGES: &str = "a non-empty array";
const PROMPT: &str = "a text, tokens, or an array of 1 to 2048 of one of them";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) model: String,
    pub(super) stream: bool,
    pub(super) wants_usage: bool,
    pub(super) service_tier: Option<String>,
    pub(super) tally: Tally,
    pub(super) output_limit: Option<u64>,
    other_limit: Option<u64>,
    choices: u64,
    inputs: u64,
    is_asked: bool,
}

impl Facts {
    pub(super) fn read(form: &Form, body: &str, members: &[Member]) -> Result<Self, RequestError> {
        let mut facts = Self::unread();
        let mut seen = 0_u32;
        for member in members {
            let value = &body[member.value.clone()];
            let name = json::text(&body[member.key.clone()]).ok_or(RequestError::Json)?;
            if let Some(place) = form.routing.iter().position(|(param, _)| folds_to(&name, param)) {
                let (param, says) = form.routing[place];
                if name != param {
                    return Err(RequestError::OtherCase { param, found: name.into_owned() });
                }
                let bit = 1 << place;
                if seen & bit != 0 {
                    return Err(RequestError::Repeated { param });
                }
                seen |= bit;
                facts.take(form, param, says, value)?;
            } else if form.read.contains(&&*name) && json::kind(value) != Kind::Null {
                facts.tally.raw(value);
            }
        }
        facts.checked(form)
    }

    /// How many answers are written: so many for each prompt.
    pub(super) const fn choices(&self) -> u64 {
        self.choices.saturating_mul(self.inputs)
    }

    fn unread() -> Self {
        Self {
            model: String::new(),
            stream: false,
            wants_usage: false,
            service_tier: None,
            tally: Tally::default(),
            output_limit: None,
            other_limit: None,
            choices: 1,
            inputs: 1,
            is_asked: false,
        }
    }

    fn checked(self, form: &Form) -> Result<Self, RequestError> {
        if self.model.is_empty() {
            return Err(RequestError::Missing { param: "model", expected: MODEL });
        }
        for (param, says) in form.routing {
            match says {
                Says::Messages if !self.is_asked => {
                    return Err(RequestError::Missing { param, expected: MESSAGES });
                }
                Says::Input if !self.is_asked => {
                    return Err(RequestError::Missing { param, expected: PROMPT });
                }
                _ => {}
            }
        }
        match (form.limit, self.output_limit, self.other_limit) {
            (Some(param), Some(own), Some(other)) if own != other => Err(RequestError::TwoLimits { param }),
            _ => Ok(self),
        }
    }

    fn take(
        &mut self,
        form: &Form,
        param: &'static str,
        says: Says,
        value: &str,
    ) -> Result<(), RequestError> {
        let wrong = |expected| RequestError::Wrong { param, expected };
        let kind = json::kind(value);
        match says {
            Says::Model => self.model = model(value).ok_or_else(|| wrong(MODEL))?,
            Says::Messages => self.messages(value).ok_or_else(|| wrong(MESSAGES))?,
            Says::Input => self.prompt(value).ok_or_else(|| wrong(PROMPT))?,
            _ if kind == Kind::Null => {}
            Says::Prompt => self.prompt(value).ok_or_else(|| wrong(PROMPT))?,
            Says::Stream => {
                self.stream = boolean(value).ok_or_else(|| wrong("true or false"))?;
                if self.stream && !form.streams {
                    return Err(wrong("false: this answer comes in one piece"));
                }
            }
            Says::StreamOptions => self.wants_usage = asks_for_usage(value)?,
            Says::Choices => {
                let choices = integer(value).filter(|choices| *choices <= CHOICES_MAX);
                self.choices = self.choices.max(choices.ok_or_else(|| wrong("an integer from 1 to 128"))?);
            }
            Says::Limit => self.limit(form, param, value)?,
            Says::OtherLimit => {
                let limit = number(param, value)?;
                if self.other_limit.is_some_and(|other| other != limit) {
                    return Err(RequestError::TwoLimits { param: form.limit.unwrap_or(param) });
                }
                self.other_limit = Some(limit);
            }
            Says::ServiceTier => {
                self.service_tier = Some(json::text(value).ok_or_else(|| wrong("a text"))?.into_owned());
            }
            Says::Bool if kind != Kind::Bool => return Err(wrong("true or false")),
            Says::Tools if kind != Kind::Array => return Err(wrong("an array")),
            Says::Tools => self.tally.raw(value),
            Says::Number => _ = number(param, value)?,
            Says::Text if kind != Kind::Text => return Err(wrong("a text")),
            Says::Bool | Says::Text => {}
        }
        Ok(())
    }

    fn messages(&mut self, value: &str) -> Option<()> {
        valid::elements(value, |message| {
            self.tally.messages += 1;
            self.tally.message(message);
        })
        .ok()?;
        self.is_asked = self.tally.messages > 0;
        self.is_asked.then_some(())
    }

    fn prompt(&mut self, value: &str) -> Option<()> {
        self.inputs = prompt::count(value, &mut self.tally)?;
        self.is_asked = true;
        Some(())
    }

    /// Of two names for one limit, both may be given, but only alike.
    fn limit(&mut self, form: &Form, param: &'static str, value: &str) -> Result<(), RequestError> {
        let limit = number(param, value)?;
        if self.output_limit.is_some_and(|other| other != limit) {
            return Err(RequestError::TwoLimits { param: form.limit.unwrap_or(param) });
        }
        self.output_limit = Some(limit);
        Ok(())
    }
}

/// Whether a reader who does not tell cases apart takes `name` for `param`, which is lower case: two letters beyond ASCII
/// fold into it.
fn folds_to(name: &str, param: &str) -> bool {
    let fold = |letter| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    if name.is_ascii() { name.eq_ignore_ascii_case(param) } else { name.chars().map(fold).eq(param.chars()) }
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

fn number(param: &'static str, value: &str) -> Result<u64, RequestError> {
    integer(value).ok_or(RequestError::Wrong { param, expected: "an integer of at least 1" })
}

fn asks_for_usage(options: &str) -> Result<bool, RequestError> {
    let mut found = Vec::new();
    valid::fields(options, |name, value| {
        if folds_to(name, "include_usage") {
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
