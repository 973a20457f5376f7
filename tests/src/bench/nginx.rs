//! The yardstick: nginx, which only proxies.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::net::TcpStream;

use super::helper::Running;
use crate::wait;

const START_MAX: Duration = Duration::from_secs(10);
/// Where it lies when the path of whoever measures has no programs of administrators.
const USUAL_PLACE: &str = "/usr/sbin/nginx";

/// A running nginx.
#[derive(Debug)]
pub(super) struct Nginx {
    running: Running,
    /// Where it listens.
    pub(super) address: SocketAddr,
    _folder: TempDir,
}

impl Nginx {
    /// Starts one in front of the provider.
    pub(super) async fn start(provider: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a folder for nginx");
        let address = free_address();
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration(folder.path(), address, provider)).expect("its configuration");
        let said = folder.path().join("said");
        let mut command = Command::new(program());
        command.arg("-p").arg(folder.path()).arg("-e").arg(&said).arg("-c").arg(&file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&said).expect("a log"));
        let running = Running::start(&mut command).expect("nginx starts");
        wait::until("nginx", START_MAX, async || TcpStream::connect(address).await.ok()).await;
        Self { running, address, _folder: folder }
    }

    pub(super) fn pid(&self) -> u32 {
        self.running.pid()
    }
}

/// What it calls itself.
pub(super) fn version() -> String {
    let output = asked_version(&program()).expect("nginx is there");
    // It says so where others complain.
    String::from_utf8_lossy(&output.stderr).trim().replace("nginx version: ", "")
}

fn program() -> PathBuf {
    let places = ["nginx", USUAL_PLACE].map(PathBuf::from);
    let found = places.into_iter().find(|place| asked_version(place).is_ok());
    found.expect("nginx is missing: `infra/setup bench` installs it")
}

fn asked_version(program: &Path) -> std::io::Result<Output> {
    Command::new(program).arg("-v").output()
}

/// One that was free a moment ago: nginx cannot be asked which it chose.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address")
}

/// One worker that keeps its connections, writes nothing down and passes on at once what comes.
fn configuration(folder: &Path, address: SocketAddr, provider: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        "daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/said crit;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
    upstream provider {{
        server {provider};
        keepalive 256;
        keepalive_requests 100000000;
    }}
    server {{
        listen {address};
        tcp_nodelay on;
        keepalive_requests 100000000;
        location / {{
            proxy_pass http://provider;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_buffering off;
        }}
    }}
}}
"
    )
}
