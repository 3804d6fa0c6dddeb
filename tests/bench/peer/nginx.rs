//! nginx, with one worker: as a proxy, and as the server of files behind all of them.

use std::net::SocketAddr;
use std::path::Path;

use super::{ECHO, FILES, Ground, HOST, PATH, Running, Scene};
use crate::process::Process;

const MAIN: &str = "daemon off; master_process off; worker_processes 1;\n\
    error_log /dev/null crit; events { worker_connections 8000; }\n";

impl Ground {
    pub(super) fn nginx(&self) -> anyhow::Result<Running> {
        let port = self.http_port;
        let address = SocketAddr::from((self.subnet.host(4), port));
        // Without TLS a port speaks one of the two.
        let http2 = SocketAddr::from((self.subnet.host(8), port));
        let [a, b] = self.servers.api;
        let (files, echo) = (self.servers.files, self.servers.echo);
        let (log, middlewares) = match self.scene {
            Scene::Observed => (
                "access_log /dev/stdout;",
                "allow 127.0.0.0/8; deny all; add_header X-Served-By bench;\n\
                 proxy_set_header X-Edge bench;\n\
                 location = /metrics { stub_status; }\n",
            ),
            _ => ("access_log off;", ""),
        };
        let config = format!(
            "{MAIN} pid {pid};\n\
             http {{ {log} keepalive_requests 100000000;\n\
             upstream api {{ server {a}; server {b}; keepalive 1024; keepalive_requests 100000000; }}\n\
             upstream files {{ server {files}; keepalive 1024; keepalive_requests 100000000; }}\n\
             server {{ listen {address}; listen {http2} http2; server_name {HOST};\n\
             proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
             proxy_set_header Host $http_host;\n\
             proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n\
             proxy_set_header X-Forwarded-Proto http; proxy_set_header X-Forwarded-Host $http_host;\n\
             proxy_set_header X-Forwarded-Port {port}; proxy_set_header X-Forwarded-Server bench;\n\
             proxy_set_header X-Real-Ip $remote_addr; proxy_set_header X-Replaced-Path $uri;\n\
             {middlewares}\
             location = {PATH} {{ proxy_pass http://api/; }}\n\
             location {FILES} {{ proxy_pass http://files; proxy_max_temp_file_size 0; }}\n\
             location = {ECHO} {{ proxy_pass http://{echo}; proxy_read_timeout 1h;\n\
             proxy_set_header Connection $http_connection; proxy_set_header Upgrade $http_upgrade; }}\n\
             }} }}\n",
            pid = self.file("nginx.pid"),
        );
        let path = self.write("nginx.conf", &config)?;
        let arguments = ["-c".to_owned(), path];
        Ok(Running {
            process: Process::start(0, "nginx", &arguments)?,
            address,
            http2,
        })
    }
}

/// Writes the files and the configuration of their server; its path.
pub(super) fn file_server(directory: &Path, address: SocketAddr) -> anyhow::Result<String> {
    let root = directory.join("root");
    std::fs::create_dir_all(root.join("file"))?;
    std::fs::write(root.join("file/64k"), vec![b'x'; 64 * 1024])?;
    std::fs::write(root.join("file/10m"), vec![b'x'; 10 * 1024 * 1024])?;
    // Readable for the user that nginx becomes.
    for readable in [directory, &root, &root.join("file")] {
        let mut permissions = std::fs::metadata(readable)?.permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
        std::fs::set_permissions(readable, permissions)?;
    }
    let config = format!(
        "{MAIN} pid {pid};\n\
         http {{ access_log off; sendfile on; keepalive_requests 100000000;\n\
         server {{ listen {address}; root {root}; }} }}\n",
        pid = directory.join("files.pid").display(),
        root = root.display(),
    );
    let path = directory.join("files.conf");
    std::fs::write(&path, config)?;
    Ok(path.to_string_lossy().into_owned())
}
