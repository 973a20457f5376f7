//! A request, read once: what we price is what the provider runs.

use bytes::Bytes;
use thiserror::Error;

use self::facts::Facts;
pub(crate) use self::form::{Form, Says};
pub use self::tuning::Tuning;
use crate::{
    Input,
    json::{self, DEPTH_MAX, Kind},
    splice::{self, Member},
};

mod facts;
mod form;
mod prompt;
mod tuning;

/// The most answers that may be asked for at once, for each prompt.
pub const CHOICES_MAX: u64 = 128;
/// The most prompts, or texts to embed, in one request.
pub const INPUTS_MAX: u64 = 2_048;
/// The longest name of a model, in bytes.
pub const MODEL_BYTES_MAX: usize = 256;
/// The most members that a request may have at top level.
pub const MEMBERS_MAX: usize = 1_024;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub(crate) body: Bytes,
    pub(crate) members: Vec<Member>,
    pub(crate) form: &'static Form,
    facts: Facts,
}

/// Why a body is no request.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RequestError {
    /// It cannot be read at all.
    #[error("the body is not valid JSON; send one JSON object in UTF-8 and nothing after it")]
    Json,
    /// It is another kind of JSON.
    #[error("the body must be a JSON object with `model` and what to ask it")]
    NotObject,
    /// It is nested so deep that a reader may fail.
    #[error("the body is nested too deep; objects and arrays may go {DEPTH_MAX} levels deep")]
    TooDeep,
    /// It has more members than any request needs.
    #[error("the body has too many members; at most {MEMBERS_MAX} are taken at top level")]
    TooManyMembers,
    /// Something is not there that must be.
    #[error("`{param}` is missing; it must be {expected}")]
    Missing {
        /// The member.
        param: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A member that two readers may read differently.
    #[error("`{param}` occurs more than once; send it once")]
    Repeated {
        /// The member.
        param: &'static str,
    },
    /// A member that some readers take for another.
    #[error("{found:?} must be spelled `{param}`")]
    OtherCase {
        /// How it should be written.
        param: &'static str,
        /// How it is written.
        found: String,
    },
    /// A member of the wrong kind.
    #[error("`{param}` must be {expected}")]
    Wrong {
        /// The member.
        param: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// Two limits, of which a provider would choose one.
    #[error("the limits of the output differ; send only `{param}`")]
    TwoLimits {
        /// The one that the format means.
        param: &'static str,
    },
}

impl RequestError {
    /// The member that is at fault.
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::Json | Self::NotObject | Self::TooDeep | Self::TooManyMembers => None,
            Self::Missing { param, .. }
            | Self::Repeated { param }
            | Self::Wrong { param, .. }
            | Self::TwoLimits { param } => Some(param),
            Self::OtherCase { found, .. } => Some(found),
        }
    }
}

impl Request {
    /// Reads a body of that form.
    ///
    /// # Errors
    /// When it is no JSON object, or a member that routes or prices is missing, of the wrong kind or ambiguous.
    pub(crate) fn read(form: &'static Form, body: Bytes) -> Result<Self, RequestError> {
        let text = std::str::from_utf8(&body).map_err(|_| RequestError::Json)?;
        if json::kind(text) != Kind::Object {
            return Err(if json::is_json(text) { RequestError::NotObject } else { RequestError::Json });
        }
        let members = splice::members(text).map_err(|_| RequestError::Json)?;
        if members.len() > MEMBERS_MAX {
            return Err(RequestError::TooManyMembers);
        }
        if json::is_too_deep(text.as_bytes()) {
            return Err(RequestError::TooDeep);
        }
        let facts = Facts::read(form, text, &members)?;
        Ok(Self { body, members, form, facts })
    }

    /// The model that is asked.
    pub fn model(&self) -> &str {
        &self.facts.model
    }

    /// Whether the answer is to come piece by piece.
    pub fn stream(&self) -> bool {
        self.facts.stream
    }

    /// Whether the client asks for the usage of a stream.
    pub fn wants_usage(&self) -> bool {
        self.facts.wants_usage
    }

    /// The most tokens that each answer may have, where the client or the form says so.
    pub fn output_limit(&self) -> Option<u64> {
        match self.form.limit {
            Some(_) => self.facts.output_limit,
            None => Some(0),
        }
    }

    /// How many answers are written, whether or not the client gets to see them all.
    pub fn choices(&self) -> u64 {
        self.facts.choices()
    }

    /// The speed that the client wants to pay for.
    pub fn service_tier(&self) -> Option<&str> {
        self.facts.service_tier.as_deref()
    }

    /// What there is to read for the model.
    pub fn input(&self) -> Input {
        self.facts.tally.input()
    }
}
