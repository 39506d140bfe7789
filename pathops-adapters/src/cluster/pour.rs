//! An answer that is counted, and of which both ends stay, however long it is.

use futures_util::StreamExt as _;
use http_body_util::BodyExt as _;
use pathops_core::Result;
use pathops_core::adapter::LogEnds;

use super::http::{Ask, Http, lost};

impl Http {
    /// Gives the answer to `ends`, which alone says how much of it stays in memory. Where it breaks off or takes too long, they have
    /// what came.
    pub(crate) async fn pour(&self, ask: &Ask, ends: &mut LogEnds) -> Result<()> {
        let answer = async {
            let mut body = self.send(ask).await?.into_body().into_data_stream();
            while let Some(piece) = body.next().await {
                ends.push(&piece.map_err(|error| lost(ask, error))?);
            }
            Ok(())
        };
        self.in_time(ask, answer).await
    }
}
