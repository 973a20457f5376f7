//! Everything that runs: the provider, and each server in front of it.

use std::{net::SocketAddr, time::Duration};

use super::{
    gateway::{Gateway, Known},
    helper::Helper,
    nginx::Nginx,
    processes, provider, proxy,
};
use crate::on_core::{Cores, OnCore};

/// What is loaded.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) name: &'static str,
    pub(super) address: SocketAddr,
    pub(super) pid: u32,
    /// Whose tokens ask: a gateway's at each server, so that all get as many bytes.
    pub(super) keys: Vec<String>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Gateway(Box<Gateway>),
    Nginx { _nginx: Nginx },
    Helper { _helper: Helper },
}

/// All of them. The yardstick of the ratios comes first.
#[derive(Debug)]
pub(super) struct Servers {
    all: [Server; 4],
    _provider: Helper,
}

impl Servers {
    /// Starts everything: what is measured on a core of its own, where there is one. Only one thread may call this, which
    /// is moved about.
    pub(super) async fn start(cores: Option<Cores>) -> Self {
        let provider = provider::start();
        let core = cores.map(|cores| cores.measured);
        let (nginx, proxy) = {
            let _there = core.map(OnCore::move_to);
            (Nginx::start(provider.address).await, proxy::start(provider.address))
        };
        let gateway = Gateway::start(provider.address, core).await;
        let relay = Gateway::relay(provider.address, Known::default(), core).await;
        let keys = gateway.keys.clone();
        let server = |name, address, pid, kind| Server { name, address, pid, keys: keys.clone(), kind };
        let all = [
            server("nginx", nginx.address, nginx.pid(), Kind::Nginx { _nginx: nginx }),
            server("bare hyper proxy", proxy.address, proxy.pid(), Kind::Helper { _helper: proxy }),
            Server::of("Veloera", gateway),
            Server::of("Veloera, a relay node", relay),
        ];
        Self { all, _provider: provider }
    }

    pub(super) fn all(&self) -> &[Server] {
        &self.all
    }

    /// What each holds in memory, in KiB.
    pub(super) fn resident(&self) -> Vec<(&'static str, u64)> {
        self.all.iter().map(|server| (server.name, processes::resident_kib(server.pid))).collect()
    }
}

impl Server {
    /// A gateway.
    pub(super) fn of(name: &'static str, gateway: Gateway) -> Self {
        Self {
            name,
            address: gateway.address(),
            pid: gateway.pid(),
            keys: gateway.keys.clone(),
            kind: Kind::Gateway(Box::new(gateway)),
        }
    }

    /// Waits until all that was asked of it is done, and says how long that took; `None`: too long.
    pub(super) async fn quiet(&self) -> Option<Duration> {
        match &self.kind {
            Kind::Gateway(gateway) => gateway.quiet().await,
            // Who only proxies has nothing left to do once it has answered.
            Kind::Nginx { .. } | Kind::Helper { .. } => Some(Duration::ZERO),
        }
    }

    /// Ends it in order, where it is a gateway.
    pub(super) async fn end(self) {
        if let Kind::Gateway(gateway) = self.kind {
            gateway.end().await;
        }
    }

    /// Whether its threads have names that say what they do.
    pub(super) const fn has_named_threads(&self) -> bool {
        matches!(self.kind, Kind::Gateway(_))
    }
}
