//! What stands in `infra` and in `docker-compose.yml`, beside what the program knows: a setting that nothing reads ends a
//! start, and a port that nobody listens on answers nobody.

use std::collections::BTreeSet;

use serde_yaml_ng::Value;
use tests::{
    binary,
    workspace::{files, root, text},
};

/// Where nodes listen inside their image, and where everything else looks for them.
const PORT: &str = "3000";

fn read(path: &str) -> String {
    text(&root().join(path)).unwrap_or_else(|| panic!("{path} is text"))
}

fn yaml(path: &str) -> Value {
    let mut value: Value =
        serde_yaml_ng::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    value.apply_merge().unwrap_or_else(|error| panic!("{path}: {error}"));
    value
}

/// The settings as the environment names them.
fn settings() -> BTreeSet<String> {
    let table = binary::output(["settings"]);
    let keys = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    keys.map(|key| format!("VELOERA_{}", key.to_uppercase())).collect()
}

/// Every `VELOERA_…` in a text.
fn variables(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let names = text.split(|c: char| !is_part(c)).filter_map(|word| word.strip_prefix("VELOERA_"));
    names.filter(|name| !name.is_empty()).map(|name| format!("VELOERA_{name}")).collect()
}

#[test]
fn the_reference_of_settings_is_what_the_program_reads() {
    let (written, table) = (read("docs/configuration.md"), binary::output(["settings"]));
    assert!(written.contains(&table), "write it anew: `veloera settings`\n{table}");
}

#[test]
fn every_variable_in_what_is_deployed_is_a_setting() {
    let known = settings();
    assert!(known.contains("VELOERA_MASTER_KEY") && known.contains("VELOERA_NATS_URL"), "{known:?}");
    // What Compose itself reads: which image, and where it is reached from outside.
    let compose: BTreeSet<_> = ["VELOERA_IMAGE", "VELOERA_PORT"].map(str::to_owned).into();
    let deployed = ["infra/docker", "infra/helm", "infra/systemd"].map(|folder| files(&root().join(folder)));
    let mut seen = BTreeSet::new();
    for path in deployed.into_iter().flatten().chain([root().join("docker-compose.yml")]) {
        let found = variables(&text(&path).expect("it is text"));
        let unknown: Vec<_> = found.difference(&known).filter(|name| !compose.contains(*name)).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", path.display());
        seen.extend(found);
    }
    assert!(seen.contains("VELOERA_CONTROL_URL") && seen.contains("VELOERA_LISTEN"), "{seen:?}");
}

#[test]
fn every_node_of_compose_has_what_its_role_needs_and_nothing_that_it_refuses() {
    let compose = yaml("docker-compose.yml");
    let services = compose["services"].as_mapping().expect("services");
    let mut roles = Vec::new();
    for (name, service) in services {
        let Some(command) = service["command"].as_sequence() else { continue };
        let words: Vec<&str> = command.iter().filter_map(Value::as_str).collect();
        let ["serve", "--role", role] = words[..] else { continue };
        let environment = service["environment"].as_mapping().expect("an environment");
        let has = |key: &str| environment.contains_key(key);
        assert!(has("VELOERA_MASTER_KEY") && has("VELOERA_NATS_URL"), "{name:?}");
        assert_eq!(has("VELOERA_DATABASE_URL"), role == "control", "{name:?}");
        assert_eq!(has("VELOERA_CONTROL_URL"), role == "relay", "{name:?}");
        let volume = service["volumes"][0].as_str().expect("a volume");
        assert!(volume.ends_with(":/data"), "{name:?} keeps its data in {volume}");
        let named = volume.split(':').next().expect("a name");
        assert!(compose["volumes"].get(named).is_some(), "{named} is no volume");
        roles.push((role, volume));
    }
    let volumes: BTreeSet<_> = roles.iter().map(|(_, volume)| *volume).collect();
    assert_eq!(
        (roles.len(), volumes.len()),
        (3, 3),
        "one control node and two relay nodes, each with its own data"
    );
}

#[test]
fn everybody_looks_for_nodes_where_they_listen() {
    let image = read("infra/docker/Dockerfile");
    assert!(
        image.contains(&format!("EXPOSE {PORT}\n"))
            && image.contains(&format!("VELOERA_LISTEN=0.0.0.0:{PORT}"))
    );
    for path in ["docker-compose.yml", "infra/nginx/nginx.conf", "infra/prometheus/prometheus.yml"] {
        let text = read(path);
        let mut found = 0;
        for node in ["control:", "relay-1:", "relay-2:"] {
            let ports = text.split(node).skip(1).map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
            for port in ports.flatten().filter(|port| !port.is_empty()) {
                assert_eq!(port, PORT, "{path}: {node}");
                found += 1;
            }
        }
        assert!(found > 0, "{path} names no node");
    }
    let pod = read("infra/helm/veloera/templates/_helpers.tpl");
    assert!(pod.contains(&format!("containerPort: {PORT}")));
    assert!(pod.contains(&format!("\"0.0.0.0:{PORT}\"")) && pod.contains(&format!("-control:{PORT}\"")));
    for probe in ["/livez", "/readyz"] {
        assert!(pod.contains(&format!("path: {probe}, port: http")), "{probe}");
        assert!(read("openapi/openapi.json").contains(&format!("\"{probe}\"")), "{probe} is no route");
    }
}

#[test]
fn the_chart_names_values_that_there_are() {
    let values = yaml("infra/helm/veloera/values.yaml");
    for path in files(&root().join("infra/helm/veloera/templates")) {
        let text = text(&path).expect("it is text");
        for used in text.split(".Values.").skip(1) {
            let used = used.split(|c: char| !c.is_alphanumeric() && c != '.').next().unwrap_or_default();
            let found = used.split('.').try_fold(&values, |value, key| value.get(key));
            assert!(found.is_some(), "{}: there is no value {used}", path.display());
        }
    }
}

#[test]
fn alerts_and_panels_ask_for_metrics_that_there_are() {
    let documented = read("docs/administration.md")
        + &read("docs/cluster.md")
        + &read("docs/bus.md")
        + &read("docs/telemetry.md");
    let rules = yaml("infra/prometheus/rules.yml");
    let board: serde_json::Value =
        serde_json::from_str(&read("infra/grafana/dashboards/veloera.json")).expect("a dashboard");
    let alerts = rules["groups"][0]["rules"].as_sequence().expect("rules").iter();
    let alerts = alerts.map(|rule| rule["expr"].as_str().expect("an expression").to_owned());
    let panels = board["panels"].as_array().expect("panels").iter();
    let panels = panels.flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let panels = panels.map(|target| target["expr"].as_str().expect("an expression").to_owned());
    let mut asked = 0;
    for expression in alerts.chain(panels) {
        let names = expression.split(|c: char| !c.is_ascii_lowercase() && c != '_' && !c.is_ascii_digit());
        for name in names.filter(|name| name.starts_with("veloera_")) {
            let name = name.trim_end_matches("_bucket");
            assert!(documented.contains(name), "{expression}: {name} is documented nowhere");
            asked += 1;
        }
    }
    assert!(asked > 15, "only {asked}");
}
