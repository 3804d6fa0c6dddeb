//! `contentType`: finds out the media type of answers that do not say.

use fairway_proto::discovery::v1 as proto;
use serde::Serialize;

use crate::label::Fields;

/// Options of `contentType`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContentType {
    /// False: does nothing. `None`: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_detect: Option<bool>,
}

impl ContentType {
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Self {
        const AUTO_DETECT: &str = "contentType.autoDetect";
        let auto_detect = fields.boolean(AUTO_DETECT);
        if auto_detect == Some(false) {
            fields.remark(
                AUTO_DETECT,
                "contentType does nothing with autoDetect=false",
                "take the middleware out, or remove the label",
            );
        }
        Self { auto_detect }
    }

    pub(super) fn encode(&self) -> proto::ContentType {
        proto::ContentType {
            auto_detect: self.auto_detect.unwrap_or(true),
        }
    }
}
