//! What is asked of a node beside calls, for whoever draws traces.

use std::{borrow::Cow, time::Duration};

use domain::{CallId, trace::CallTrace};

/// Takes what was asked. It never waits.
pub trait Onlooker: Send + Sync + 'static {
    /// A request that is recorded was answered, or has begun to be.
    fn answered(&self, asked: Asked);
}

/// Nobody looks.
impl Onlooker for () {
    fn answered(&self, _: Asked) {}
}

/// One request, as far as it concerns nobody.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The request, as its answer names it.
    pub request_id: CallId,
    /// Of a closed list.
    pub method: &'static str,
    /// The route's pattern; nothing where the path leads nowhere.
    pub route: Option<Cow<'static, str>>,
    /// What it was answered with.
    pub status: u16,
    /// From its arrival to the first byte of its answer.
    pub took: Duration,
    /// The trace that it belongs to, in a span of its own.
    pub trace: CallTrace,
}
