//! `grpcWeb`: translates between gRPC-Web, which browsers speak, and gRPC.

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

use crate::label::Fields;

/// Options of `grpcWeb`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GrpcWeb {
    /// Origins whose pages may ask, exactly; `*` is every origin.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_origins: Vec<String>,
}

impl GrpcWeb {
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Self {
        Self {
            allow_origins: fields.list("grpcWeb.allowOrigins"),
        }
    }

    pub(super) fn encode(&self) -> proto::GrpcWeb {
        proto::GrpcWeb {
            allow_origins: self.allow_origins.clone(),
        }
    }
}
