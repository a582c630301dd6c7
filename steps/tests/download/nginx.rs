//! A real server: nginx from Debian.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use resurge_steps::{Step, StopReason};

use crate::MIB;
use crate::bench::{Bench, assert_whole};
use crate::server::pattern;

/// A running nginx that serves one folder; ends with the test.
struct Nginx {
    dir: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Nginx {
    /// None if the environment says that this machine has no nginx.
    fn start() -> Option<Self> {
        if std::env::var_os("RESURGE_SKIP_NGINX").is_some_and(|value| value == "1") {
            return None;
        }
        // Another process may take the port between the question and nginx's answer.
        Some((0..5).find_map(|_| Self::try_start()).expect("nginx does not start"))
    }

    fn try_start() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        fs::create_dir(dir.path().join("www")).unwrap();
        fs::write(dir.path().join("nginx.conf"), config(dir.path(), port)).unwrap();
        let program = ["/usr/sbin/nginx", "/usr/bin/nginx", "nginx"];
        let program = program.into_iter().find(|p| !p.contains('/') || Path::new(p).exists());
        let child = Command::new(program.unwrap())
            .arg("-p")
            .arg(dir.path())
            .arg("-c")
            .arg(dir.path().join("nginx.conf"))
            .stderr(Stdio::null())
            .spawn()
            .expect("install nginx (apt-get install nginx-light), or set RESURGE_SKIP_NGINX=1");
        let mut nginx = Self { dir, port, child };
        nginx.is_up().then_some(nginx)
    }

    fn is_up(&mut self) -> bool {
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }

    /// Puts a file into the served folder, changed at this second.
    fn serve(&self, bytes: &[u8], changed: u64) {
        let path = self.dir.path().join("www/model.txt");
        fs::write(&path, bytes).unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000 + changed);
        fs::File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/model.txt", self.port)
    }
}

/// Whole files are sent slowly, so that a test can stop in the middle; parts are not.
fn config(dir: &Path, port: u16) -> String {
    let dir = dir.display();
    format!(
        r#"
daemon off;
master_process off;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    types {{ text/plain txt; }}
    gzip on;
    gzip_types text/plain;
    server {{
        listen 127.0.0.1:{port};
        root {dir}/www;
        location / {{
            if ($http_range = "") {{ set $limit_rate 2m; }}
        }}
    }}
}}
"#
    )
}

/// Stops the first attempt after at least 1 MiB; gives how much was kept.
async fn stop_in_the_middle(bench: &mut Bench) -> u64 {
    let mut attempt = bench.run.attempt();
    let running = bench.download.run(attempt.cx, bench.artifact.clone());
    let stopping = async {
        attempt.progress.wait_for(|progress| progress.done >= MIB as u64).await.unwrap();
        attempt.stop.stop(StopReason::Shutdown);
    };
    let (ended, ()) = tokio::join!(running, stopping);
    assert_eq!(ended.unwrap_err().kind(), "shutdown");
    fs::metadata(bench.partial()).unwrap().len()
}

#[tokio::test]
async fn nginx_gives_the_rest_of_a_file() {
    let Some(nginx) = Nginx::start() else { return };
    let bytes = pattern(5 * MIB);
    nginx.serve(&bytes, 0);
    let mut bench = Bench::new(nginx.url());
    let kept = stop_in_the_middle(&mut bench).await;
    bench.run.reboot();
    let done = bench.attempt().await.unwrap();
    assert_whole(&done, &bytes);
    assert_eq!((done.resumed_bytes, done.fetched_bytes), (kept, bytes.len() as u64 - kept));
}

#[tokio::test]
async fn nginx_gives_the_whole_file_once_it_changed() {
    let Some(nginx) = Nginx::start() else { return };
    let old = pattern(5 * MIB);
    nginx.serve(&old, 0);
    let mut bench = Bench::new(nginx.url());
    stop_in_the_middle(&mut bench).await;
    let new: Vec<u8> = old.iter().map(|byte| !byte).collect();
    nginx.serve(&new, 60);
    let done = bench.attempt().await.unwrap();
    assert_whole(&done, &new);
    assert_eq!((done.resumed_bytes, done.fetched_bytes), (0, new.len() as u64));
}

#[tokio::test]
async fn nginx_does_not_compress_what_is_asked_for_as_it_is() {
    let Some(nginx) = Nginx::start() else { return };
    let bytes = b"the same words again and again ".repeat(1000);
    nginx.serve(&bytes, 0);
    let mut bench = Bench::new(nginx.url());
    let done = bench.attempt().await.unwrap();
    assert_whole(&done, &bytes);
    assert_eq!(done.fetched_bytes, bytes.len() as u64);
}
