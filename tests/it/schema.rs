//! The interface, asked everything that its own document describes: nothing breaks, and no answer is outside it.

use std::process::{Command, Stdio};

use tests::{Launch, Veloera, workspace};

const CHECKS: &str =
    "not_a_server_error,response_schema_conformance,content_type_conformance,status_code_conformance";
/// The same cases each time, few of them.
const SEED: &str = "7";
const EXAMPLES_MAX: &str = "10";
/// Its answer has no end.
const ENDLESS: &str = "/api/v1/events/tail";

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_the_answer_is_one_that_the_document_describes() {
    let program = workspace::root().join(".venv/bin/schemathesis");
    assert!(program.is_file(), "{} is missing: `infra/setup test` makes it", program.display());
    let veloera = Veloera::start(Launch::default()).await;
    let key = veloera.demo()["admin_key"].as_str().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(program)
        .args(["run", &veloera.url("/api/openapi.json"), "--url", &veloera.url("")])
        .args(["--header", &format!("Authorization: Bearer {key}")])
        .args(["--include-path-regex", "^/(api|livez|readyz)", "--exclude-path", ENDLESS])
        .args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing"])
        .args(["--max-examples", EXAMPLES_MAX, "--seed", SEED, "--no-color"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(!veloera.log().contains("panicked"), "a request panicked");
    veloera.verified();
}
