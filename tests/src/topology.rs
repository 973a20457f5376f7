//! How nodes of one cluster are started.

use std::net::{SocketAddr, TcpListener};

use servers::Database;

use crate::Launch;

/// All nodes are given the same.
pub const MASTER_KEY: &str = "5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed";

/// A control node with a demo, at an address of its own, on that database if `launch` names no other way to it.
pub fn control(launch: Launch, database: &Database) -> Launch {
    let launch = if launch.sets("DATABASE_URL") { launch } else { launch.on(database) };
    launch.role("control").listen(free_address()).set("MASTER_KEY", MASTER_KEY)
}

/// A relay node that joins the control node at `url`.
pub fn relay(launch: Launch, url: &str, join_token: &str) -> Launch {
    launch
        .role("relay")
        .listen(free_address())
        .bare()
        .set("MASTER_KEY", MASTER_KEY)
        .set("CONTROL_URL", url)
        .set("JOIN_TOKEN", join_token)
}

/// A node that is started again must be found where it was.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address")
}
