//! HAProxy, with one thread.

use std::net::SocketAddr;

use super::{ECHO, FILES, Ground, HOST, PATH, Running, Scene};
use crate::process::Process;

impl Ground {
    pub(super) fn haproxy(&self) -> anyhow::Result<Running> {
        let address = SocketAddr::from((self.subnet.host(3), self.http_port));
        let port = self.http_port;
        let [a, b] = self.servers.api;
        let (files, echo) = (self.servers.files, self.servers.echo);
        let (log, middlewares, metrics) = match self.scene {
            Scene::Observed => (
                "log stdout format raw local0\n option httplog",
                "http-request deny unless { src 127.0.0.0/8 }\n\
                     http-request set-header X-Edge bench\n\
                     http-response set-header X-Served-By bench",
                format!(
                    "frontend metrics\n bind {}:{port}\n\
                     http-request use-service prometheus-exporter\n",
                    self.subnet.host(7)
                ),
            ),
            _ => ("no log", "", String::new()),
        };
        let config = format!(
            "global\n nbthread 1\n maxconn 8000\n\
             defaults\n mode http\n option forwardfor\n option http-keep-alive\n {log}\n\
             timeout connect 1s\n timeout client 60s\n timeout server 60s\n timeout tunnel 1h\n\
             {metrics}\
             frontend http\n bind {address}\n {middlewares}\n\
             acl demo hdr(host) -i {HOST}\n acl api path {PATH}\n\
             acl file path_beg {FILES}\n acl echo path {ECHO}\n\
             http-request set-header X-Forwarded-Proto http\n\
             http-request set-header X-Forwarded-Host %[req.hdr(host)]\n\
             http-request set-header X-Forwarded-Port {port}\n\
             http-request set-header X-Forwarded-Server bench\n\
             http-request set-header X-Real-Ip %[src]\n\
             use_backend api if demo api\n use_backend files if demo file\n\
             use_backend echo if demo echo\n\
             backend api\n balance roundrobin\n\
             http-request set-header X-Replaced-Path %[path]\n\
             http-request set-path /\n server a {a}\n server b {b}\n\
             backend files\n server files {files}\n\
             backend echo\n server echo {echo}\n"
        );
        let path = self.write("haproxy.cfg", &config)?;
        let arguments = ["-db".to_owned(), "-f".to_owned(), path];
        Ok(Running {
            process: Process::start(0, "haproxy", &arguments)?,
            address,
            // It tells the protocols apart by how a connection begins.
            http2: address,
        })
    }
}
