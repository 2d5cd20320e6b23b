//! A request that is bytes already, and the one number of the response that is of interest.

use bytes::{Buf, BufMut};
use prost::Message;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// Sends an encoded `ExportTraceServiceRequest`, and reads how many spans were rejected.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ExportCodec;

/// Source: opentelemetry-proto, `trace_service.proto`.
#[derive(Clone, PartialEq, Message)]
struct ExportTraceServiceResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<ExportTracePartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct ExportTracePartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_spans: i64,
}

impl Codec for ExportCodec {
    type Encode = Vec<u8>;
    type Decode = usize;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for ExportCodec {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, destination: &mut EncodeBuf<'_>) -> Result<(), Status> {
        destination.put_slice(&item);
        Ok(())
    }
}

impl Decoder for ExportCodec {
    type Item = usize;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<usize>, Status> {
        let bytes = source.copy_to_bytes(source.remaining());
        let response = ExportTraceServiceResponse::decode(bytes)
            .map_err(|error| Status::internal(error.to_string()))?;
        let rejected = response.partial_success.map(|partial| partial.rejected_spans);
        Ok(Some(rejected.and_then(|spans| usize::try_from(spans).ok()).unwrap_or_default()))
    }
}
