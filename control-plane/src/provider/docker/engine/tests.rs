//! bollard and our reading of answers against a socket that speaks HTTP by hand.

use std::sync::Mutex;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::provider::docker::event::Signal;
use crate::provider::docker::{ApiVersion, Credentials, Endpoint};

const VERSION: &str = r#"{"ApiVersion":"1.41","MinAPIVersion":"1.12"}"#;
const LIST: &str = r#"[{"Id":"c1","Names":["/web"],"State":"unheard-of"}]"#;
const INSPECTION: &str =
    r#"{"State":{"StartedAt":"1970-01-01T00:00:01Z"},"Config":{"StopSignal":"3"}}"#;
const EVENTS: [&str; 3] = [
    r#"{"Type":"container","Action":"exec_start: sh","Actor":{"ID":"c1"}}"#,
    r#"{"Type":"container","Action":"kill","Actor":{"ID":"c1","Attributes":{"signal":"15"}}}"#,
    r#"{"Type":"network","Action":"disconnect","Actor":{"ID":"n","Attributes":{"container":"c1","name":"front"}}}"#,
];

/// An engine that answers only what a careful socket proxy lets through, and
/// writes down what it was asked.
struct Socket {
    access: Access,
    asked: Arc<Mutex<Vec<String>>>,
    _folder: Folder,
    _server: AbortOnDropHandle<()>,
}

fn at(endpoint: Endpoint) -> Access {
    Access {
        endpoint,
        ..Access::default()
    }
}

struct Folder(std::path::PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Socket {
    fn open(list: &'static str) -> Self {
        let name = format!("fairway-{}-{}", std::process::id(), rand::random::<u64>());
        let folder = Folder(std::env::temp_dir().join(name));
        std::fs::create_dir_all(&folder.0).unwrap();
        let path = folder.0.join("docker.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let server = {
            let asked = Arc::clone(&asked);
            tokio::spawn(async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    tokio::spawn(answer(stream, list, Arc::clone(&asked)));
                }
            })
        };
        Self {
            access: at(Endpoint::Unix(path)),
            asked,
            _folder: folder,
            _server: AbortOnDropHandle::new(server),
        }
    }
}

async fn answer<S>(mut stream: S, list: &str, asked: Arc<Mutex<Vec<String>>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let target = head.split(' ').nth(1).unwrap().to_owned();
    asked.lock().unwrap().push(head);
    // As a real engine: a version it does not speak is refused.
    let path = target.split('?').next().unwrap();
    let (status, body) = match path.strip_prefix("/v1.41").unwrap_or(path) {
        "/version" => (200, VERSION),
        "/containers/json" => (200, list),
        "/containers/c1/json" => (200, INSPECTION),
        "/containers/c2/json" => (404, r#"{"message":"No such container"}"#),
        "/events" => {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            stream.write_all(head.as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
            for event in EVENTS {
                let chunk = format!("{:x}\r\n{event}\n\r\n", event.len() + 1);
                stream.write_all(chunk.as_bytes()).await.unwrap();
            }
            stream.write_all(b"0\r\n\r\n").await.unwrap();
            return;
        }
        _ => (403, "forbidden"),
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn every_call_is_a_get_that_a_socket_proxy_lets_through() {
    let socket = Socket::open(LIST);
    let engine = DockerEngine::connect(&socket.access).await.unwrap();
    let mut events = engine.events().await.unwrap();
    assert_eq!(
        socket.asked.lock().unwrap().len(),
        2,
        "the engine has the subscription before anything else is asked"
    );
    let list = engine.list().await.unwrap();
    assert_eq!(list.containers[0].name, "web");
    let details = engine.inspect("c1").await.unwrap();
    assert_eq!(
        (details.started, details.stop_signal),
        (Some(1_000_000_000), Signal(3))
    );
    assert!(matches!(
        engine.inspect("c2").await,
        Err(EngineError::NotFound)
    ));
    let kill = Event::Kill {
        container: "c1".to_owned(),
        signal: Some(Signal::TERM),
    };
    assert_eq!(events.next().await.unwrap().unwrap(), kill);
    let disconnect = Event::Disconnect {
        container: "c1".to_owned(),
        network: "front".to_owned(),
    };
    assert_eq!(events.next().await.unwrap().unwrap(), disconnect);
    assert!(events.next().await.is_none());
    for head in socket.asked.lock().unwrap().iter() {
        assert!(head.starts_with("GET /"), "{head}");
        assert!(!head.contains("authorization"), "{head}");
    }
}

#[tokio::test]
async fn a_version_and_a_password_that_are_set_go_with_every_call() {
    let socket = Socket::open(LIST);
    let mut access = socket.access.clone();
    access.api_version = Some("1.41".parse().unwrap());
    access.credentials = Some(Credentials {
        username: "ada".to_owned(),
        password: "secret".to_owned(),
    });
    let engine = DockerEngine::connect(&access).await.unwrap();
    engine.list().await.unwrap();
    let asked = std::mem::take(&mut *socket.asked.lock().unwrap());
    assert_eq!(asked.len(), 2);
    for head in asked {
        assert!(head.starts_with("GET /v1.41/"), "{head}");
        assert!(
            head.contains("authorization: Basic YWRhOnNlY3JldA==\r\n"),
            "{head}"
        );
    }
    assert!(!format!("{access:?}").contains("secret"));
    // What the engine does not speak is not replaced by what it does.
    access.api_version = Some("1.40".parse().unwrap());
    assert!(DockerEngine::connect(&access).await.is_err());
    for text in ["1", "1.x", "v1.44", "1.44.0", ""] {
        assert_eq!(text.parse::<ApiVersion>(), Err(()), "{text}");
    }
}

#[tokio::test]
async fn an_engine_is_reached_over_tcp_too() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let access = at(Endpoint::Tcp(listener.local_addr().unwrap().to_string()));
    let _server = AbortOnDropHandle::new(tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, LIST, Arc::default()));
        }
    }));
    let engine = DockerEngine::connect(&access).await.unwrap();
    assert_eq!(engine.list().await.unwrap().containers[0].id, "c1");
}

#[tokio::test]
async fn a_list_that_breaks_off_is_an_error() {
    let socket = Socket::open(r#"[{"Id":"c1"},{"#);
    let engine = DockerEngine::connect(&socket.access).await.unwrap();
    assert!(matches!(
        engine.list().await,
        Err(EngineError::Reply { .. })
    ));
}

#[tokio::test]
async fn a_socket_that_does_not_exist_is_an_error_that_says_so() {
    let access = at(Endpoint::Unix("/nonexistent/docker.sock".into()));
    let error = DockerEngine::connect(&access).await.err().unwrap();
    let text = super::super::watch::describe(&error);
    assert!(text.contains("No such file"), "{text}");
}
