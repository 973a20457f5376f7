//! The lines of a snapshot.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use domain::ApiTokenId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::token::{Print, TokenEntry};
use crate::{
    Versioned, budgets::BudgetRow, channels::ChannelRow, groups::GroupRow, prices::PriceRow,
    settings::SettingsRow, tokens::TokenRow, users::UserRow,
};

/// The form of the lines. A node that meets another one asks for all of it anew.
pub(super) const FORMAT: u32 = 2;

#[derive(Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) format: u32,
    pub(super) log_id: Uuid,
    pub(super) position: u64,
    /// How many tokens there are.
    pub(super) tokens: usize,
}

/// A row that is no token, or that there are no more.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    Channel(Box<ChannelRow>),
    User(Box<UserRow>),
    Budget(Box<BudgetRow>),
    Group(GroupRow),
    Price(Box<PriceRow>),
    Settings(Box<SettingsRow>),
    End { rows: usize },
}

/// A token, whole or as much as is known of it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TokenLine {
    Token(Box<Versioned<TokenRow>>),
    /// Whoever wrote this had not read it.
    Unread {
        token_id: ApiTokenId,
        print: u64,
        version: u64,
    },
}

/// Any line, of tokens only what finds them.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReadLine<'l> {
    #[serde(borrow)]
    Token(Versioned<TokenHead<'l>>),
    Unread {
        token_id: ApiTokenId,
        print: u64,
        version: u64,
    },
    Channel(Box<ChannelRow>),
    User(Box<UserRow>),
    Budget(Box<BudgetRow>),
    Group(GroupRow),
    Price(Box<PriceRow>),
    Settings(Box<SettingsRow>),
    End {
        rows: usize,
    },
}

#[derive(Deserialize)]
pub(super) struct TokenHead<'l> {
    pub(super) token_id: ApiTokenId,
    #[serde(borrow)]
    pub(super) key: KeyHead<'l>,
}

#[derive(Deserialize)]
pub(super) struct KeyHead<'l> {
    #[serde(borrow)]
    sha256: Cow<'l, str>,
}

impl KeyHead<'_> {
    pub(super) fn print(&self) -> Print {
        let mut hash = [0; 32];
        hex::decode_to_slice(self.sha256.as_bytes(), &mut hash).map_or(Print::NONE, |()| Print::of(&hash))
    }
}

/// The token of a line that [`TokenLine`] wrote; none where it had not been read.
pub(in super::super) fn token(line: &[u8]) -> serde_json::Result<Option<TokenEntry>> {
    Ok(match serde_json::from_slice(line)? {
        TokenLine::Token(token) => Some(TokenEntry::of(token.version, &token.row)),
        TokenLine::Unread { .. } => None,
    })
}

pub(super) fn write(mut out: impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut out, value)?;
    out.write_all(b"\n")
}
