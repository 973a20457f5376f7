//! What nodes say to one another: leases and journals on their way, control events, who a node is.
