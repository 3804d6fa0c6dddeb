//! Compiles the `.proto` files in pure Rust: no `protoc` is needed to build.

use std::path::PathBuf;

use prost::Message as _;

const FILES: [&str; 5] = [
    "fairway/discovery/v1/resource.proto",
    "fairway/discovery/v1/explanation.proto",
    "fairway/discovery/v1/stats.proto",
    "fairway/discovery/v1/discovery.proto",
    "fairway/inspection/v1/inspection.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        // Ordered maps: the encoding of a message is the same on every machine,
        // and the version of a snapshot is a digest of encodings.
        .btree_map(".")
        .compile_fds(descriptors)?;
    Ok(())
}
