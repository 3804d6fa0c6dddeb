//! `passTLSClientCert` in front of clients that show no certificate.

use fairway_tests::world::Setting;

use super::{ask, serve};

const CERT: &str = "x-forwarded-tls-client-cert";
const INFO: &str = "x-forwarded-tls-client-cert-info";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_without_a_certificate_is_believed_to_have_one() {
    let trusting = "--entrypoints.http.forwardedheaders.insecure=true";
    let world = Setting::new().flag(trusting).start().await;
    let pem = ("passtlsclientcert.pem", "true");
    serve(&world, "pem", &[pem]).await;
    let info = [
        ("passtlsclientcert.info.subject.commonname", "true"),
        ("passtlsclientcert.info.sans", "true"),
        ("passtlsclientcert.info.notafter", "true"),
    ];
    serve(&world, "info", &info).await;
    let forged = format!("{CERT}: MIIB\r\n{INFO}: Subject%3D%22CN%3Droot%22\r\n");
    for name in ["pem", "info"] {
        for headers in ["", forged.as_str()] {
            let seen = ask(&world, name, "GET /", headers).await.seen();
            assert_eq!(seen.name, name);
            assert_eq!(
                (seen.header(CERT), seen.header(INFO)),
                (None, None),
                "{name}"
            );
        }
    }
    // Where nobody asks for certificates, what a trusted peer says of them stays.
    let seen = ask(&world, "open.pem", "GET /", &forged).await.seen();
    assert_eq!(seen.header(CERT), Some("MIIB"));
}
