//! The recorder of metrics that an application would have.

/// Installs it once, where the benches are built with the feature `metrics`.
#[cfg(feature = "metrics")]
pub fn install_recorder() {
    use std::sync::OnceLock;

    use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| PrometheusBuilder::new().install_recorder().unwrap());
}

#[cfg(not(feature = "metrics"))]
pub fn install_recorder() {}
