//! A small HTTP/1.1 server in this process: one request a connection.

use std::future::Future;
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is to be done.
    pub method: String,
    /// The path, decoded.
    pub path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    /// What came along.
    pub body: Vec<u8>,
}

impl Request {
    /// A parameter.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn line(&self) -> String {
        let query: Vec<String> = self.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
        format!("{} {}?{}", self.method, self.path, query.join("&"))
    }

    /// A request without a body, from its head.
    #[must_use]
    pub fn parse(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut first = lines.next()?.split(' ');
        let (method, target) = (first.next()?.to_owned(), first.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let headers = lines.filter_map(|line| line.split_once(": ")).map(|(key, value)| (key.to_owned(), value.to_owned()));
        Some(Self {
            method,
            path: decoded(path),
            // A plus is a space there.
            query: pairs.map(|(key, value)| (decoded(key), decoded(&value.replace('+', " ")))).collect(),
            headers: headers.collect(),
            body: Vec::new(),
        })
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let hex = [bytes.next().unwrap(), bytes.next().unwrap()];
                decoded.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
            }
            byte => decoded.push(byte),
        }
    }
    String::from_utf8(decoded).unwrap()
}

/// A piece of a stream; `Cut` breaks the connection off.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Some of it.
    Bytes(Vec<u8>),
    /// The end, too early.
    Cut,
}

/// What is answered.
#[derive(Debug)]
pub struct Reply {
    /// How it went.
    pub status: u16,
    /// Headers beside those of every answer.
    pub headers: Vec<(&'static str, String)>,
    /// What comes along.
    pub body: Body,
}

/// What comes along with an answer.
#[derive(Debug)]
pub enum Body {
    /// All of it is known.
    Whole(Vec<u8>),
    /// It comes bit by bit.
    Stream(mpsc::Receiver<Piece>),
}

impl Reply {
    /// An answer that is known as a whole.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: Vec::new(), body: Body::Whole(serde_json::to_vec(body).unwrap()) }
    }

    /// An answer that comes bit by bit.
    #[must_use]
    pub fn stream(pieces: mpsc::Receiver<Piece>) -> Self {
        Self { status: 200, headers: Vec::new(), body: Body::Stream(pieces) }
    }
}

/// A server that stops when it is dropped.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub url: String,
    accepting: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Server {
    /// Starts one on a free port of 127.0.0.1, on the runtime around.
    pub async fn start<F, A>(answer: F) -> Self
    where
        F: Fn(Request) -> A + Send + Sync + 'static,
        A: Future<Output = Reply> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = Arc::new(answer);
        let accepting = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let answer = answer.clone();
                tokio::spawn(async move { serve(connection, &*answer).await });
            }
        });
        Self { url, accepting }
    }
}

/// One request. The other side may hang up at any time.
async fn serve<F, A>(mut connection: TcpStream, answer: &F) -> Option<()>
where
    F: Fn(Request) -> A,
    A: Future<Output = Reply>,
{
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let mut request = Request::parse(std::str::from_utf8(&bytes[..end]).unwrap())?;
    let length = request.header("content-length").map_or(0, |length| length.parse::<usize>().unwrap());
    while bytes.len() < end + 4 + length {
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    request.body = bytes[end + 4..].to_vec();
    let Reply { status, headers, body } = answer(request).await;
    let mut head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\n");
    headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    match body {
        Body::Whole(bytes) => {
            head.push_str(&format!("content-length: {}\r\n\r\n", bytes.len()));
            connection.write_all(head.as_bytes()).await.ok()?;
            connection.write_all(&bytes).await.ok()?;
        }
        Body::Stream(mut pieces) => {
            head.push_str("transfer-encoding: chunked\r\n\r\n");
            connection.write_all(head.as_bytes()).await.ok()?;
            loop {
                let bytes = match pieces.recv().await {
                    Some(Piece::Bytes(bytes)) => bytes,
                    Some(Piece::Cut) => break,
                    None => {
                        connection.write_all(b"0\r\n\r\n").await.ok()?;
                        break;
                    }
                };
                connection.write_all(format!("{:x}\r\n", bytes.len()).as_bytes()).await.ok()?;
                connection.write_all(&bytes).await.ok()?;
                connection.write_all(b"\r\n").await.ok()?;
            }
        }
    }
    connection.shutdown().await.ok()
}
