//! `GET /metrics`: the breakers and bulkheads, for Prometheus.

use core::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use cutout::metrics::Metrics;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::Hosts;

/// The page, and what is on it. The recorder is its own, so that two services in one process have a
/// page each; a service that has other metrics collects into the one that is installed.
pub(crate) struct Page {
    pub(crate) metrics: Metrics,
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl Page {
    pub(crate) fn new() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        Self { metrics: Metrics::new(), recorder, handle }
    }

    /// The page as it is now.
    fn text(&self) -> String {
        self.metrics.collect_into(&self.recorder);
        self.handle.render()
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("metrics", &self.metrics).finish_non_exhaustive()
    }
}

pub(crate) async fn scrape(
    State(hosts): State<Arc<Hosts>>,
) -> ([(HeaderName, &'static str); 1], String) {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], hosts.page.text())
}
