//! The program of the shop's `store`: a key-value store over HTTP.
//!
//! `GET /items/<key>` answers the item or 404; `PUT /items/<key>` keeps the body as the item and answers 204 once it is
//! durable: a crash at any moment leaves the old item or the new one, whole. `GET /health` answers 200.

use std::convert::Infallible;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

const MAX_HEAD_BYTES: u64 = 16 * 1024;
const MAX_ITEM_BYTES: u64 = 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves the items below `data_dir` on 127.0.0.1, a thread for each connection, until the process ends.
///
/// # Errors
/// Where the folder cannot be made, or the port cannot be bound or listened on.
pub(crate) fn serve(port: u16, data_dir: &Path) -> io::Result<Infallible> {
    let items = Arc::new(Items::open(data_dir)?);
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                let items = Arc::clone(&items);
                // A client that goes away in the middle is no concern of the others.
                thread::spawn(move || converse(&stream, &items).ok());
            }
            Err(e) if e.kind() == ErrorKind::ConnectionAborted => {}
            Err(e) => return Err(e),
        }
    }
}

/// The items, a file each.
struct Items {
    folder: PathBuf,
    unfinished: PathBuf,
    writes: AtomicU64,
}

impl Items {
    fn open(data_dir: &Path) -> io::Result<Self> {
        let (folder, unfinished) = (data_dir.join("items"), data_dir.join("unfinished"));
        fs::create_dir_all(&folder)?;
        fs::create_dir_all(&unfinished)?;
        File::open(data_dir)?.sync_all()?;
        Ok(Self { folder, unfinished, writes: AtomicU64::new(0) })
    }

    fn get(&self, key: &Key) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.folder.join(&key.0)) {
            Ok(item) => Ok(Some(item)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn put(&self, key: &Key, item: &[u8]) -> io::Result<()> {
        let number = self.writes.fetch_add(1, Ordering::Relaxed);
        let path = self.unfinished.join(number.to_string());
        let mut file = File::create(&path)?;
        file.write_all(item)?;
        file.sync_all()?;
        fs::rename(&path, self.folder.join(&key.0))?;
        // The new name is durable only with its folder.
        File::open(&self.folder)?.sync_all()
    }
}

/// A key that is safe as a file name.
struct Key(String);

impl Key {
    fn parse(text: &str) -> Option<Self> {
        let chars = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        (chars && (1..=64).contains(&text.len())).then(|| Self(text.to_owned()))
    }
}

struct Request {
    method: String,
    path: String,
    body: Vec<u8>,
}

struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Answer {
    fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into() }
    }
}

fn converse(stream: &TcpStream, items: &Items) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let answer = match read_request(stream) {
        Ok(request) => answer(&request, items).unwrap_or_else(|e| Answer::new(500, e.to_string())),
        Err(e) if e.kind() == ErrorKind::InvalidData => Answer::new(400, e.to_string()),
        Err(e) => return Err(e),
    };
    let Answer { status, body } = answer;
    let length = body.len();
    let mut bytes = format!("HTTP/1.1 {status} \r\nContent-Length: {length}\r\nConnection: close\r\n\r\n").into_bytes();
    bytes.extend(body);
    (&mut &*stream).write_all(&bytes)
}

fn answer(request: &Request, items: &Items) -> io::Result<Answer> {
    if request.path == "/health" {
        return Ok(Answer::new(200, "ok"));
    }
    let Some(key) = request.path.strip_prefix("/items/").and_then(Key::parse) else {
        return Ok(Answer::new(404, "write /items/<key>, the key of a-z, 0-9 and `-`"));
    };
    match request.method.as_str() {
        "GET" => Ok(items.get(&key)?.map_or_else(|| Answer::new(404, "no such item"), |item| Answer::new(200, item))),
        "PUT" => items.put(&key, &request.body).map(|()| Answer::new(204, "")),
        _ => Ok(Answer::new(405, "only GET and PUT")),
    }
}

/// `InvalidData` where it is no request that can be answered.
fn read_request(stream: impl Read) -> io::Result<Request> {
    let mut reader = BufReader::new(stream.take(MAX_HEAD_BYTES + MAX_ITEM_BYTES));
    let head = read_head(&mut reader)?;
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(invalid("the request has no path"));
    };
    let header = |wanted: &str| {
        let mut headers = lines.clone().filter_map(|line| line.split_once(':'));
        headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
    };
    if header("transfer-encoding").is_some() {
        return Err(invalid("the item comes without a content length"));
    }
    let length =
        header("content-length").map_or(Ok(0), str::parse::<u64>).map_err(|_| invalid("the content length is no number"))?;
    if length > MAX_ITEM_BYTES {
        return Err(invalid("the item is longer than 1 MiB"));
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    // An item that was cut off on its way must not be kept as if it were whole.
    if body.len() as u64 != length {
        return Err(invalid("the item is shorter than its content length"));
    }
    Ok(Request { method, path, body })
}

fn read_head(reader: &mut impl BufRead) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let read = reader.by_ref().take(MAX_HEAD_BYTES).read_until(b'\n', &mut head)?;
        if read == 0 || head.len() as u64 > MAX_HEAD_BYTES {
            return Err(invalid("the head of the request is too long or ends early"));
        }
    }
    String::from_utf8(head).map_err(|_| invalid("the head of the request is no text"))
}

fn invalid(message: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(items: &Items, request: &str) -> (u16, Vec<u8>) {
        let answer = answer(&read_request(request.as_bytes()).unwrap(), items).unwrap();
        (answer.status, answer.body)
    }

    #[test]
    fn an_item_survives_a_restart_and_an_unfinished_write() {
        let dir = tempfile::tempdir().unwrap();
        let put = "PUT /items/order-1 HTTP/1.1\r\ncontent-length: 3\r\n\r\ntea";
        assert_eq!(ask(&Items::open(dir.path()).unwrap(), put).0, 204);
        fs::write(dir.path().join("unfinished/0"), "te").unwrap();
        let items = Items::open(dir.path()).unwrap();
        assert_eq!(ask(&items, "GET /items/order-1 HTTP/1.1\r\n\r\n"), (200, b"tea".to_vec()));
        assert_eq!(ask(&items, &put.replace("\ntea", "\nmug")).0, 204);
        assert_eq!(ask(&items, "GET /items/order-1 HTTP/1.1\r\n\r\n"), (200, b"mug".to_vec()));
        assert_eq!(ask(&items, "GET /items/order-2 HTTP/1.1\r\n\r\n").0, 404);
    }

    #[test]
    fn a_key_cannot_leave_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let items = Items::open(dir.path()).unwrap();
        for path in ["/items/", "/items/../../x", "/items/A", "/etc"] {
            assert_eq!(ask(&items, &format!("PUT {path} HTTP/1.1\r\ncontent-length: 1\r\n\r\nx")).0, 404, "{path}");
        }
    }

    #[test]
    fn a_request_that_is_cut_off_or_too_long_is_refused() {
        let too_long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(20_000));
        for bad in [
            "",
            "GET /items/a HTTP/1.1\r\n",
            "PUT /items/a HTTP/1.1\r\ncontent-length: 4\r\n\r\ntea",
            "PUT /items/a HTTP/1.1\r\ncontent-length: 1048577\r\n\r\n",
            "PUT /items/a HTTP/1.1\r\ncontent-length: many\r\n\r\n",
            "PUT /items/a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\ntea\r\n0\r\n\r\n",
            too_long.as_str(),
        ] {
            assert_eq!(read_request(bad.as_bytes()).err().map(|e| e.kind()), Some(ErrorKind::InvalidData), "{bad:.60}");
        }
    }
}
