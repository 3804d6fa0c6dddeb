//! `serversTransport.*`: how servers are spoken to of services that name no transport.

use super::super::ConfigError;
use super::super::flag::Assignment;
use super::duration;
use crate::model::{Pem, ServersTransport};

pub(super) fn assign(transport: &mut ServersTransport, it: &Assignment) -> Result<(), ConfigError> {
    match it.flag.path {
        "serversTransport.insecureSkipVerify" => transport.insecure_skip_verify = it.truth()?,
        "serversTransport.rootCAs" => transport.root_cas.extend(it.items().map(Pem::new)),
        "serversTransport.maxIdleConnsPerHost" => {
            let number: i64 = it.value.parse().map_err(|_| it.invalid("a number"))?;
            transport.max_idle_conns_per_host = ServersTransport::idle_conns(number);
        }
        "serversTransport.forwardingTimeouts.dialTimeout" => {
            transport.dial_timeout = duration(it)?;
        }
        "serversTransport.forwardingTimeouts.responseHeaderTimeout" => {
            transport.response_header_timeout = duration(it)?;
        }
        "serversTransport.forwardingTimeouts.idleConnTimeout" => {
            transport.idle_conn_timeout = duration(it)?;
        }
        _ => {}
    }
    Ok(())
}
