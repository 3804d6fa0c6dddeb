//! Options of a servers transport: `http.serversTransports.<name>.…` in a file. Labels
//! cannot declare one.

use super::Form::{Bool, Duration, Free, Group, Int, List, Text};
use super::{Word, later, served};

pub(super) const WORDS: &[Word] = &[
    served("serverName", Text),
    served("insecureSkipVerify", Bool),
    served("rootCAs", List),
    served("certificates[].certFile", Text),
    served("certificates[].keyFile", Text),
    served("peerCertURI", Text),
    served("cipherSuites", List),
    served("minVersion", Text),
    served("maxVersion", Text),
    served("disableHTTP2", Bool),
    served("maxIdleConnsPerHost", Int),
    served("forwardingTimeouts", Group),
    served("forwardingTimeouts.dialTimeout", Duration),
    served("forwardingTimeouts.responseHeaderTimeout", Duration),
    served("forwardingTimeouts.idleConnTimeout", Duration),
    served("forwardingTimeouts.readIdleTimeout", Duration),
    served("forwardingTimeouts.pingTimeout", Duration),
    later("spiffe", Free),
];
