//! The codec of calls whose messages are known by their descriptors only.

use bytes::{BufMut, Bytes};
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// Sends messages that are encoded already, and decodes replies of one type.
#[derive(Clone, Debug)]
pub(crate) struct DynamicCodec {
    pub(crate) reply: MessageDescriptor,
}

impl Codec for DynamicCodec {
    type Encode = Bytes;
    type Decode = DynamicMessage;
    type Encoder = BytesEncoder;
    type Decoder = DynamicDecoder;

    fn encoder(&mut self) -> BytesEncoder {
        BytesEncoder
    }

    fn decoder(&mut self) -> DynamicDecoder {
        DynamicDecoder { message: self.reply.clone() }
    }
}

/// The encoder of [`DynamicCodec`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct BytesEncoder;

impl Encoder for BytesEncoder {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

/// The decoder of [`DynamicCodec`].
#[derive(Clone, Debug)]
pub(crate) struct DynamicDecoder {
    message: MessageDescriptor,
}

impl Decoder for DynamicDecoder {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let mut message = DynamicMessage::new(self.message.clone());
        message.merge(buffer).map_err(|error| {
            Status::internal(format!("the reply is not a {}: {error}", self.message.full_name()))
        })?;
        Ok(Some(message))
    }
}
