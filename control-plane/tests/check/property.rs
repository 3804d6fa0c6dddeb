//! Nothing that is written in a file makes `check` panic.

use fairway_control::check::Format;
use proptest::prelude::*;

use crate::text;

/// Texts that are nearly Compose files.
fn nearly() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "services:\n",
        "  web:\n",
        "    labels:\n",
        "    - ",
        "      ",
        "traefik.http.routers.a.rule",
        "traefik.enable",
        "=",
        ": ",
        "Host(`a`)",
        "${A",
        "${A:-",
        "}",
        "$",
        "&x ",
        "*x",
        "<<: *x",
        "\n",
        "extends: web",
        "include: [compose.yml]",
        "{",
        "[",
        "]",
        ",",
        "\"",
        "'",
        "|\n",
        ">-\n",
        "!reset ",
        "deploy: {replicas: 99}",
        "ports: ['1-9:1-9']",
        "expose: [80]",
        "networks: [n]",
        "image: traefik",
        "command: --entrypoints.a.address=:1",
        "network_mode: service:web",
        "\t",
        "# c",
        "---\n",
        "? ",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let report = text(&String::from_utf8_lossy(&bytes), &[]);
        let _ = report.print(Format::Text);
    }

    #[test]
    fn nothing_like_a_compose_file_makes_it_panic(project in nearly()) {
        let report = text(&project, &[]);
        let _ = report.print(Format::Text);
        let _ = report.print(Format::Json);
    }

    #[test]
    fn no_labels_make_it_panic(
        labels in prop::collection::btree_map("traefik\\.(http|tcp)\\.[a-z]{1,8}(\\.[a-zA-Z\\[\\]0-9]{0,9}){0,4}", ".{0,30}", 0..6),
        flag in "--[a-zA-Z.]{0,30}(=.{0,10})?",
    ) {
        let lines = labels.iter().map(|(key, value)| {
            format!("    - {}\n", serde_json::to_string(&format!("{key}={value}")).unwrap())
        });
        let project = format!("services:\n  a:\n    labels:\n{}", lines.collect::<String>());
        let report = text(&project, &[&flag]);
        let _ = report.print(Format::Json);
    }
}
