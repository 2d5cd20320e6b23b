use std::convert::Infallible;

use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tonic::{Code, Status};

use super::MessageLimitBody;

fn message(length: usize) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend(u32::try_from(length).unwrap().to_be_bytes());
    bytes.extend(vec![7; length]);
    bytes
}

/// Sends bytes in pieces of `size` through a body with a limit of 10 bytes a message.
async fn sent(bytes: &[u8], size: usize) -> Result<Bytes, Code> {
    let frames: Vec<_> = bytes
        .chunks(size)
        .map(|chunk| Ok::<_, Infallible>(Frame::data(Bytes::copy_from_slice(chunk))))
        .collect();
    let body = MessageLimitBody::new(StreamBody::new(tokio_stream::iter(frames)), Some(10));
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(error.downcast::<Status>().unwrap().code()),
    }
}

#[tokio::test]
async fn messages_up_to_the_limit_pass_however_they_are_cut() {
    let bytes = [message(10), message(0), message(3)].concat();
    for size in 1..=bytes.len() {
        assert_eq!(sent(&bytes, size).await, Ok(Bytes::from(bytes.clone())), "pieces of {size}");
    }
}

#[tokio::test]
async fn one_byte_more_is_resource_exhausted_however_it_is_cut() {
    let bytes = [message(10), message(11)].concat();
    for size in 1..=bytes.len() {
        assert_eq!(sent(&bytes, size).await, Err(Code::ResourceExhausted), "pieces of {size}");
    }
}

#[tokio::test]
async fn the_length_alone_is_enough_to_refuse() {
    assert_eq!(sent(&[0, 255, 255, 255, 255], 5).await, Err(Code::ResourceExhausted));
}

#[tokio::test]
async fn messages_before_the_one_that_is_too_large_are_passed_on() {
    let good = [message(10), message(3)].concat();
    let bytes = [good.clone(), message(11)].concat();
    let frames = [Ok::<_, Infallible>(Frame::data(Bytes::from(bytes)))];
    let mut body = MessageLimitBody::new(StreamBody::new(tokio_stream::iter(frames)), Some(10));
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), good);
    assert!(body.frame().await.unwrap().is_err());
}
