//! A server that gives the answers that tools ask for.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

/// Serves these answers, in JSON, by the path that is asked for, each as long as the process is there. Gives its address.
pub(crate) fn serve(answers: &'static [(&'static str, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // Whoever hangs up gets no answer.
            let _ = answer(&mut stream.unwrap(), answers);
        }
    });
    address
}

fn answer(stream: &mut TcpStream, answers: &[(&str, &str)]) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    let path = first.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    let found = answers.iter().find(|(known, _)| *known == path);
    let (status, body) = found.map_or(("404 Not Found", "{}"), |(_, body)| ("200 OK", *body));
    write!(stream, "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n")?;
    write!(stream, "Content-Length: {}\r\n\r\n{body}", body.len())
}
