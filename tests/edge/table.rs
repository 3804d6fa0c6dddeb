//! Every file of `fixtures/edge` against a running proxy.

use crate::fixture;
use crate::play::play;
use crate::stage::Stage;

/// Plays all cases of a file, says all that is wrong, then fails.
async fn run(name: &str) {
    let cases = fixture::load(name);
    let stage = Stage::start().await;
    let (mut failed, mut told) = (0, Vec::new());
    for case in &cases {
        let wrong = play(&stage, case).await;
        if !wrong.is_empty() {
            failed += 1;
            told.push(format!("{}\n    {}", case.name, wrong.join("\n    ")));
        }
    }
    println!("{name}: {} cases", cases.len());
    assert!(
        told.is_empty(),
        "{name}: {failed} of {} cases\n{}",
        cases.len(),
        told.join("\n")
    );
}

macro_rules! files {
    ($($name:ident: $file:literal),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                run($file).await;
            }
        )+

        #[test]
        fn every_file_is_played() {
            assert_eq!(fixture::names(), [$($file),+]);
        }
    };
}

files! {
    a_chunked_body_has_one_reading: "chunk",
    a_length_and_a_coding_together_are_an_attack: "desync",
    nobody_who_is_not_trusted_says_what_the_edge_says: "forwarded",
    headers_have_one_syntax: "header",
    lines_of_one_hop_end_with_it: "hop",
    a_request_is_for_one_host: "host",
    a_length_is_one_number: "length",
    a_path_is_one_path: "path",
    a_proxy_header_is_taken_from_nobody: "proxy-header",
    a_request_line_is_one_line: "request-line",
    a_broken_answer_harms_nobody_else: "response",
    a_coding_is_chunked_or_nothing: "te",
    trailers_frame_route_and_vouch_for_nothing: "trailer",
    nothing_is_switched_before_the_server_has_said_so: "upgrade",
}
