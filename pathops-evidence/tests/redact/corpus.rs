//! A labelled corpus: secrets of every kind, in every encoding and position, and ordinary text that looks a bit like them.
//!
//! The secrets are made up when the program runs, from parts: none of them is one, and none stands in this file.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

/// A small generator of numbers (xorshift64*), so that a seed gives the same corpus on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    pub(crate) fn one_of<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.below(all.len())]
    }

    /// Letters drawn from `alphabet`.
    pub(crate) fn letters(&mut self, alphabet: &str, length: usize) -> String {
        let letters = alphabet.as_bytes();
        (0..length).map(|_| char::from(*self.one_of(letters))).collect()
    }

    pub(crate) fn hex(&mut self, length: usize) -> String {
        self.letters("0123456789abcdef", length)
    }

    pub(crate) fn word(&mut self, length: usize) -> String {
        self.letters("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", length)
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

/// A text with a secret in it.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) kind: &'static str,
    pub(crate) text: String,
    /// What must not be in the text afterwards.
    pub(crate) secret: String,
}

/// A secret that shows what it is by its own form, where it stands alone.
pub(crate) fn tokens(numbers: &mut Numbers) -> Vec<Sample> {
    let upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut all = vec![
        ("aws", ["AK", "IA"].concat() + &numbers.letters(upper, 16)),
        ("github", ["gh", "p_"].concat() + &numbers.word(36)),
        ("github", ["github", "_pat_"].concat() + &numbers.word(22) + "_" + &numbers.word(59)),
        ("gitlab", ["glp", "at-"].concat() + &numbers.word(20)),
        ("slack", ["xo", "xb-"].concat() + "123456789012-123456789012-" + &numbers.word(24)),
        ("google", ["AI", "za"].concat() + &numbers.word(35)),
        ("stripe", ["sk_", "live_"].concat() + &numbers.word(24)),
        ("npm", ["npm", "_"].concat() + &numbers.word(36)),
        ("pypi", ["py", "pi-"].concat() + "AgEIcHlwaS5vcmc" + &numbers.word(70)),
        ("docker", ["dckr", "_pat_"].concat() + &numbers.word(27)),
        ("digitalocean", ["dop", "_v1_"].concat() + &numbers.hex(64)),
        ("vault", ["hv", "s."].concat() + &numbers.word(90)),
        ("terraform", numbers.word(14) + &[".atlas", "v1."].concat() + &numbers.word(64)),
        ("grafana", ["gl", "sa_"].concat() + &numbers.word(32) + "_" + &numbers.hex(8)),
        ("openai", ["sk-", "proj-"].concat() + &numbers.word(48)),
        ("anthropic", ["sk-", "ant-api03-"].concat() + &numbers.word(93) + "AA"),
        ("hugging-face", ["h", "f_"].concat() + &numbers.letters(letters, 34)),
        ("sendgrid", ["S", "G."].concat() + &numbers.word(22) + "." + &numbers.word(43)),
        ("databricks", ["da", "pi"].concat() + &numbers.hex(32)),
        ("age", ["AGE-SECRET", "-KEY-1"].concat() + &numbers.letters("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)),
        ("jwt", jwt(numbers)),
        ("random", random(numbers, 40)),
        ("random", random(numbers, 64)),
    ];
    all.drain(..).map(|(kind, secret)| Sample { kind, text: secret.clone(), secret }).collect()
}

pub(crate) fn jwt(numbers: &mut Numbers) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let claims = format!(r#"{{"sub":"{}","iat":1764000000}}"#, numbers.below(1_000_000));
    [part(r#"{"alg":"HS256","typ":"JWT"}"#), part(&claims), numbers.word(43)].join(".")
}

/// Letters and digits as a key has them: some of each.
pub(crate) fn random(numbers: &mut Numbers, length: usize) -> String {
    numbers.word(length - 6) + "aZ4bY7"
}

/// A password as people and generators make them.
pub(crate) fn password(numbers: &mut Numbers) -> String {
    let form = numbers.below(4);
    match form {
        0 => format!(
            "{}-{}-{}",
            numbers.one_of(&["horse", "staple", "amber", "quick"]),
            numbers.one_of(&["river", "lamp"]),
            numbers.below(1_000)
        ),
        1 => numbers.letters("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789!#*+-_", 14),
        2 => numbers.word(20),
        _ => format!("{}{}!", numbers.one_of(&["Sommer", "Winter", "swordfish"]), numbers.below(9_000) + 1_000),
    }
}

/// Secrets that are known by what stands around them.
pub(crate) fn placed(numbers: &mut Numbers) -> Vec<Sample> {
    let mut all = Vec::new();
    let mut add = |kind, before: &str, secret: String, after: &str| {
        all.push(Sample { kind, text: format!("{before}{secret}{after}"), secret });
    };
    for (before, after) in [
        ("DB_PASSWORD=", ""),
        ("export API_KEY='", "'"),
        ("password: ", ""),
        ("    password: \"", "\""),
        ("{\"user\":\"app\",\"password\":\"", "\",\"tls\":true}"),
        ("{\"clientSecret\": \"", "\"}"),
        ("secret_key => '", "',"),
        ("--password ", " --verbose"),
        ("--set db.password=", " --wait"),
        ("<password>", "</password>"),
        ("<property name=\"db.password\" value=\"", "\"/>"),
        ("- {name: DB_PASSWORD, value: ok} password=\"", "\""),
        ("{\"name\":\"DB_PASSWORD\",\"value\":\"", "\"}"),
        ("Server=db;Database=shop;User Id=app;Password=", ";Encrypt=true"),
        ("host=db user=app password=", " sslmode=disable"),
        ("machine db.example.com login app password ", ""),
        ("level=info msg=connecting dsn_password=", " attempt=1"),
        ("config[\"api_key\"] = \"", "\""),
        ("set PGPASSWORD=", " && psql"),
        ("GET /login?user=a&password=", "&next=%2F HTTP/1.1"),
        ("env:\n  - name: DB_PASSWORD\n    value: ", "\n  - name: PORT"),
        ("db:\n  password: |\n    ", "\n  port: 1"),
        ("db:\n  password: >-\n    ", "\nother: 1"),
        ("[\n  {\n    \"name\": \"API_TOKEN\",\n    \"value\": \"", "\"\n  }\n]"),
    ] {
        add("assignment", before, password(numbers), after);
    }
    for (before, after) in [
        ("postgres://app:", "@db.example.com:5432/shop"),
        ("amqp://guest:", "@rabbit/vhost"),
        ("https://deploy:", "@git.example.com/shop.git"),
        ("jdbc:postgresql://app:", "@db/x?ssl=true"),
        ("mysql app:", "@tcp(db:3306)/shop"),
    ] {
        add("url", before, password(numbers).replace('#', "x"), after);
    }
    add("url", "postgres://app:p@ss/", password(numbers).replace('#', "x"), "@db.example.com/shop");
    add("url", "git clone https://", random(numbers, 32), "@git.example.com/shop.git");
    add("signed-url", "https://s.blob.core.windows.net/c/f?sv=2024&sig=", numbers.word(40) + "%3D", "&se=2026");
    add("signed-url", "https://b.s3.amazonaws.com/f?X-Amz-Expires=60&X-Amz-Signature=", numbers.hex(64), "");
    add("header", "Authorization: Bearer ", numbers.word(40), "");
    add("header", "> authorization: token ", numbers.word(20), "\n> accept: */*");
    add("header", "curl -H 'Authorization: Bearer ", numbers.word(30), "' https://api.example.com");
    add("header", "Authorization: Digest username=\"a\", response=\"", numbers.hex(32), "\"");
    add("header", "Authorization: AWS4-HMAC-SHA256 Credential=a/b, Signature=", numbers.hex(64), "");
    add("header", "X-Api-Key: ", numbers.word(24), "");
    add("header", "\"X-Vault-Token\": [\"", numbers.word(24), "\"]");
    add("header", "using Bearer ", numbers.word(32), " for the call");
    add("basic-auth", "Authorization: Basic ", STANDARD.encode(format!("app:{}", password(numbers))), "");
    add("basic-auth", "proxy said Basic ", STANDARD.encode(format!("app:{}", password(numbers))), " was wrong");
    add(
        "basic-auth",
        "{\"auths\":{\"r.example.com\":{\"auth\":\"",
        STANDARD.encode(format!("bot:{}", password(numbers))),
        "\"}}}",
    );
    add("basic-auth", "curl -s -u admin:", password(numbers), " https://example.com");
    add("basic-auth", "sshpass -p ", password(numbers), " ssh -p 2222 db");
    add("cookie", "Cookie: theme=dark; sid=", numbers.word(26), "; lang=en");
    add("cookie", "Set-Cookie: sid=", numbers.word(26), "; Path=/; HttpOnly");
    add("kubeconfig", "users:\n- name: a\n  user:\n    client-key-data: ", STANDARD.encode(numbers.bytes(90)), "\n    x: 1");
    add("kubeconfig", "  user:\n    token: ", numbers.word(40), "");
    add(
        "connection",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=",
        STANDARD.encode(numbers.bytes(64)),
        ";EndpointSuffix=x",
    );
    add(
        "connection",
        "Endpoint=sb://a.example.com/;SharedAccessKeyName=k;SharedAccessKey=",
        STANDARD.encode(numbers.bytes(32)),
        "",
    );
    all.extend(private_keys(numbers));
    all
}

/// A private key whole, cut off, behind the time of a log, and in a string.
fn private_keys(numbers: &mut Numbers) -> Vec<Sample> {
    let (begin, end) = (["-----BEGIN ", "PRIVATE KEY-----"].concat(), ["-----END ", "PRIVATE KEY-----"].concat());
    let body: Vec<String> = (0..26).map(|_| STANDARD.encode(numbers.bytes(48))).collect();
    let lines = |with: &str| body.iter().map(|line| format!("{with}{line}\n")).collect::<String>();
    let sample = |text: String, secret: &str| Sample { kind: "private-key", text, secret: secret.to_owned() };
    vec![
        sample(format!("{begin}\n{}{end}\n", lines("")), &body[3]),
        sample(format!("{begin}\n{}", lines("")), &body[25]),
        sample(format!("{}{end}\n", lines("")), &body[6]),
        sample(format!("12:00:00 {begin}\n{}12:00:00 {end}\n", lines("12:00:00 ")), &body[20]),
        sample(format!("{{\"key\":\"{begin}\\n{}\\n{end}\\n\"}}", body.join("\\n")), &body[9]),
        sample(format!("tls.key: |\n    {begin}\n{}    {end}\n", lines("    ")), &body[12]),
    ]
}

/// A way to hide a text, by name.
pub(crate) type Encoding = (&'static str, fn(&str) -> String);

pub(crate) const ENCODINGS: &[Encoding] = &[
    ("base64", |text| STANDARD.encode(text)),
    ("base64, no padding", |text| STANDARD_NO_PAD.encode(text)),
    ("base64url", |text| URL_SAFE.encode(text)),
    ("base64url, no padding", |text| URL_SAFE_NO_PAD.encode(text)),
    ("base64, wrapped", |text| wrapped(&STANDARD.encode(text))),
    ("base64, glued", |text| format!("data-{}", STANDARD.encode(text))),
    ("hex", |text| text.bytes().fold(String::new(), |out, byte| out + &format!("{byte:02x}"))),
    ("HEX", |text| text.bytes().fold(String::new(), |out, byte| out + &format!("{byte:02X}"))),
    ("URL", url),
    ("URL, all", |text| text.bytes().fold(String::new(), |out, byte| out + &format!("%{byte:02x}"))),
    ("JSON", json),
    ("JSON, \\u", |text| text.encode_utf16().fold(String::new(), |out, unit| out + &format!("\\u{unit:04x}"))),
];

fn wrapped(text: &str) -> String {
    let lines: Vec<_> = text.as_bytes().chunks(76).map(String::from_utf8_lossy).collect();
    format!("\n{}\n", lines.join("\n"))
}

fn url(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

pub(crate) fn json(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Every sample as it is and in each encoding, with a line before and after it; and in pairs of encodings, where it goes
/// `deep`.
pub(crate) fn secrets(seed: u64, deep: bool) -> Vec<Sample> {
    let mut numbers = Numbers::new(seed);
    let mut plain = tokens(&mut numbers);
    for sample in &mut plain {
        let (before, after) = *numbers.one_of(&[("", ""), ("using ", " now"), ("(", ")"), ("\"", "\","), ("x=", ";")]);
        sample.text = format!("{before}{}{after}", sample.text);
    }
    plain.extend(placed(&mut numbers));
    let encoded: Vec<_> = plain.iter().filter(|sample| sample.kind != "random").flat_map(in_each_encoding).collect();
    let twice: Vec<_> = encoded.iter().filter(|_| deep).flat_map(in_each_encoding).collect();
    let framed = |mut sample: Sample| {
        sample.text = format!("before\nvalue {} end\nafter\n", sample.text);
        sample
    };
    plain.into_iter().chain(encoded.into_iter().chain(twice).map(framed)).collect()
}

/// What must be gone is the encoded secret, where it has a place of its own, and else all of the encoded text.
fn in_each_encoding(sample: &Sample) -> impl Iterator<Item = Sample> {
    ENCODINGS.iter().map(|(kind, encode)| {
        let (text, secret) = (encode(&sample.text), encode(&sample.secret));
        let secret = if text.contains(&secret) { secret } else { text.trim().to_owned() };
        Sample { kind, text, secret }
    })
}

impl Sample {
    /// Whether the better half of the secret is in a text, or at least 10 bytes of it.
    pub(crate) fn is_left_in(&self, text: &str) -> bool {
        let (text, secret) = (text.as_bytes(), self.secret.as_bytes());
        let half = secret.len().min(10.max(secret.len() / 2));
        let mut halves = secret.windows(half).step_by(1 + secret.len() / 16);
        halves.any(|half| memchr::memmem::find(text, half).is_some())
    }
}

/// Text without a secret. Each line must stay as it is.
pub(crate) fn ordinary(seed: u64) -> Vec<String> {
    let mut numbers = Numbers::new(seed);
    let mut lines: Vec<String> = include_str!("ordinary.txt").lines().map(str::to_owned).collect();
    for _ in 0..200 {
        let uuid = [8, 4, 4, 4, 12].map(|length| numbers.hex(length)).join("-");
        lines.push(format!("request {uuid} took {} ms", numbers.below(1_000)));
        lines.push(format!("commit {} of shop/orders", numbers.hex(40)));
        lines.push(format!("Pulled image registry.example.com/shop/orders@sha256:{}", numbers.hex(64)));
        lines.push(format!("github.com/pkg/errors v0.{}.0 h1:{}=", numbers.below(20), numbers.word(43)));
        lines.push(format!("      \"integrity\": \"sha512-{}==\",", numbers.word(86)));
        lines.push(format!("checksum = \"{}\"", numbers.hex(64)));
        lines.push(format!("<img src=\"data:image/png;base64,iVBORw0KGgoAAAANSUhEUg{}\">", STANDARD.encode(numbers.bytes(600))));
        lines.push(format!(
            "pod/orders-{}-{} Started container orders",
            numbers.letters("bcdfghjklmnpqrstvwxz2456789", 10),
            numbers.letters("bcdfghjklmnpqrstvwxz2456789", 5)
        ));
        lines.push(format!("trace_id={} span_id={} http.status_code=200", numbers.hex(32), numbers.hex(16)));
        lines.push(format!("at com.example.shop.Orders$Line{}.total(Orders.java:{})", numbers.below(99), numbers.below(900)));
    }
    for _ in 0..20 {
        let image = STANDARD.encode(numbers.bytes(1_500));
        lines.extend(image.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned()));
        lines.push("that was an image".to_owned());
    }
    lines
}
