//! A streamed answer: passed on frame by frame, counted, and settled before its last frame goes out.

mod first;
mod funds;
mod rest;

pub(crate) use self::{
    first::{First, first},
    funds::Beside,
    rest::{Cut, Step, StreamRest},
};
