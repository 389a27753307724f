//! Small values that the tests of this layer share.

use std::collections::BTreeMap;

use crate::base::ids::{Fingerprint, Receipt};
use crate::event::degradation::{DegradationSeen, Severity, Source};

/// A degradation `service PROCESS_DEAD` of a target.
pub fn seen(target: &str, attributes: &[(&str, &str)]) -> DegradationSeen {
    DegradationSeen {
        receipt: Receipt(uuid::Uuid::nil()),
        subsystem: "service".into(),
        code: "PROCESS_DEAD".into(),
        target: target.into(),
        severity: Severity::Error,
        summary: "gone".into(),
        detail: None,
        attributes: attributes
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect::<BTreeMap<_, _>>(),
        observed_at: None,
        source: Source::Sentinel("eye".into()),
        sender_id: None,
        fingerprint: Fingerprint::of("service", "PROCESS_DEAD", target),
        actionable: true,
    }
}
