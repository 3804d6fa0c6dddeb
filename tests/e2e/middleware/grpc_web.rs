//! `grpcWeb`: a browser's dialect on one side, gRPC over HTTP/2 on the other.

use std::convert::Infallible;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fairway_tests::raw_client::{RawClient, Reply};
use fairway_tests::world::World;
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use super::behind;

/// Echoes the message of a call in two frames, and how the call came.
async fn answer(
    request: Request<Incoming>,
) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>>, Infallible> {
    let of = |name: &str| {
        let value = request.headers().get(name).cloned();
        value.unwrap_or_else(|| HeaderValue::from_static("-"))
    };
    let content_type = of("content-type");
    let (te, forged) = (of("te"), of("x-forwarded-tls-client-cert"));
    let message = request.into_body().collect().await.unwrap().to_bytes();
    let half = message.len() / 2;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    trailers.insert("grpc-message", HeaderValue::from_static("fine"));
    let frames = [
        Frame::data(message.slice(..half)),
        Frame::data(message.slice(half..)),
        Frame::trailers(trailers),
    ];
    let frames = tokio_stream::iter(frames.map(Ok));
    let mut response = Response::new(StreamBody::new(frames));
    let headers = response.headers_mut();
    headers.insert(
        "content-type",
        HeaderValue::from_static("application/grpc+proto"),
    );
    headers.insert("x-came-as", content_type);
    headers.insert("x-te", te);
    headers.insert("x-forged", forged);
    Ok(response)
}

async fn grpc_server(address: SocketAddr) {
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let served = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service_fn(answer));
            tokio::spawn(served);
        }
    });
}

async fn call(world: &World, headers: &str, body: &[u8]) -> Reply {
    let mut client = RawClient::connect(world.http()).await.unwrap();
    let length = body.len();
    let head = format!(
        "POST /shop.Shop/List HTTP/1.1\r\nHost: web.test\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    let request = [head.as_bytes(), body].concat();
    client.exchange(request).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_speaks_with_a_grpc_server() {
    let world = World::start().await;
    let spec = behind("web", &[("chain.middlewares", "cert,grpc")])
        .label(
            "traefik.http.middlewares.grpc.grpcweb.alloworigins",
            "https://a.test",
        )
        .label(
            "traefik.http.middlewares.cert.passtlsclientcert.pem",
            "true",
        )
        .label(
            "traefik.http.services.web.loadbalancer.server.scheme",
            "h2c",
        );
    world.engine().run(spec.port(world.backend_port()));
    let ip = world.engine().address("web", None).expect("an address");
    grpc_server(SocketAddr::new(ip.into(), world.backend_port())).await;
    let message = b"\0\0\0\0\x05hello".as_slice();
    let trailers = b"\x80\0\0\0\x24grpc-status: 0\r\ngrpc-message: fine\r\n".as_slice();
    let expected = [message, trailers].concat();

    let reply = fairway_tests::wait::wait_for("the server", || async {
        let lines = "Content-Type: application/grpc-web+proto\r\nOrigin: https://a.test\r\n\
                     X-Forwarded-Tls-Client-Cert: forged\r\n";
        let reply = call(&world, lines, message).await;
        (reply.status() == 200).then_some(reply)
    })
    .await;
    let of = |reply: &Reply, name: &str| reply.head.header(name).unwrap_or("").to_owned();
    assert_eq!(reply.body, expected);
    assert_eq!(of(&reply, "content-type"), "application/grpc-web+proto");
    assert_eq!(of(&reply, "x-came-as"), "application/grpc+proto");
    assert_eq!(
        (of(&reply, "x-te"), of(&reply, "x-forged")),
        ("trailers".into(), "-".into())
    );
    assert_eq!(of(&reply, "access-control-allow-origin"), "https://a.test");
    assert!(of(&reply, "access-control-expose-headers").contains("grpc-status"));

    let lines = "Content-Type: application/grpc-web-text\r\nOrigin: https://b.test\r\n";
    let reply = call(&world, lines, STANDARD.encode(message).as_bytes()).await;
    let body = reply.text();
    // Written in pieces, each with its own padding.
    let decoded: Vec<u8> = body
        .as_bytes()
        .chunks(4)
        .flat_map(|chunk| STANDARD.decode(chunk).unwrap())
        .collect();
    assert_eq!(decoded, expected, "{body}");
    assert_eq!(
        of(&reply, "content-type"),
        "application/grpc-web-text+proto"
    );
    assert_eq!(of(&reply, "access-control-allow-origin"), "");
    let reply = call(&world, lines, b"no base64!").await;
    assert_eq!(reply.status(), 400);

    // Those who speak gRPC themselves are left alone.
    let reply = call(&world, "Content-Type: application/grpc\r\n", message).await;
    assert_eq!(reply.body, message);
    assert_eq!(of(&reply, "content-type"), "application/grpc+proto");

    let mut client = RawClient::connect(world.http()).await.unwrap();
    let preflight = "OPTIONS /shop.Shop/List HTTP/1.1\r\nHost: web.test\r\n\
                     Origin: https://a.test\r\nAccess-Control-Request-Method: POST\r\n\
                     Access-Control-Request-Headers: content-type,x-grpc-web\r\n\r\n";
    let reply = client.exchange(preflight).await.unwrap();
    assert_eq!(reply.status(), 200);
    assert_eq!(of(&reply, "access-control-allow-methods"), "POST");
    assert_eq!(of(&reply, "access-control-max-age"), "600");
}
