//! Connections that wait for the next call: those of one runtime.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, Uri, header,
    uri::{Authority, Parts},
};
use http_body_util::Full;
use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    task::JoinSet,
    time::{Instant, sleep},
};
use tower::{Service, ServiceExt as _};

use super::{
    UpstreamError,
    conduit::{Conduit, ConduitBody},
    egress::Dial,
};

/// How long a connection waits for the next call.
const IDLE_MAX: Duration = Duration::from_secs(90);
/// How often those are let go of that waited for too long, or were closed by their provider.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// The connections of one runtime to providers that are reached without TLS.
pub(super) struct Conduits {
    dial: Dial,
    runtime: Handle,
    idle_max: usize,
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    conduits: HashMap<Authority, Vec<(Conduit, Instant)>>,
    /// Works while there is something to sweep.
    sweeper: JoinSet<()>,
}

impl Conduits {
    pub(super) fn new(dial: Dial, runtime: Handle, idle_max: usize) -> Arc<Self> {
        Arc::new(Self { dial, runtime, idle_max, idle: Mutex::default() })
    }

    /// Sends `request` and waits until its answer has begun.
    pub(super) async fn send(
        self: &Arc<Self>,
        request: Request<Bytes>,
    ) -> Result<Response<ConduitBody>, UpstreamError> {
        let uri = request.uri().clone();
        let origin = uri.authority().cloned().ok_or_else(|| unreachable("the URL names no host"))?;
        let mut request = addressed(request, &origin)?.map(Full::new);
        loop {
            let kept = self.take(&origin);
            let was_kept = kept.is_some();
            let conduit = match kept {
                Some(conduit) => conduit,
                // Apart: most calls find a connection, and need not carry this about.
                None => Box::pin(self.connect(uri.clone())).await?,
            };
            match conduit.send(request).await {
                Ok((conduit, answer)) => {
                    return Ok(answer.map(|body| ConduitBody::new(body, conduit, Arc::clone(self), origin)));
                }
                Err(mut error) => match error.take_message() {
                    // Its provider had closed it: nothing was written.
                    Some(unsent) if was_kept => request = unsent,
                    _ => return Err(UpstreamError::broken(error.into_error())),
                },
            }
        }
    }

    async fn connect(&self, uri: Uri) -> Result<Conduit, UpstreamError> {
        let mut dial = self.dial.clone();
        let connected = dial.ready().await.map_err(unreachable)?.call(uri).await.map_err(unreachable)?;
        Conduit::over(connected).await.map_err(unreachable)
    }

    /// The one that was used last: the others may go.
    fn take(&self, origin: &Authority) -> Option<Conduit> {
        let mut idle = self.idle.lock();
        let conduits = idle.conduits.get_mut(origin)?;
        std::iter::from_fn(|| conduits.pop())
            .find_map(|(mut conduit, _)| conduit.is_free().then_some(conduit))
    }

    /// Keeps a connection for the next call.
    pub(super) fn keep(self: &Arc<Self>, origin: &Authority, conduit: Conduit) {
        let mut idle = self.idle.lock();
        let now = Instant::now();
        match idle.conduits.get_mut(origin) {
            Some(conduits) if conduits.len() >= self.idle_max => return,
            Some(conduits) => conduits.push((conduit, now)),
            None => _ = idle.conduits.insert(origin.clone(), vec![(conduit, now)]),
        }
        if idle.sweeper.is_empty() {
            idle.sweeper.spawn_on(sweep(Arc::downgrade(self)), &self.runtime);
        }
    }

    /// Lets go of what nobody needs any more; says whether anything is left.
    fn sweep(&self) -> bool {
        let mut idle = self.idle.lock();
        for conduits in idle.conduits.values_mut() {
            conduits.retain_mut(|(conduit, since)| since.elapsed() < IDLE_MAX && conduit.is_free());
        }
        idle.conduits.retain(|_, conduits| !conduits.is_empty());
        if idle.conduits.is_empty() {
            idle.sweeper = JoinSet::new();
        }
        !idle.conduits.is_empty()
    }
}

async fn sweep(conduits: Weak<Conduits>) {
    loop {
        sleep(SWEEP_EVERY).await;
        if !conduits.upgrade().is_some_and(|conduits| conduits.sweep()) {
            return;
        }
    }
}

/// As HTTP/1 says it: the host in a header, and only the path in the first line.
fn addressed(request: Request<Bytes>, origin: &Authority) -> Result<Request<Bytes>, UpstreamError> {
    let (mut head, body) = request.into_parts();
    let host = HeaderValue::from_str(host_of(origin)).map_err(unreachable)?;
    head.headers.insert(header::HOST, host);
    let mut path = Parts::default();
    path.path_and_query = head.uri.path_and_query().cloned();
    head.uri = Uri::from_parts(path).map_err(unreachable)?;
    Ok(Request::from_parts(head, body))
}

/// The host, with its port where that is another than everyone's, and without what signs in there.
fn host_of(origin: &Authority) -> &str {
    let said = origin.as_str();
    let said = said.rsplit_once('@').map_or(said, |(_, host)| host);
    said.strip_suffix(":80").unwrap_or(said)
}

/// Nothing was written.
fn unreachable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> UpstreamError {
    UpstreamError::Unreachable(error.into())
}
