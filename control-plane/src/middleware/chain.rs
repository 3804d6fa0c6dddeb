//! `chain`: other middlewares in a row.

use serde::Serialize;

use crate::label::Fields;

/// Options of `chain`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chain {
    /// References to middlewares, outermost first; not empty.
    pub middlewares: Vec<String>,
}

impl Chain {
    /// Reads the options; what is wrong is told to the fields.
    pub(super) fn decode(fields: &mut Fields) -> Option<Self> {
        const MIDDLEWARES: &str = "chain.middlewares";
        let middlewares = fields.list(MIDDLEWARES);
        if middlewares.is_empty() {
            let suggestion = format!("write {}=a,b", fields.key(MIDDLEWARES));
            fields.reject(MIDDLEWARES, "chain lacks its middlewares", suggestion);
        }
        Some(Self { middlewares })
    }
}
