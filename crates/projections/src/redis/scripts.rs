//! The scripts that run at the server, each all at once, and what they answer.

use fred::{
    clients::Client,
    types::{Value, scripts::Script},
};

use super::RedisModelError;

/// What became of what was brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is there now.
    Applied,
    /// It was there already.
    Duplicate,
    /// Something is missing before it.
    Gap,
    /// The generation is made from another log.
    Fork,
    /// There is no such generation, or what is there is damaged.
    Rebuild,
}

impl Answer {
    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "applied" => Self::Applied,
            "duplicate" => Self::Duplicate,
            "gap" => Self::Gap,
            "fork" => Self::Fork,
            "rebuild" => Self::Rebuild,
            _ => return None,
        })
    }
}

pub(super) struct Scripts {
    pub(super) step: Script,
    pub(super) begin: Script,
    pub(super) fill: Script,
    pub(super) switch: Script,
    pub(super) look: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            step: Script::from_lua(concat!(include_str!("change.lua"), include_str!("step.lua"))),
            begin: Script::from_lua(include_str!("begin.lua")),
            fill: Script::from_lua(concat!(include_str!("change.lua"), include_str!("fill.lua"))),
            switch: Script::from_lua(include_str!("switch.lua")),
            look: Script::from_lua(include_str!("look.lua")),
        }
    }
}

pub(super) async fn run(
    client: &Client,
    script: &Script,
    keys: Vec<String>,
    arguments: Vec<String>,
) -> Result<Answer, RedisModelError> {
    let answer: String = script.evalsha_with_reload(client, keys, arguments).await?;
    Answer::read(&answer).ok_or(RedisModelError::Unreadable)
}

/// What a script tells, as texts.
pub(super) async fn ask(
    client: &Client,
    script: &Script,
    keys: Vec<String>,
    arguments: Vec<String>,
) -> Result<Vec<String>, RedisModelError> {
    let told: Vec<Value> = script.evalsha_with_reload(client, keys, arguments).await?;
    told.into_iter().map(|value| value.into_string().ok_or(RedisModelError::Unreadable)).collect()
}
