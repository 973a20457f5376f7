//! The servers themselves: what they keep, and that nothing of them stays.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use servers::{Fsync, Nats, Postgres, Redis};

const PAUSE: Duration = Duration::from_millis(20);
const GONE_MAX: Duration = Duration::from_secs(30);

/// Asks PostgreSQL by its own client; what it complains of where it does.
fn ask(url: &str, sql: &str) -> Result<String, String> {
    let output =
        Command::new("psql").args(["-AtXq", "-v", "ON_ERROR_STOP=1", "-c", sql, url]).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().trim().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// Sends one line after the server has greeted, if it does, and gives all that it answers until it hangs up.
fn converse(url: &str, lines: &str) -> String {
    let (_, address) = url.rsplit_once('@').unwrap();
    let mut connection = TcpStream::connect(address).unwrap();
    connection.write_all(lines.as_bytes()).unwrap();
    let mut answers = String::new();
    connection.read_to_string(&mut answers).unwrap();
    answers
}

fn password(url: &str) -> &str {
    url.split_once('@').unwrap().0.rsplit_once(':').unwrap().1
}

fn redis(server: &Redis, command: &str) -> String {
    let url = server.url();
    let answers = converse(&url, &format!("AUTH {}\r\n{command}\r\nQUIT\r\n", password(&url)));
    answers.lines().nth(1).unwrap().to_owned()
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..GONE_MAX.as_millis() / PAUSE.as_millis() {
        if is_so() {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("{what} did not come about");
}

#[tokio::test]
async fn every_test_has_an_empty_database_of_its_own() {
    let (one, two) = (servers::postgres().database().await, servers::postgres().database().await);
    assert_ne!(one.url, two.url);
    ask(&one.url, "CREATE TABLE notes(text TEXT)").unwrap();
    assert!(ask(&two.url, "SELECT * FROM notes").unwrap_err().contains("does not exist"));
    let url = one.url.clone();
    drop(one);
    assert!(ask(&url, "SELECT 1").unwrap_err().contains("does not exist"), "it was not removed");
}

#[tokio::test]
async fn a_postgres_that_is_killed_keeps_what_was_committed() {
    let postgres = Postgres::start().await;
    let database = postgres.database().await;
    assert_eq!(ask(&database.url, "SHOW fsync").unwrap(), "on");
    ask(&database.url, "CREATE TABLE notes(text TEXT); INSERT INTO notes VALUES ('kept')").unwrap();
    postgres.kill().await;
    assert!(ask(&database.url, "SELECT 1").is_err(), "it was not killed");
    postgres.restart().await;
    assert_eq!(ask(&database.url, "SELECT text FROM notes").unwrap(), "kept");
    postgres.stop().await;
    assert!(ask(&database.url, "SELECT 1").is_err(), "it was not stopped");
    postgres.restart().await;
    assert_eq!(ask(&database.url, "SELECT text FROM notes").unwrap(), "kept");
}

#[tokio::test]
async fn a_postgres_is_killed_while_a_query_runs_and_starts_again() {
    let postgres = Postgres::start_with(Fsync::Off).await;
    let url = postgres.url("postgres");
    let mut busy = Command::new("psql")
        .args(["-c", "SELECT pg_sleep(600)", &url])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let running =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%sleep(600)%' AND pid <> pg_backend_pid()";
    until("the query", || ask(&url, running).unwrap() == "1").await;
    postgres.kill().await;
    assert!(!busy.wait().unwrap().success());
    postgres.restart().await;
    assert_eq!(ask(&url, running).unwrap(), "0");
}

#[tokio::test]
async fn nobody_connects_who_does_not_know_the_password() {
    let postgres = servers::postgres();
    let url = postgres.url("postgres");
    let refused = ask(&url.replace(password(&url), "guessed"), "SELECT 1").unwrap_err();
    assert!(refused.contains("password authentication failed"), "{refused}");
    let url = Redis::start().await.url();
    assert!(url.starts_with("redis://:"), "{url}");
}

#[tokio::test]
async fn whatever_is_paused_answers_nobody_until_it_goes_on() {
    let server = Redis::start().await;
    server.pause().await;
    let url = server.url();
    let asked = tokio::task::spawn_blocking(move || converse(&url, "PING\r\nQUIT\r\n"));
    tokio::time::sleep(PAUSE * 10).await;
    assert!(!asked.is_finished(), "it answers");
    server.go_on().await;
    assert!(asked.await.unwrap().starts_with("-NOAUTH"));
    let postgres = Postgres::start_with(Fsync::Off).await;
    let database = postgres.database().await;
    postgres.pause().await;
    let url = database.url.clone();
    let asked = tokio::task::spawn_blocking(move || ask(&url, "SELECT 1"));
    tokio::time::sleep(PAUSE * 10).await;
    assert!(!asked.is_finished(), "it answers");
    postgres.go_on().await;
    assert_eq!(asked.await.unwrap().unwrap(), "1");
}

#[tokio::test]
async fn a_redis_forgets_when_it_is_wiped_or_killed() {
    let server = Redis::start().await;
    assert_eq!(redis(&server, "SET note kept"), "+OK");
    assert_eq!(redis(&server, "EXISTS note"), ":1");
    server.wipe().await;
    assert_eq!(redis(&server, "EXISTS note"), ":0");
    assert_eq!(redis(&server, "SET note kept"), "+OK");
    server.kill().await;
    server.restart().await;
    assert_eq!(redis(&server, "EXISTS note"), ":0");
    server.stop().await;
    assert!(TcpStream::connect(server.url().rsplit_once('@').unwrap().1).is_err(), "it was not stopped");
}

/// Asks `JetStream` one thing, and gives the answer's JSON.
fn jetstream(server: &Nats, subject: &str, body: &str) -> String {
    let url = server.url();
    let (_, address) = url.rsplit_once('@').unwrap();
    let mut connection = BufReader::new(TcpStream::connect(address).unwrap());
    let hello =
        format!("CONNECT {{\"verbose\":false,\"user\":\"tests\",\"pass\":\"{}\"}}\r\n", password(&url));
    let ask = format!("SUB answer 1\r\nPUB $JS.API.{subject} answer {}\r\n{body}\r\n", body.len());
    connection.get_mut().write_all(format!("{hello}{ask}").as_bytes()).unwrap();
    let lines = connection.lines().map(Result::unwrap);
    lines.skip_while(|line| !line.starts_with("MSG ")).nth(1).unwrap()
}

#[tokio::test]
async fn a_nats_keeps_its_streams_until_it_is_wiped() {
    let server = Nats::start().await;
    let made = jetstream(&server, "STREAM.CREATE.notes", r#"{"name":"notes","subjects":["notes.*"]}"#);
    assert!(made.contains(r#""did_create":true"#), "{made}");
    server.kill().await;
    server.restart().await;
    let names = jetstream(&server, "STREAM.NAMES", "");
    assert!(names.contains(r#""streams":["notes"]"#), "{names}");
    server.wipe().await;
    let names = jetstream(&server, "STREAM.NAMES", "");
    assert!(names.contains(r#""streams":null"#) || names.contains(r#""streams":[]"#), "{names}");
}

/// The program that starts one server of each kind, and what it says of them.
fn keeper() -> (Child, Vec<String>) {
    let mut keeper = Command::new(env!("CARGO_BIN_EXE_servers"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(keeper.stdout.take().unwrap());
    let urls: Vec<String> = output.lines().take(3).map(Result::unwrap).collect();
    assert_eq!(urls.len(), 3, "{urls:?}");
    (keeper, urls)
}

fn address(url: &str) -> &str {
    url.rsplit_once('@').unwrap().1.split('/').next().unwrap()
}

/// The folders that the shells under `process` run servers in, whichever of its threads started them.
fn folders(process: &Child) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{}/task", process.id())).unwrap();
    let children = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("children")).unwrap());
    let children: Vec<String> = children.collect();
    let folder = |pid: &str| fs::read_link(format!("/proc/{pid}/cwd")).unwrap().display().to_string();
    children.iter().flat_map(|pids| pids.split_whitespace()).map(folder).collect()
}

#[tokio::test]
async fn servers_end_with_a_process_that_is_killed_and_nothing_of_them_stays() {
    let (mut keeper, urls) = keeper();
    let folders = folders(&keeper);
    assert_eq!(folders.len(), 3, "{folders:?}");
    for url in &urls {
        assert!(TcpStream::connect(address(url)).is_ok(), "{url}");
    }
    keeper.kill().unwrap();
    keeper.wait().unwrap();
    until("the end of every server", || urls.iter().all(|url| TcpStream::connect(address(url)).is_err()))
        .await;
    until("the end of every folder", || folders.iter().all(|folder| !Path::new(folder).exists())).await;
}
